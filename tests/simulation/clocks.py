"""The clocks of the world: one true time, and what each Raspberry Pi makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.simulation.hub import Hub

# Six in the evening in Panama.
BEGIN = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
# Where a Pi without a network thinks that it is after a boot.
LAST_SHUTDOWN = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
BEFORE_NS = 10**12
"""The world's clock began before its first night: no clock that counts says 0."""


class WorldClock:
    """True time; the cloud has it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def now(self) -> datetime:
        """Aware UTC."""
        return BEGIN + timedelta(microseconds=self._hub.now_ns // 1000)

    def mono_ns(self) -> int:
        """Nanoseconds of a clock that never steps."""
        return BEFORE_NS + self._hub.now_ns

    def mono_s(self) -> float:
        """The same in seconds."""
        return self.mono_ns() / 1e9


class StationClock:
    """A Pi's clock (`reader_agent.clock.Clock`): counts from its boot, and may be wrong."""

    def __init__(self, hub: Hub, name: str) -> None:
        self._hub = hub
        self._world = WorldClock(hub)
        self._name = name
        self._boots = 0
        self._booted_ns = -BEFORE_NS
        self._offset = timedelta()
        self._is_synced = True

    def mono_ns(self) -> int:
        """Nanoseconds since boot."""
        return self._hub.now_ns - self._booted_ns

    def wall(self) -> datetime:
        """What the Pi thinks."""
        return self._world.now() + self._offset

    def wall_synced(self) -> bool:
        """Whether the network has set it since boot."""
        return self._is_synced

    def boot_id(self) -> str:
        """The name of this boot."""
        return f"boot-{self._name}-{self._boots}"

    def reboot(self) -> None:
        """Power was off: a new boot, and no idea what time it is."""
        self._boots += 1
        self._booted_ns = self._hub.now_ns - 5_000_000_000
        self._offset = LAST_SHUTDOWN - self._world.now()
        self._is_synced = False

    def step(self, duration: timedelta) -> None:
        """Somebody, or a wrong time server, sets the clock."""
        self._offset += duration

    def synchronise(self) -> None:
        """The network tells the time."""
        self._offset = timedelta()
        self._is_synced = True
