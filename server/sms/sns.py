"""Text messages through Amazon SNS (`Publish` to a phone number), with exactly one attempt."""

from __future__ import annotations

from server.sms import aws
from server.sms.gateway import Outcome


class SNSGateway:
    """Sends through SNS. `sender` is the sender name, where the country's carriers keep it."""

    def __init__(
        self, region: str, sender: str, lease_s: float, endpoint_url: str | None = None
    ) -> None:
        """Does not connect yet. An attempt ends well before a claim of `lease_s` does."""
        self._sender = sender
        self.client = aws.open_client("sns", region, lease_s, endpoint_url)

    def send(self, _reference: str, phone: str, text: str) -> Outcome:
        """Publish once and say how it ended. SNS has no field for our id of the message."""
        return aws.ask_once(
            self.client.publish,
            PhoneNumber=phone,
            Message=text,
            MessageAttributes=self._attributes(),
        )

    def _attributes(self) -> dict[str, dict[str, str]]:
        attributes = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
        if self._sender:
            attributes["AWS.SNS.SMS.SenderID"] = {
                "DataType": "String",
                "StringValue": self._sender,
            }
        return attributes
