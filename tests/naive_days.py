"""Days of a district that are counted by hand: who was received, handed over, asked for in them.

Beside `tests.naive_district`, and for the same purpose: it shares no code with the reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tests.naive_district import District, Thing, day_hour

HOURS = [*range(6, 24), *range(6)]
Rows = list[tuple[Any, ...]]
Told = tuple[int, Rows, Thing]
Key = Callable[[Thing], Any]


def rank(values: Iterable[int | None], percent: int) -> int | None:
    """The nearest rank."""
    known = sorted(value for value in values if value is not None)
    return known[math.ceil(percent / 100 * len(known)) - 1] if known else None


def share(part: int, whole: int) -> int | None:
    """Percent, rounded down."""
    return None if whole == 0 else math.floor(100 * part / whole)


@dataclass(frozen=True)
class Days:
    """The days and places that are looked at."""

    district: District
    first: date
    last: date
    booth: str | None
    lot: str | None

    @property
    def dates(self) -> list[date]:
        """Every day."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def before(self) -> Days:
        """Whole weeks before, without overlap."""
        weeks = math.ceil(len(self.dates) / 7)
        back = timedelta(days=7 * weeks)
        return Days(self.district, self.first - back, self.last - back, self.booth, self.lot)

    def holds(self, at: datetime | None) -> bool:
        """Whether a time is in the days."""
        return at is not None and self.first <= day_hour(at)[0] <= self.last

    def fits(self, thing: Thing, booth: str | None, lot: str | None) -> bool:
        """Whether the places that a thing names are those that are looked at."""
        wanted = ((booth, self.booth), (lot, self.lot))
        return all(name is None or want is None or thing[name] == want for name, want in wanted)

    def at_place(self, place: str) -> bool:
        """Whether a place is one of those."""
        return place in (self.booth, self.lot) or (self.booth is None and self.lot is None)

    def received(self) -> list[Thing]:
        """Visits by their reception."""
        visits = self.district.visits
        return [v for v in visits if self.holds(v["at"]) and self.fits(v, "booth", "lot")]

    def gone(self) -> list[Thing]:
        """Visits by their hand-over."""
        visits = self.district.visits
        return [v for v in visits if self.holds(v["out"]) and self.fits(v, "out_booth", "lot")]

    def requests(self) -> list[Thing]:
        """Requests by when they were made."""
        made = self.district.requests
        return [r for r in made if self.holds(r["at"]) and self.fits(r, "booth", "lot")]

    def promises(self) -> list[Thing]:
        """Those of them that were promised something."""
        return [r for r in self.requests() if r["promise"] is not None]

    def stands(self, kind: str) -> list[Thing]:
        """Stands by when they began."""
        place = ("place", None) if kind == "kerb" else (None, "place")
        return [
            s
            for s in self.district.stands
            if s["kind"] == kind and self.holds(s["at"]) and self.fits(s, *place)
        ]

    def at_places(self, things: list[Thing]) -> list[Thing]:
        """Holds and incidents by their time and place."""
        return [t for t in things if self.holds(t["at"]) and self.at_place(t["place"])]


def groups_of(*lists: Iterable[Any]) -> list[Any]:
    """Every value there is, in order."""
    return sorted({each for one in lists for each in one if each is not None})


def hour_of(thing: Thing) -> int:
    """The local hour of a thing."""
    return day_hour(thing["at"])[1]


def day_of(thing: Thing) -> date:
    """The district day of a thing."""
    return day_hour(thing["at"])[0]


def pick(things: Iterable[Thing], key: Key, value: Any) -> list[Thing]:
    """The things of one group."""
    return [thing for thing in things if key(thing) == value]


def named(name: str) -> Key:
    """The key that a thing has under a name."""
    return lambda thing: thing[name]
