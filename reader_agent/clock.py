"""The only file of the station that asks what time it is.

Durations and order come from `mono_ns` (CLOCK_BOOTTIME: it also counts while the machine
sleeps, and no network time step moves it). `wall` is for people to read, and it is wrong after
every power cut until `wall_synced` says otherwise, because a Raspberry Pi has no battery clock.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
SYNCED_FILE = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd makes this file once the clock has been set from the network."""


class Clock(Protocol):
    """What the station wants to know about time."""

    def mono_ns(self) -> int:
        """Nanoseconds since boot; never steps, never goes back."""

    def wall(self) -> datetime:
        """Aware UTC time, as far as the machine knows it."""

    def wall_synced(self) -> bool:
        """Whether `wall` has been set from the network since boot."""

    def boot_id(self) -> str:
        """Names the boot that `mono_ns` counts from."""


class SystemClock:
    """The machine's own clocks.

    `assume_synced` is for machines that keep time without systemd-timesyncd, and for emulation.
    """

    def __init__(
        self,
        *,
        assume_synced: bool = False,
        boot_id_file: Path = BOOT_ID_FILE,
        synced_file: Path = SYNCED_FILE,
    ) -> None:
        self._assume_synced = assume_synced
        self._synced_file = synced_file
        self._boot_id = _read_boot_id(boot_id_file)

    def mono_ns(self) -> int:
        """Nanoseconds of CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def wall(self) -> datetime:
        """The system time, aware, in UTC."""
        return datetime.now(UTC)

    def wall_synced(self) -> bool:
        """Looked up at every call, because it turns true at some time after the boot."""
        return self._assume_synced or self._synced_file.exists()

    def boot_id(self) -> str:
        """The kernel's boot id, or one made up for this process where there is none."""
        return self._boot_id


class FakeClock:
    """A clock that moves only when told to; ships with the station for tests and replays."""

    def __init__(
        self,
        *,
        mono_ns: int = 0,
        wall: datetime = datetime(2030, 1, 1, tzinfo=UTC),
        wall_synced: bool = True,
        boot_id: str = "00000000-0000-4000-8000-000000000001",
    ) -> None:
        self._mono_ns = mono_ns
        self._wall = wall
        self._wall_synced = wall_synced
        self._boot_id = boot_id

    def mono_ns(self) -> int:
        """Nanoseconds since the fake boot."""
        return self._mono_ns

    def wall(self) -> datetime:
        """The fake wall time."""
        return self._wall

    def wall_synced(self) -> bool:
        """Whether the fake wall time counts as set from the network."""
        return self._wall_synced

    def boot_id(self) -> str:
        """The id of the fake boot."""
        return self._boot_id

    def advance(self, duration_s: float) -> None:
        """Let time pass on both clocks."""
        self._mono_ns += round(duration_s * 1_000_000_000)
        self._wall += timedelta(seconds=duration_s)

    def set_wall(self, wall: datetime, *, synced: bool) -> None:
        """Step the wall clock, as network time does; the monotonic clock does not notice."""
        self._wall = wall
        self._wall_synced = synced

    def reboot(self, boot_id: str) -> None:
        """A new boot: another id, and the monotonic clock from zero."""
        self._boot_id = boot_id
        self._mono_ns = 0


def _read_boot_id(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        # Outside Linux there is no boot id; the process is then as much of a boot as we know.
        return str(uuid.uuid4())
