"""What there is to drive, as a problem for the route search: known moves and expected ones.

Expected moves make runners go where work is coming: the search plans them like others, at a
lower weight, and nobody ever drives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from schemas import states
from server.dispatch.evening_data import Ground
from server.dispatch.evening_seen import AT_KERB, PARKED, TO_LOT, CarSeen, Observation, RequestSeen
from server.dispatch.policy_habits import Habits
from server.dispatch.policy_kerb import Kerb, KerbLine, kerb_line, overdue_min
from server.dispatch.route_problem import Drive, Prices

EXPECTED_PARK = "expected_park"
EXPECTED_RETRIEVE = "expected_retrieve"


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a policy believes of the next minutes, and what it pays for. Minutes and prices.

    Expected moves are planned `ahead_min` ahead at their weights; kerbs are watched for
    `kerb_ahead_min`, between `line_from_min` and `line_to_min` most closely. Cars younger than
    `young_min` are asked for at `young_weight` of the chance of others. A car at the kerb whose
    driver already waits weighs `asked_weight`. A car comes back `settling_min` later than it could.
    """

    prices: Prices = field(default_factory=lambda: Prices(park_wait=0.07, empty=0.3))
    ahead_min: int = 15
    retrieve_weight: float = 0.8
    park_weight: float = 0.8
    kerb_ahead_min: int = 60
    line_from_min: int = 12
    line_to_min: int = 28
    least_weight: float = 0.4
    asked_weight: float = 5.0
    young_min: int = 40
    young_weight: float = 0.1
    settling_min: int = 4
    ready_before_min: int = 3

    def line(self, after_min: int) -> tuple[int, int, float]:
        """What `kerb_line` is told of a car that stands at the kerb `after_min` from now."""
        return after_min + self.line_from_min, after_min + self.line_to_min, self.least_weight


@dataclass(frozen=True, slots=True)
class Work:
    """A drive and what it is. `key` stays the same from minute to minute; `car` None: expected."""

    key: tuple[str, int, int]
    car: int | None
    drive: Drive


def all_work(ground: Ground, seen: Observation, habits: Habits, sight: Foresight) -> list[Work]:
    """Everything that is to be driven as far as can be seen or expected now."""
    work: list[Work] = []
    for booth in range(ground.booths):
        work.extend(kerb_work(ground, seen, habits, sight, booth))
    work.extend(wanted_work(ground, seen))
    work.extend(expected_retrievals(ground, seen, sight))
    return work


def wanted_work(ground: Ground, seen: Observation) -> list[Work]:
    """A retrieval for each car that its driver wants and that stands in its lot, or soon does."""
    work: list[Work] = []
    for car in seen.cars:
        if car.request is not None and car.stage in (PARKED, TO_LOT):
            booth, loaded = car.request.booth, ground.loaded_min(car.lot, car.request.booth)
            drive = Drive(
                kind=states.RETRIEVE,
                origin=car.lot,
                destination=booth,
                loaded_min=loaded,
                known_min=car.request.ask_min,
                release_min=_release_min(ground, car, car.request, seen.now),
                due_min=car.request.want_min,
            )
            work.append(Work((states.RETRIEVE, car.car, 0), car.car, drive))
    return work


def _release_min(ground: Ground, car: CarSeen, request: RequestSeen, now: int) -> int:
    release = max(now, car.stage_min)
    if request.want_min > request.ask_min:
        loaded = ground.loaded_min(car.lot, request.booth)
        earliest = request.want_min - loaded - ground.scheduled_may_be_early_min
        release = max(release, earliest)
    return release


def kerb_work(
    ground: Ground, seen: Observation, habits: Habits, sight: Foresight, booth: int
) -> list[Work]:
    """The cars at a kerb and those expected there, the sooner the space is needed the dearer."""
    now = seen.now
    cars = [car for car in seen.cars if car.stage == AT_KERB and car.booth == booth]
    cars.sort(key=lambda car: (car.request is None, car.arrive_min, car.car))
    kerb = _kerb_ahead(ground, seen, habits, sight, booth, len(cars))
    coming = [
        now + minute
        for minute in _crossings(kerb.expected[: sight.ahead_min + 1] if sight.park_weight else ())
    ]
    overdue = overdue_min(kerb, len(cars) + len(coming))
    work = [
        _waiting(ground, car, now, sight, kerb_line(sums, *sight.line(0)))
        for car, sums in zip(cars, overdue, strict=False)
    ]
    lot, number = habits.lot(booth), habits.arrivals[booth]
    for index, (since, sums) in enumerate(zip(coming, overdue[len(cars) :], strict=True)):
        line = kerb_line(sums, *sight.line(since - now))
        drive = Drive(
            kind=states.PARK,
            origin=booth,
            destination=lot,
            loaded_min=ground.loaded_min(booth, lot),
            known_min=since,
            release_min=since,
            due_min=max(since, now + line.due_min),
            weight=sight.park_weight * line.weight,
        )
        work.append(Work((EXPECTED_PARK, booth, number + index), None, drive))
    return work


