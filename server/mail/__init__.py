"""E-mail: which carrier the settings name."""

from __future__ import annotations

from server.config import Config
from server.mail.folder import MailFolder
from server.mail.mailer import Mailer


def open_mailer(config: Config) -> Mailer:
    """The carrier that the settings name. Does not connect yet."""
    if config.mail_carrier == "ses":
        # Imported here: the SDK takes half a second that a folder does not need.
        from server.mail.ses import SESMailer

        return SESMailer(config.mail_region, config.mail_sender, config.report_lease_s)
    return MailFolder(config.mail_folder, config.mail_sender)


__all__ = ["open_mailer"]
