"""Where reports are kept that were made by themselves, behind the two things asked of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import structlog

from schemas.problems import Refusal
from server.config import Config

log = structlog.get_logger()


class ReportStore(Protocol):
    """Both raise `Refusal("report_store_lost")` while the store cannot be reached."""

    def keep(self, name: str, content: bytes, media_type: str) -> None:
        """Keep a file; the same name again replaces it, whole or not at all."""

    def read(self, name: str) -> bytes | None:
        """The file; None without one."""


class ReportFolder:
    """A `ReportStore` of files that only we can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, content: bytes, media_type: str) -> None:
        """See `ReportStore`."""
        path = self._folder / name
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(
                os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            part.rename(path)
        except OSError as error:
            raise _lost(error) from error

    def read(self, name: str) -> bytes | None:
        """See `ReportStore`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _lost(error) from error


def open_report_store(config: Config) -> ReportStore:
    """The store that the settings name. Does not connect yet."""
    if config.report_store == "s3":
        # Imported here: the SDK takes half a second that a folder does not need.
        from server.report_bucket import ReportBucket

        return ReportBucket(
            config.report_bucket,
            config.report_region,
            config.report_lease_s,
            kms_key=config.report_kms_key,
        )
    return ReportFolder(config.report_folder)


def _lost(error: OSError) -> Refusal:
    log.error("report_store_lost", error=type(error).__name__)
    return Refusal("report_store_lost")
