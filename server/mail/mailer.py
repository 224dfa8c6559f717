"""What every carrier of e-mail looks like. A send has the four ends of a text message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Protocol

from server.sms.gateway import Outcome


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail. `reference` is our id of it. Who gets it and what it says are in no log."""

    reference: str
    recipients: Sequence[str] = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    attachments: Sequence[Attachment] = ()


class Mailer(Protocol):
    """Carries one mail."""

    def send(self, mail: Mail) -> Outcome:
        """Try once to send it."""


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """The mail as RFC 5322 has it. Raises `ValueError` for an address that is none."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = [Address(addr_spec=address) for address in mail.recipients]
    message["Subject"] = mail.subject
    # The same again after a failure is the same mail: a mailbox shows one that it has only once.
    message["Message-ID"] = f"<{mail.reference}@{sender.rpartition('@')[2].strip('> ')}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    for attachment in mail.attachments:
        main, _, sub = attachment.media_type.partition("/")
        message.add_attachment(
            attachment.content, maintype=main, subtype=sub, filename=attachment.name
        )
    return message
