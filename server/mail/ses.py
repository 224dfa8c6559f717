"""Mail through Amazon SES, API v2 (SendEmail with a raw message).

SES knows no token that would make a repeated call harmless, so the SDK's own retries are off and
an answer that did not come is an unknown end: see `server.sms.aws`. Our role needs
ses:SendEmail and ses:SendRawEmail on the sender's identity.
"""

from __future__ import annotations

from typing import Any, Final

from server.mail.mailer import Mail, message_of
from server.sms.aws import ask_once, open_client
from server.sms.gateway import LATER, REFUSED, Outcome

# SES API v2 reference, SendEmail, Errors: what is wrong with the account and not with the mail.
# Amazon answers them with 400, and whoever runs the service can mend it.
_MENDABLE: Final = frozenset(
    {
        "AccountSuspendedException",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "SendingPausedException",
    }
)


class SESMailer:
    """A `Mailer` in Amazon SES. Does not connect before it sends."""

    def __init__(
        self, region: str, sender: str, lease_s: float, endpoint_url: str | None = None
    ) -> None:
        """`sender`: an address or domain that SES has verified."""
        self._sender = sender
        self.client: Any = open_client("sesv2", region, lease_s, endpoint_url)

    def send(self, mail: Mail) -> Outcome:
        """See `Mailer`."""
        try:
            content = message_of(mail, self._sender).as_bytes()
        except ValueError:
            return Outcome(REFUSED, fault="bad_address")
        outcome = ask_once(
            self.client.send_email,
            FromEmailAddress=self._sender,
            Destination={"ToAddresses": list(mail.recipients)},
            Content={"Raw": {"Data": content}},
            EmailTags=[{"Name": "reference", "Value": mail.reference}],
        )
        if outcome.kind == REFUSED and outcome.fault in _MENDABLE:
            return Outcome(LATER, fault=outcome.fault)
        return outcome
