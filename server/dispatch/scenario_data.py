"""A night to be played: a district, its people, its crowd, and what goes wrong. Plain values.

Times are whole seconds from the start of the night (`starts_at`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.district import BOOTH, LOT, Place
from schemas.hours import is_open_at
from server.dispatch.snapshot import Travel

LOG_NORMAL = "log_normal"
EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class Shift:
    """A runner's night: at work over [from, until), away over each of `breaks`. `licences`: the
    special kinds of cars that may be driven; None for all."""

    id: str
    place_id: str
    from_s: int
    until_s: int
    breaks: Sequence[tuple[int, int]] = ()
    licences: frozenset[str] | None = None

    def may_drive(self, car: Car) -> bool:
        """Whether this runner may drive this car."""
        return self.licences is None or self.licences.issuperset(car.handling)


@dataclass(frozen=True, slots=True)
class Rates:
    """Cars come by chance: per booth, how many an hour in each hour of the night."""

    per_hour: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Counts:
    """Cars come as somebody counted them: per booth, how many in each quarter of an hour."""

    per_quarter_hour: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Car:
    """One car's night. `wanted_s` None: its driver asks when the car is wanted, and waits.

    `lot_id`: it stood there already when the night began. `ask_s` None: it stays. `handling`: what
    not everybody may drive. `wish_s`: when it will be wanted, as its driver said on leaving it.
    """

    arrive_s: int
    booth_id: str
    ask_s: int | None
    wanted_s: int | None = None
    return_booth_id: str | None = None
    lot_id: str | None = None
    handling: tuple[str, ...] = ()
    wish_s: int | None = None


def wish_min(car: Car) -> int | None:
    """In how many minutes the driver said that the car would be wanted."""
    return None if car.wish_s is None else max(0, car.wish_s - car.arrive_s) // 60


@dataclass(frozen=True, slots=True)
class Recorded:
    """The very cars of a night."""

    cars: Sequence[Car]


@dataclass(frozen=True, slots=True)
class Together:
    """`share` of all drivers ask within `within_s` from `at_s` on, as after a show."""

    at_s: int
    within_s: int
    share: float


@dataclass(frozen=True, slots=True)
class Stays:
    """How long drivers stay (log-normal), and what they say of it.

    `booked`: the share that says ahead when the car is wanted, between `lead_s`. `elsewhere`: the
    share that wants it at another booth. Nobody asks after `last_s`. `told`: the share that says on
    leaving the car when it will be wanted, wrong by `told_off_s` (a standard deviation).
    """

    median_s: int
    spread: float
    least_s: int
    last_s: int
    together: Sequence[Together] = ()
    booked: float = 0.0
    lead_s: tuple[int, int] = (600, 3600)
    elsewhere: float = 0.0
    told: float = 0.0
    told_off_s: int = 2400


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of `nights` before a recorded one: how many cars came to each booth in each
    hour, and how long some of them stayed before they were asked for."""

    nights: int
    per_hour: Mapping[str, Sequence[int]]
    stays_s: Sequence[int]


@dataclass(frozen=True, slots=True)
class Noise:
    """How true times differ from what the planner is told: `factor` times it, spread around that.

    Log-normal spreads (the standard deviation of the logarithm), mean 1; exponential has its own.
    """

    drive: float = 0.3
    empty: float = 0.3
    handling: float = 0.3
    factor: float = 1.0
    shape: str = LOG_NORMAL


@dataclass(frozen=True, slots=True)
class Closure:
    """No car is driven from, to or (`leg`) between places over [from, until). People pass.

    `is_known_s`: since when the planner knows of it, unless somebody runs into it before.
    """

    from_s: int
    until_s: int
    place_id: str | None = None
    leg: tuple[str, str] | None = None
    is_known_s: int = 0


@dataclass(frozen=True, slots=True)
class CutOff:
    """A place without a line over [from, until): its taps reach the planner at the end."""

    place_id: str
    from_s: int
    until_s: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that a night depends on but the seed and the policy.

    `handling_s`: added to each drive, as the planner knows it. `take_car_s`: until a driver at the
    booth has driven off. `early_s`: how long before its time a booked car may stand ready.
    `overflow_price`: late minutes of a driver that a car-minute above the kerb is worth.
    `plan_every_s`: how soon the planner plans again when nothing has happened. `zone`: that of the
    places' opening hours.
    `special`: the share of the cars that only some may drive, by kind. `shuffle_s`: to move a car
    that blocks another.
    """

    name: str
    starts_at: datetime
    length_s: int
    places: Mapping[str, Place]
    travel: Mapping[tuple[str, str], Travel]
    runners: Sequence[Shift]
    arrivals: Rates | Counts | Recorded
    stays: Stays
    noise: Noise = field(default_factory=Noise)
    closures: Sequence[Closure] = ()
    cut_offs: Sequence[CutOff] = ()
    before: Before | None = None
    handling_s: int = 150
    take_car_s: int = 120
    early_s: int = 120
    overflow_price: float = 2.0
    plan_every_s: int = 30
    special: Mapping[str, float] = field(default_factory=dict)
    shuffle_s: int = 150
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/Panama"))

    @property
    def booths(self) -> list[str]:
        """The ids of the booths that are open."""
        return [place.id for place in self.places.values() if place.kind == BOOTH and place.is_open]

    @property
    def lots(self) -> list[str]:
        """The ids of the lots that are open."""
        return [place.id for place in self.places.values() if place.kind == LOT and place.is_open]

    def open_lots(self, now: datetime) -> list[str]:
        """Those that take cars at a time, by their hours."""
        local = now.astimezone(self.zone)
        return [name for name in self.lots if is_open_at(self.places[name], local)]

    def at(self, second: int) -> datetime:
        """A second of the night as a time."""
        return self.starts_at + timedelta(seconds=second)
