"""What a report was asked for: district days, a booth, a lot, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from zoneinfo import ZoneInfo

from schemas.problems import Refusal
from server.reports.day import Day, day_of, parse_date

DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class Range:
    """District days from `first` to `last`, both of them included."""

    first: Date
    last: Date

    def __post_init__(self) -> None:
        """Raises `Refusal("bad_time")` for days that are none, or more than a report may have."""
        if not 0 <= (self.last - self.first).days < DAYS_MAX:
            raise Refusal("bad_time")

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Range:
        """The nearest days before it that are as many and of the same weekdays."""
        back = timedelta(weeks=-(-self.days // 7))
        return Range(self.first - back, self.last - back)

    def span(self, zone: ZoneInfo, starts_hour: int) -> Day:
        """From the start of the first day to the end of the last one; `date` is the last day."""
        first, last = (day_of(each, zone, starts_hour) for each in (self.first, self.last))
        return Day(self.last, first.start, last.end, zone)


@dataclass(frozen=True, slots=True)
class Asked:
    """A report's filters. Without a booth or a lot it is of all. `compare`: with the nearest same
    weekdays before."""

    range: Range
    booth_id: str | None = None
    lot_id: str | None = None
    compare: bool = True

    @property
    def places(self) -> tuple[str, ...]:
        """The places that it is narrowed to."""
        return tuple(each for each in (self.booth_id, self.lot_id) if each is not None)

    @property
    def before(self) -> Asked | None:
        """The same of the days that it is compared with; None where it is not."""
        if not self.compare:
            return None
        return Asked(self.range.before, self.booth_id, self.lot_id, compare=False)

    @property
    def query(self) -> dict[str, str]:
        """The filters as the query of an address; `asked_of` reads it back."""
        told = {
            "first": self.range.first.isoformat(),
            "last": self.range.last.isoformat(),
            "booth": self.booth_id or "",
            "lot": self.lot_id or "",
            "compare": "" if self.compare else "no",
        }
        return {name: value for name, value in told.items() if value}


def asked_of(query: Mapping[str, str], today: Date) -> Asked:
    """The filters in an address: `first` and `last` (YYYY-MM-DD, else the day `today`), `booth`,
    `lot`, `compare` (`no`: not compared). Raises `Refusal("bad_time")`."""
    first = parse_date(query["first"]) if query.get("first") else None
    last = parse_date(query["last"]) if query.get("last") else None
    return Asked(
        Range(first or last or today, last or first or today),
        query.get("booth") or None,
        query.get("lot") or None,
        compare=query.get("compare") != "no",
    )
