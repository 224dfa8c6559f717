"""Takes the station's pulse: asks every part how it is, and survives any of them failing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from reader_agent.clock import Clock
from reader_agent.cloud_time import CloudTime
from reader_agent.config import Config
from reader_agent.drivers.reader import ReaderHealth
from reader_agent.journal import Journal
from reader_agent.journal_rescue import damaged_files
from reader_agent.station_db import StationDB
from reader_agent.status import StationStatus
from reader_agent.uplink import Uplink
from schemas.problems import Refusal

_log = structlog.get_logger(__name__)


class Vitals:
    """Makes `StationStatus`. `readers` says where the readers' state can be asked."""

    def __init__(
        self,
        config: Config,
        db: StationDB,
        journal: Journal,
        uplink: Uplink,
        cloud_time: CloudTime,
        clock: Clock,
    ) -> None:
        self.readers: Callable[[], Iterable[ReaderHealth]] = tuple
        self._config = config
        self._db = db
        self._journal = journal
        self._uplink = uplink
        self._cloud_time = cloud_time
        self._clock = clock
        self._last_counts: tuple[int, int | None, int] = (0, None, 0)

    def take(self) -> StationStatus:
        """How everything is. Never raises: it is asked for when things are broken."""
        unsent, oldest_age_s, refused = self._counts()
        used_percent = _disk_used_percent(self._config.data_dir)
        return StationStatus(
            online=self._uplink.is_online,
            last_exchange_age_s=self._uplink.last_exchange_age_s(),
            unsent=unsent,
            oldest_unsent_age_s=oldest_age_s,
            readers=tuple(self.readers()),
            clock_synced=self._cloud_time.is_trusted,
            storage=self._db.storage,
            disk_used_percent=used_percent,
            is_disk_low=used_percent >= self._config.limits.disk_warn_percent,
            refused=refused,
            station_problem=self._uplink.problem,
            damaged_journals=damaged_files(self._config.data_dir),
            forked_journals=self._journal.set_aside,
            mono_ns=self._clock.mono_ns(),
        )

    def _counts(self) -> tuple[int, int | None, int]:
        # On a card that fails to read, what was last known is closer to the truth than nothing.
        try:
            journal = self._journal
            self._last_counts = (
                journal.depth(),
                journal.oldest_unsent_age_s(),
                journal.refused_count(),
            )
        except Refusal as refusal:
            _log.debug("status.storage", code=refusal.code)
        return self._last_counts


def _disk_used_percent(folder: Path) -> int:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        # The card is gone: nothing can be stored, as on one that is full.
        return 100
    return 100 - usage.free * 100 // usage.total