def _waiting(ground: Ground, car: CarSeen, now: int, sight: Foresight, line: KerbLine) -> Work:
    """A car that stands at a kerb."""
    drive = Drive(
        kind=states.PARK,
        origin=car.booth,
        destination=car.lot,
        loaded_min=ground.loaded_min(car.booth, car.lot),
        known_min=car.arrive_min,
        release_min=now,
        due_min=max(float(now), now + line.due_min),
        weight=line.weight if car.request is None else sight.asked_weight,
    )
    return Work((states.PARK, car.car, 0), car.car, drive)


def _kerb_ahead(
    ground: Ground, seen: Observation, habits: Habits, sight: Foresight, booth: int, cars: int
) -> Kerb:
    """The next minutes of a kerb with `cars` to be parked, and those that will be brought."""
    now, last = seen.now, sight.kerb_ahead_min
    standing = [cars] * (last + 1)
    for start, end in _returns(ground, seen, sight, booth):
        for minute in range(max(start - now, 0), min(end - now, last + 1)):
            standing[minute] += 1
    share, total, expected = habits.share(booth), 0.0, [0.0]
    for minute in range(now + 1, now + last + 1):
        if minute < len(ground.expected_arrivals_per_min):
            total += share * ground.expected_arrivals_per_min[minute]
        expected.append(total)
    return Kerb(ground.kerb_cars, standing, expected)


def _returns(
    ground: Ground, seen: Observation, sight: Foresight, booth: int
) -> Iterator[tuple[int, int]]:
    """From when to when returned cars occupy a kerb: known ones, and a guess of the wanted ones."""
    for stay in seen.kerb_stays:
        if stay.booth == booth:
            yield stay.from_min, stay.until_min
    for car in seen.cars:
        request = car.request
        if request is not None and request.booth == booth and car.stage in (PARKED, TO_LOT):
            soonest = max(seen.now, car.stage_min) + ground.loaded_min(car.lot, booth)
            start = max(soonest + sight.settling_min, request.want_min - sight.ready_before_min)
            yield start, max(start, request.want_min) + ground.owner_takes_car_after_min


def _crossings(sums: Sequence[float]) -> list[int]:
    """At which indices a growing sum passes a half, one and a half, and so on."""
    found: list[int] = []
    for index, total in enumerate(sums):
        while total >= len(found) + 0.5:
            found.append(index)
    return found


def expected_retrievals(ground: Ground, seen: Observation, sight: Foresight) -> list[Work]:
    """Retrievals that the forecast expects, spread over lots and booths like the parked cars.

    Where a car will be wanted is taken to be where it was left.
    """
    chances: dict[tuple[int, int], float] = {}
    for car in seen.cars:
        if car.request is None and car.stage in (PARKED, TO_LOT):
            is_young = seen.now - car.arrive_min < sight.young_min
            way = car.lot, car.booth
            chances[way] = chances.get(way, 0.0) + (sight.young_weight if is_young else 1.0)
    if not chances or not sight.retrieve_weight:
        return []
    total = sum(chances.values())
    owed = dict.fromkeys(sorted(chances), 0.0)
    work: list[Work] = []
    for number, minute in enumerate(_crossings(_requests_ahead(ground, seen.now, sight))):
        if number >= total:
            break
        for way in owed:
            owed[way] += chances[way] / total
        lot, booth = max(owed, key=lambda way: (owed[way], way))
        owed[lot, booth] -= 1.0
        at, loaded = seen.now + minute, ground.loaded_min(lot, booth)
        drive = Drive(
            kind=states.RETRIEVE,
            origin=lot,
            destination=booth,
            loaded_min=loaded,
            known_min=at,
            release_min=at,
            due_min=at + loaded,
            weight=sight.retrieve_weight,
        )
        work.append(Work((EXPECTED_RETRIEVE, number, 0), None, drive))
    return work


def _requests_ahead(ground: Ground, now: int, sight: Foresight) -> list[float]:
    """Of the next minutes: how many requests will have come by then."""
    forecast = ground.expected_requests_per_min[now + 1 : now + sight.ahead_min + 1]
    return [0.0, *accumulate(forecast)]
