"""Word of what became of a message after the carrier took it: delivery events from a queue.

AWS End User Messaging sends an event for each step of a message to a topic of SNS (the event
destination of a configuration set), from where they come into a queue of SQS. Their fields are
those of the user guide, "Example event data for text messages"; prices are in US dollars, and a
balboa is one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from server.sms import aws
from server.sms.gateway import Receipt
from server.sms.voice_v2 import REFERENCE

log = structlog.get_logger()

_AT_ONCE = 10
_DELIVERED = frozenset({"DELIVERED", "SUCCESSFUL"})
# The carrier has it and nobody knows more; `UNKNOWN` is what handsets that do not answer end as.
_ON_ITS_WAY = frozenset({"QUEUED", "PENDING", "SENT", "UNKNOWN"})
_FAULT_CHARS = 60
_MICROS = 1_000_000


class ReceiptQueue:
    """A queue of SQS with delivery events. It is asked at most every `every_s` seconds."""

    def __init__(
        self,
        queue_url: str,
        region: str,
        every_s: float,
        mono_ns: Callable[[], int],
        endpoint_url: str | None = None,
    ) -> None:
        """Does not connect yet."""
        self._queue_url = queue_url
        self._every_ns = int(every_s * 10**9)
        self._mono_ns = mono_ns
        self._next_ns = mono_ns()
        self._is_lost = False
        self.client = aws.open_client("sqs", region, 20, endpoint_url)

    def look(self) -> Sequence[Receipt]:
        """See `Receipts`. A queue that cannot be reached has nothing; its loss is said once."""
        if self._mono_ns() < self._next_ns:
            return []
        self._next_ns = self._mono_ns() + self._every_ns
        try:
            answer = self.client.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=_AT_ONCE
            )
        except (BotoCoreError, ClientError) as error:
            if not self._is_lost:
                log.warning("sms_receipts_lost", fault=type(error).__name__)
            self._is_lost = True
            return []
        if self._is_lost:
            log.info("sms_receipts_back")
        self._is_lost = False
        found = answer.get("Messages", ())
        if len(found) == _AT_ONCE:
            self._next_ns = self._mono_ns()
        return [read_receipt(message["ReceiptHandle"], message["Body"]) for message in found]

    def forget(self, receipts: Sequence[Receipt]) -> None:
        """See `Receipts`. What cannot be forgotten comes again, and changes nothing then."""
        for receipt in receipts:
            try:
                self.client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt.handle)
            except (BotoCoreError, ClientError) as error:
                log.warning("sms_receipt_not_forgotten", fault=type(error).__name__)


def read_receipt(handle: str, body: str) -> Receipt:
    """The event in a message of the queue, with or without the envelope of SNS around it. One
    that cannot be read names no message."""
    try:
        event = json.loads(body)
        if "Message" in event and "eventType" not in event:
            event = json.loads(event["Message"])
        return _receipt(handle, event)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("sms_receipt_unreadable", fault=type(error).__name__)
        return Receipt(handle, None, None, None, None, None)


def _receipt(handle: str, event: dict[str, Any]) -> Receipt:
    status = str(event.get("messageStatus") or event["eventType"].removeprefix("TEXT_"))
    is_delivered = None
    if status in _DELIVERED:
        is_delivered = True
    elif status not in _ON_ITS_WAY and event.get("isFinal", True):
        is_delivered = False
    price = event.get("totalMessagePrice")
    return Receipt(
        handle=handle,
        reference=(event.get("context") or {}).get(REFERENCE),
        provider_id=event["messageId"],
        is_delivered=is_delivered,
        fault=status.lower()[:_FAULT_CHARS] if is_delivered is False else None,
        cost_micros=None if price is None else round(float(price) * _MICROS),
    )
