"""The connection badge of every screen: what works, always as icon and words and colour."""

from __future__ import annotations

from dataclasses import dataclass, field

from reader_agent.status import StationStatus

GOOD, WARN, BAD = "good", "warn", "bad"

OLD_S = 60
"""What waits for longer than this is told with its age: it is more than a sync under way."""


@dataclass(frozen=True, slots=True)
class Badge:
    """`level` gives colour and icon, `key` and `values` the words; `age_s` is of what waits
    longest, None where no age is told."""

    level: str
    key: str
    values: dict[str, int] = field(default_factory=dict)
    age_s: int | None = None

    def __str__(self) -> str:
        """What a page is drawn anew for: the words, with ages by the minute."""
        age_min = None if self.age_s is None else self.age_s // 60
        return f"{self.key} {self.values} {age_min}"


def badges_of(status: StationStatus) -> list[Badge]:
    """What is wrong, worst first, and how the line is where that is no news of its own."""
    trouble = _trouble(status)
    if trouble is None:
        return [_line(status)]
    wrong = [Badge(BAD, trouble)]
    return wrong if status.online else [*wrong, _line(status)]


def badge_of(status: StationStatus) -> Badge:
    """The most urgent thing that is true of the station."""
    return badges_of(status)[0]


def _line(status: StationStatus) -> Badge:
    """From the last exchange that went well, never from what the network card says."""
    count = {"count": status.unsent}
    age_s = status.oldest_unsent_age_s
    is_old = age_s is not None and age_s >= OLD_S
    if not status.online:
        if not status.unsent:
            return Badge(WARN, "badge.offline")
        if is_old:
            return Badge(WARN, "badge.offline_since", count, age_s)
        return Badge(WARN, "badge.offline_unsent", count)
    if not status.unsent:
        return Badge(GOOD, "badge.online")
    if is_old:
        return Badge(WARN, "badge.sending_since", count, age_s)
    return Badge(GOOD, "badge.sending", count)


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
