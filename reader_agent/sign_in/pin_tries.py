"""Wrong PINs, counted for each person on the disk: pulling the plug between guesses gains nothing.

A try is counted before it is checked. After so many wrong ones none is taken for a while, which
doubles each time; a right one, another PIN, or a manager's word forgives them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from reader_agent.clock import Clock
from reader_agent.config import Limits
from reader_agent.station_db import StationDB
from schemas.problems import Refusal

_NS = 1_000_000_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Tries:
    """`mark`: of which PIN; `locks`: how often it came to a lock; `locked_ns`: since when, on the
    clock of the boot."""

    mark: str
    wrong: int = 0
    locks: int = 0
    boot_id: str = ""
    locked_ns: int | None = None


class PinTries:
    """The `pin_try` table. Guarded by the station's lock."""

    def __init__(self, db: StationDB, clock: Clock, limits: Limits) -> None:
        self._db = db
        self._clock = clock
        self._limits = limits

    def take(self, person_id: str, mark: str) -> None:
        """Count one try of the PIN of this mark. Refusal `pin_locked` with how many `seconds`
        there are to wait, and what storage gives."""
        found = self._find(person_id, mark)
        if found.locked_ns is not None:
            left_s = self._left_s(person_id, found)
            if left_s > 0:
                raise Refusal("pin_locked", seconds=left_s)
            found = replace(found, wrong=0, locked_ns=None)
        found = replace(found, wrong=found.wrong + 1)
        if found.wrong >= self._limits.pin_tries:
            found = replace(
                found,
                locks=found.locks + 1,
                boot_id=self._clock.boot_id(),
                locked_ns=self._clock.mono_ns(),
            )
        self._keep(person_id, found)

    def was_wrong(self, person_id: str, mark: str) -> Refusal:
        """What to say of the try that was taken: `wrong_pin` with how many are `left`, or
        `pin_locked`."""
        found = self._find(person_id, mark)
        if found.locked_ns is None:
            return Refusal("wrong_pin", left=self._limits.pin_tries - found.wrong)
        _log.warning("pin.locked", locks=found.locks)
        return Refusal("pin_locked", seconds=self._lasts_s(found))

    def forgive(self, person_id: str) -> None:
        """It was right."""
        with self._db.transaction() as work:
            work.execute("DELETE FROM pin_try WHERE person_id = ?", (person_id,))

    def _find(self, person_id: str, mark: str) -> _Tries:
        rows = self._db.rows(
            "SELECT mark, wrong, locks, boot_id, locked_mono_ns FROM pin_try WHERE person_id = ?",
            (person_id,),
        )
        found = _Tries(*rows[0]) if rows else _Tries(mark)
        return found if found.mark == mark else _Tries(mark)

    def _left_s(self, person_id: str, found: _Tries) -> int:
        assert found.locked_ns is not None
        now_ns = self._clock.mono_ns()
        if found.boot_id != self._clock.boot_id():
            # Nobody can tell how long the power was off, so the lock begins anew.
            again = replace(found, boot_id=self._clock.boot_id(), locked_ns=now_ns)
            self._keep(person_id, again)
            return self._lasts_s(again)
        return -((now_ns - found.locked_ns - self._lasts_s(found) * _NS) // _NS)

    def _lasts_s(self, found: _Tries) -> int:
        longest_s: int = self._limits.pin_lock_max_s
        # No more than 16 times: beyond that it is the longest anyway.
        lasts_s: int = self._limits.pin_lock_s * 2 ** min(found.locks - 1, 16)
        return min(lasts_s, max(longest_s, self._limits.pin_lock_s))

    def _keep(self, person_id: str, tries: _Tries) -> None:
        row = (
            person_id,
            tries.mark,
            tries.wrong,
            tries.locks,
            tries.boot_id,
            tries.locked_ns,
        )
        with self._db.transaction() as work:
            work.execute("INSERT OR REPLACE INTO pin_try VALUES (?, ?, ?, ?, ?, ?)", row)
