"""What every carrier of text messages looks like, the four ends that a send can have, and what may
be heard of a message later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

SENT = "sent"
REFUSED = "refused"
LATER = "later"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a send ended.

    `sent`: the carrier took it, under `provider_id`. `refused`: it never will. `later`: it was
    certainly not taken and may be tried again. `unknown`: it may or may not have gone out, so
    no machine may try again. `fault` is a short code, never a number or a text.
    """

    kind: str
    provider_id: str | None = None
    fault: str | None = None


class SMSGateway(Protocol):
    """Carries one text message."""

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        """Try once to send `text` to `phone` (E.164); `reference` is our id of the message."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one event says. `is_delivered` is None while nobody knows; `reference` is our id of the
    message, `provider_id` the carrier's; `cost_micros` are millionths of a balboa."""

    handle: str = field(repr=False)
    reference: str | None
    provider_id: str | None
    is_delivered: bool | None
    fault: str | None
    cost_micros: int | None


class Receipts(Protocol):
    """Where word of messages comes from."""

    def look(self) -> Sequence[Receipt]:
        """What has come; the same again some time later, unless it is `forget`ed."""

    def forget(self, receipts: Sequence[Receipt]) -> None:
        """These were written down."""
