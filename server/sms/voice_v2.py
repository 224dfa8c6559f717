"""Text messages through AWS End User Messaging (boto3's `pinpoint-sms-voice-v2`).

Parameters are those of the API reference v2, action SendTextMessage. `Context` comes back in every
delivery event, so also a send whose answer was lost can be told of later (`server.sms.receipts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.sms import aws
from server.sms.gateway import Outcome

REFERENCE = "valet_message"
"""The key of our id of the message in `Context`."""
# AWS takes no less and no more.
_KEEP_S_MIN, _KEEP_S_MAX = 5, 259_200


@dataclass(frozen=True, slots=True)
class Origin:
    """From what we send: `identity` is a phone number, sender id or pool, `configuration_set` says
    where delivery events go. Empty for AWS's own choice, and for no events."""

    identity: str = ""
    configuration_set: str = ""


class VoiceV2Gateway:
    """Sends through SendTextMessage. A message that the carrier cannot deliver within `keep_s`
    seconds is given up by AWS: a text that comes hours late helps nobody."""

    def __init__(
        self,
        region: str,
        origin: Origin,
        lease_s: float,
        keep_s: int,
        endpoint_url: str | None = None,
    ) -> None:
        """Does not connect yet. An attempt ends well before a claim of `lease_s` does."""
        self._origin = origin
        self._keep_s = min(max(keep_s, _KEEP_S_MIN), _KEEP_S_MAX)
        self.client = aws.open_client("pinpoint-sms-voice-v2", region, lease_s, endpoint_url)

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        """Ask once and say how it ended."""
        parameters: dict[str, Any] = {
            "DestinationPhoneNumber": phone,
            "MessageBody": text,
            "MessageType": "TRANSACTIONAL",
            "TimeToLive": self._keep_s,
            "Context": {REFERENCE: reference},
        }
        if self._origin.identity:
            parameters["OriginationIdentity"] = self._origin.identity
        if self._origin.configuration_set:
            parameters["ConfigurationSetName"] = self._origin.configuration_set
        return aws.ask_once(self.client.send_text_message, **parameters)
