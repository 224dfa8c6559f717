"""What will be wanted in the next minutes: rates out of past evenings, as drives that are expected.

How many cars come is read from the same hour of past weeks and from the last half hour; when they
are asked for, from how long cars have stayed (a hazard: the chance to be asked for now of a car
that has not been yet), times how much more often than that it was at this time of other evenings.
With few data, the settings' own stay stands for what nobody has seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import states
from server.dispatch.snapshot import Expected, Stageable

AHEAD = timedelta(minutes=15)
# A car that has stayed longer than all bins is as likely to be asked for as in the last.
BIN = timedelta(minutes=30)
BINS = 12
# What an expected drive weighs beside a real one, and how many are planned for at most.
WEIGHT = 0.8
MOST = 20
# A car is brought near if it is likely enough to be asked for within that time.
STAGE_AHEAD = timedelta(minutes=30)
# A rush is looked for in the next half hour, as if so many cars had been seen that are in none.
RUSH_AHEAD = timedelta(minutes=30)
RUSH_PRIOR = 5.0
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """`arrivals_per_h` by booth, for the present hour; `asked_per_h` by how long a car has stayed,
    in bins of `BIN`; `rush`: how many times as often as that at this time of the night."""

    arrivals_per_h: Mapping[str, float]
    asked_per_h: Sequence[float]
    rush: float = 1.0


@dataclass(frozen=True, slots=True)
class Staying:
    """A car in a lot that nobody has asked for: since when, and at which booth it was left."""

    lot_id: str
    booth_id: str
    since: datetime
    visit_id: str = ""
    needs: frozenset[str] = frozenset()


def arrival_rates(
    counts: Mapping[str, int], evenings: float, window: timedelta
) -> dict[str, float]:
    """Cars an hour by booth, from how many came in a window of so many evenings."""
    hours = evenings * (window / _HOUR)
    return {booth: count / hours for booth, count in counts.items()} if hours > 0 else {}


def hazard(stays: Sequence[timedelta], typical: timedelta) -> list[float]:
    """How many of the cars that are still there are asked for in an hour, by how long they have
    stayed; as if one more car had been seen that stays `typical` on average."""
    rates = []
    for number in range(BINS):
        begin, end = BIN * number, BIN * (number + 1)
        if number == BINS - 1:
            end = timedelta.max
        asked = sum(begin <= stay < end for stay in stays)
        at_risk = sum((min(stay, end) - begin for stay in stays if stay > begin), timedelta())
        rates.append((asked + 1) / ((at_risk + typical) / _HOUR))
    return rates


def rush(
    stays: Iterable[tuple[datetime, datetime]],
    moments: Sequence[datetime],
    asked_per_h: Sequence[float],
) -> float:
    """How many times as many cars as their stays alone let one expect were asked for in the half
    hours that began at these moments of other evenings, as when a theatre ends: 1 of none, and the
    nearer to it the fewer there were. `stays`: since when, and when it was asked for."""
    asked = alike = 0.0
    for since, asked_at in stays:
        for begin in moments:
            end = begin + RUSH_AHEAD
            if since < end and asked_at >= begin:
                asked += asked_at < end
                alike += _risk(asked_per_h, max(begin, since) - since, min(end, asked_at) - since)
    return (asked + RUSH_PRIOR) / (alike + RUSH_PRIOR)


def _risk(asked_per_h: Sequence[float], begin: timedelta, end: timedelta) -> float:
    """How many requests are expected of a car between two ages."""
    total, last = 0.0, len(asked_per_h) - 1
    while begin < end:
        number = begin // BIN
        until = min(end, BIN * (number + 1))
        total += asked_per_h[min(number, last)] * ((until - begin) / _HOUR)
        begin = until
    return total


def expected(
    forecast: Forecast,
    staying: Sequence[Staying],
    lots_near: Mapping[str, Sequence[str]],
    now: datetime,
) -> list[Expected]:
    """The drives that are expected to be wanted within `AHEAD`. Where a car will be wanted is taken
    to be where it was left."""
    found = [
        Expected(states.PARK, booth, lots_near[booth][0], at, WEIGHT)
        for booth, rate in sorted(forecast.arrivals_per_h.items())
        if lots_near.get(booth)
        for at in _moments(now, rate * (AHEAD / _HOUR))
    ]
    found += _retrievals(forecast, staying, now)
    found.sort(key=lambda each: (each.at, each.kind, each.from_place_id, each.to_place_id))
    return found[:MOST]


def stageable(
    forecast: Forecast, staying: Sequence[Staying], now: datetime, least_chance: float
) -> list[Stageable]:
    """The cars that are asked for within `STAGE_AHEAD` with at least this chance."""
    found = []
    for car in staying:
        chance = 1 - math.exp(-_asked_per_h(forecast, car, now) * (STAGE_AHEAD / _HOUR))
        if chance >= least_chance:
            each = Stageable(car.visit_id, car.lot_id, car.booth_id, chance, car.needs)
            found.append(each)
    return found


def _asked_per_h(forecast: Forecast, car: Staying, now: datetime) -> float:
    age = max(timedelta(), now - car.since)
    return forecast.rush * forecast.asked_per_h[min(age // BIN, len(forecast.asked_per_h) - 1)]


def _retrievals(
    forecast: Forecast, staying: Sequence[Staying], now: datetime
) -> Iterator[Expected]:
    """Each goes to the way that has been owed one the longest."""
    chances: dict[tuple[str, str], float] = {}
    for car in staying:
        way = car.lot_id, car.booth_id
        chance = _asked_per_h(forecast, car, now) * (AHEAD / _HOUR)
        chances[way] = chances.get(way, 0.0) + chance
    total = sum(chances.values())
    owed = dict.fromkeys(sorted(chances), 0.0)
    for at in _moments(now, min(total, len(staying))):
        for way in owed:
            owed[way] += chances[way] / total
        lot, booth = max(owed, key=lambda way: (owed[way], way))
        owed[lot, booth] -= 1.0
        yield Expected(states.RETRIEVE, lot, booth, at, WEIGHT)


def _moments(now: datetime, count: float) -> Iterator[datetime]:
    """When the first, the second … of so many are expected, evenly over what is ahead."""
    number = 0
    while number + 0.5 <= count:
        yield now + AHEAD * ((number + 0.5) / count)
        number += 1
