"""The connection badge of every screen: what works, always as icon and words and colour."""

from __future__ import annotations

from dataclasses import dataclass, field

from reader_agent.status import StationStatus

GOOD, WARN, BAD = "good", "warn", "bad"


@dataclass(frozen=True, slots=True)
class Badge:
    """`level` gives colour and icon, `key` and `values` the words."""

    level: str
    key: str
    values: dict[str, int] = field(default_factory=dict)


def badge_of(status: StationStatus) -> Badge:
    """The most urgent thing that is true of the station."""
    trouble = _trouble(status)
    if trouble is not None:
        return Badge(BAD, trouble)
    if not status.online:
        if status.unsent:
            return Badge(WARN, "badge.offline_unsent", {"count": status.unsent})
        return Badge(WARN, "badge.offline")
    if status.unsent:
        return Badge(GOOD, "badge.sending", {"count": status.unsent})
    return Badge(GOOD, "badge.online")


def _trouble(status: StationStatus) -> str | None:
    """What needs a person now, worst first: taps that are not kept, then taps not read."""
    if status.storage != "ok":
        return f"badge.storage_{status.storage}"
    if status.station_problem == "cloned":
        return "badge.cloned"
    if status.station_problem is not None:
        return "badge.station_problem"
    if any(reader.port.state != "open" or reader.port.fault for reader in status.readers):
        return "badge.reader"
    if status.is_disk_low:
        return "badge.disk_low"
    return None if status.clock_synced else "badge.clock"
