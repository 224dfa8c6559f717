"""Mail as files in a folder: what the embedded set-up does instead of sending."""

from __future__ import annotations

import os
from pathlib import Path

from server.mail.mailer import Mail, message_of
from server.sms.gateway import LATER, REFUSED, SENT, Outcome


class MailFolder:
    """A `Mailer` that writes one .eml file a mail, readable only by ourselves."""

    def __init__(self, folder: Path, sender: str) -> None:
        """`sender` is the address that the mails are from. Makes the folder when it is needed."""
        self._folder = folder
        self._sender = sender

    def send(self, mail: Mail) -> Outcome:
        """See `Mailer`. The file is whole or not there at all."""
        try:
            content = message_of(mail, self._sender).as_bytes()
        except ValueError:
            return Outcome(REFUSED, fault="bad_address")
        path = self._folder / f"{mail.reference}.eml"
        part = path.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(
                os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            part.rename(path)
        except OSError:
            return Outcome(LATER, fault="storage_fault")
        return Outcome(SENT, provider_id=path.name)
