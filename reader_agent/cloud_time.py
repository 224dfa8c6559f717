"""The best time a station knows: the cloud's, carried on by the monotonic clock.

A Raspberry Pi has no battery clock, so after a power cut its wall time is wrong until the network
sets it. One answer of the cloud is enough for the rest of the boot. The pair is kept on disk, so
that an agent that restarts with the cable out still knows; a new boot begins without it, because
its monotonic clock began anew.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reader_agent.clock import Clock
from reader_agent.station_db import StationDB

AGREES_WITHIN = timedelta(seconds=60)
"""A wall clock that is further off than this is wrong, whatever it says of itself."""
KEEP_DRIFT_S = 2
"""The pair on disk is rewritten only when it is off by more than this: it spares the card."""

_KEY = "cloud_time"


class CloudTime:
    """`now` for codes, promises and lateness. Never used for order or for timeouts."""

    def __init__(self, db: StationDB, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._kept: tuple[int, datetime] | None = self._read()
        self._pair = self._kept

    @property
    def is_trusted(self) -> bool:
        """Whether `now` is right: the network has set the clock, or the cloud has told the time
        in this boot."""
        return self._pair is not None or self._clock.wall_synced()

    def now(self) -> datetime:
        """Aware UTC; the wall clock's where the cloud has not spoken yet."""
        pair = self._pair
        return self._clock.wall() if pair is None else self._carry(pair)

    def agrees(self, wall: datetime) -> bool:
        """Whether a wall time is the cloud's, as far as the cloud has told it in this boot."""
        pair = self._pair
        return pair is None or abs(self._carry(pair) - wall) <= AGREES_WITHIN

    def learn(self, server_time: datetime) -> None:
        """Take over the cloud's time, as of now. Raises `Refusal` when storage fails."""
        pair = (self._clock.mono_ns(), server_time.astimezone(UTC))
        self._pair = pair
        if self._kept is not None:
            drift = abs((self._carry(self._kept) - pair[1]).total_seconds())
            if drift <= KEEP_DRIFT_S:
                return
        with self._db.transaction() as work:
            text = f"{self._clock.boot_id()} {pair[0]} {pair[1].isoformat()}"
            work.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, text))
        self._kept = pair

    def _carry(self, pair: tuple[int, datetime]) -> datetime:
        mono_ns, at = pair
        return at + timedelta(microseconds=(self._clock.mono_ns() - mono_ns) // 1000)

    def _read(self) -> tuple[int, datetime] | None:
        rows = self._db.rows("SELECT value FROM meta WHERE key = ?", (_KEY,))
        if not rows:
            return None
        boot_id, mono_ns, at = rows[0]["value"].split(" ")
        if boot_id != self._clock.boot_id():
            return None
        return int(mono_ns), datetime.fromisoformat(at)
