"""What the cloud knows of a played night: the facts that have reached it, folded by the live rules.

The planner's snapshot is made of that, not of what is true: a tap that has not come yet is not in
it, and times are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row

from schemas import states
from schemas.visit import Fact, Visit, fold
from server.config import Config
from server.dispatch.past_evenings import is_blocked
from server.dispatch.runners_seen import RESTRICTING_KINDS, riding_rules
from server.dispatch.scenario_data import Scenario
from server.dispatch.situation import NextDrive
from server.dispatch.snapshot import (
    BlockingRow,
    Booth,
    Parked,
    Runner,
    Shut,
    Snapshot,
    Stageable,
    Travel,
    WantedMove,
    Window,
)
from server.dispatch.twin_forecast import TwinForecast
from server.dispatch.twin_rides import Rides

_FAR = Travel(drive_s=600, empty_s=600)


@dataclass(frozen=True, slots=True)
class Sent:
    """A runner was told to go to a place without a car: from where, and when it was and will be."""

    from_place_id: str
    left_at: datetime
    to_place_id: str
    there_at: datetime


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A visit as the live rule reads it from the tables."""

    id: str
    car: str
    place_id: str
    destination_id: str | None
    stall: str | None
    received_at: datetime
    ready_at: datetime | None
    wanted_booth_id: str | None
    wanted_at: datetime | None
    made_at: datetime | None
    promised_by: datetime | None
    handling: tuple[str, ...] = ()
    leaves_at: datetime | None = None


class Cloud:
    """The cloud of one night. `news` is whether anything came since `snapshot` was last asked."""

    def __init__(self, scenario: Scenario, config: Config) -> None:
        """Nothing known yet but the district."""
        self._scenario = scenario
        self._config = replace(
            config, handling_s=scenario.handling_s, promise_slack_s=scenario.early_s
        )
        self._facts: dict[str, list[Fact]] = {}
        self._seen_at: dict[str, tuple[datetime, str]] = {}
        self._rank = _nearest_first(scenario)
        self._forecast = TwinForecast(scenario)
        self._licences = {
            shift.id: RESTRICTING_KINDS if shift.licences is None else shift.licences
            for shift in scenario.runners
        }
        self._shut = {closure: scenario.at(closure.is_known_s) for closure in scenario.closures}
        self.riding = riding_rules(config)
        self.visits: dict[str, Visit] = {}
        self.news = False

    def tell(self, fact: Fact) -> None:
        """A fact has reached the cloud."""
        visit_id, event = fact.event.visit_id, fact.event
        assert visit_id is not None
        facts = self._facts.setdefault(visit_id, [])
        facts.append(fact)
        visit = fold(facts)
        if visit is not None and (visit.is_open or visit_id in self.visits):
            self.visits[visit_id] = visit
            if not visit.is_open:
                del self.visits[visit_id]
        if event.actor is not None and event.place_id is not None:
            self.see(event.actor, event.place_id, fact.at)
        self.news = True

    def see(self, person_id: str, place_id: str, at: datetime) -> None:
        """Somebody's tap, or sign-on, says where they are."""
        known = self._seen_at.get(person_id)
        if known is None or known[0] <= at:
            self._seen_at[person_id] = at, place_id
            self.news = True

    def hear_of_closures(self, now: datetime) -> None:
        """Somebody stood before a closed street and said so: all that is closed now is known."""
        for closure, known_at in self._shut.items():
            if self._scenario.at(closure.from_s) <= now < known_at:
                self._shut[closure] = now
                self.news = True

    def snapshot(
        self,
        now: datetime,
        at_work: Sequence[str],
        sent: Mapping[str, Sent],
        promised: Mapping[str, datetime],
        standing: Mapping[str, Sequence[str]],
        rides: Rides,
    ) -> Snapshot:
        """All that the planner is told at this moment."""
        scenario = self._scenario
        driving = {
            visit.legs[-1].runner_id: visit
            for visit in self.visits.values()
            if visit.destination_id is not None
        }
        arrivals = {
            visit.id: self._arrival(visit, now)
            for visit in driving.values()
            if visit.destination_id in scenario.booths
        }
        # Who was there when the car left that was told is in it, as far as anybody knows.
        for name, visit_id in rides.riding.items():
            visit = self.visits.get(visit_id)
            if visit is not None and visit.destination_id is not None:
                driving[name] = visit
        rows = self._rows()
        return Snapshot(
            now=now,
            runners=[self._runner(name, driving.get(name), sent, now) for name in sorted(at_work)],
            moves=list(self._moves(now, promised)),
            travel=scenario.travel,
            far=_FAR,
            lots_near=self._rank,
            free_stalls=self._free_stalls(now),
            handling_s=scenario.handling_s,
            arrivals=arrivals,
            booths=self._booths(now, arrivals),
            shut=[
                Shut(Window(scenario.at(c.from_s), scenario.at(c.until_s)), c.place_id, c.leg)
                for c, known_at in self._shut.items()
                if known_at <= now < scenario.at(c.until_s)
            ],
            expected=self._forecast.at(now, self.visits.values(), self._rank),
            standing=standing,
            rows=rows,
            shuffle_s=scenario.shuffle_s,
            stageable=self._stageable(now, rows),
            spare_runners=self._config.stage_spare_runners,
            riding=self.riding,
            rides=rides.told,
        )

    def _stageable(
        self, now: datetime, rows: Mapping[str, Sequence[BlockingRow]]
    ) -> list[Stageable]:
        if not self._config.stage_cars:
            return []
        least_chance = self._config.stage_chance_percent / 100
        found = self._forecast.stageable(now, self.visits.values(), least_chance)
        return [car for car in found if not is_blocked(rows, self.visits[car.visit_id])]

    def _rows(self) -> dict[str, list[BlockingRow]]:
        """The rows of the lots that have some, with the cars that are known to stand in them."""
        places = self._scenario.places
        deep = {name: places[name].rows for name in self._scenario.lots if places[name].rows}
        if not deep:
            return {}
        parked: dict[str, dict[str, Parked]] = {name: {} for name in deep}
        for visit in self.visits.values():
            if visit.car == states.PARKED and visit.place_id in deep and visit.stall:
                parked[visit.place_id][visit.stall] = Parked(visit.id, self._leaves_at(visit))
        return {
            name: [
                BlockingRow(row, {each: parked[name][each] for each in row if each in parked[name]})
                for row in rows
            ]
            for name, rows in deep.items()
        }

    def _leaves_at(self, visit: Visit) -> datetime:
        """When a car is thought to be asked for, by the live rule."""
        if visit.request is not None:
            return visit.request.wanted_at or visit.request.made_at
        told = _told_at(visit)
        return told or visit.received_at + timedelta(seconds=self._config.stay_s)

    def _runner(
        self, name: str, visit: Visit | None, sent: Mapping[str, Sent], now: datetime
    ) -> Runner:
        licences = self._licences[name]
        if visit is not None:
            to = visit.legs[-1].to_place_id
            return Runner(name, to, self._arrival(visit, now), licences, is_driving=True)
        order = sent.get(name)
        if order is not None:
            there = max(order.there_at, now)
            return Runner(
                name,
                order.from_place_id,
                order.left_at,
                licences,
                sent_to=order.to_place_id,
                there_at=there,
            )
        return Runner(name, self._seen_at[name][1], now, licences)

    def _arrival(self, visit: Visit, now: datetime) -> datetime:
        leg = visit.legs[-1]
        return max(now, leg.taken_at + self.drive(leg.from_place_id, leg.to_place_id))

    def lots_near(self, place_id: str) -> Sequence[str]:
        """The lots by driving time from there."""
        return self._rank.get(place_id, self._scenario.lots)

    def drive(self, origin: str, to: str) -> timedelta:
        """How long a drive is thought to take, with its handling."""
        drive_s = 0 if origin == to else self._scenario.travel.get((origin, to), _FAR).drive_s
        return timedelta(seconds=drive_s + self._scenario.handling_s)

    def _moves(self, now: datetime, promised: Mapping[str, datetime]) -> Sequence[WantedMove]:
        moves = []
        for visit_id in sorted(self.visits):
            visit = self.visits[visit_id]
            is_resting = visit.state in (states.AT_BOOTH, states.REQUESTED)
            if is_resting or (visit.car == states.TO_LOT and visit.request is not None):
                move = self._wanted(visit, now, promised.get(visit_id))
                if move is not None:
                    moves.append(move)
        return moves

    def _wanted(self, visit: Visit, now: datetime, promised: datetime | None) -> WantedMove | None:
        """The drive that a car needs next, by the live rule."""
        request = visit.request
        waiting = _Waiting(
            id=visit.id,
            car=visit.car,
            place_id=visit.place_id,
            destination_id=visit.destination_id,
            stall=visit.stall,
            received_at=visit.received_at,
            ready_at=visit.ready_at,
            wanted_booth_id=None if request is None else request.booth_id,
            wanted_at=None if request is None else request.wanted_at,
            made_at=None if request is None else request.made_at,
            promised_by=promised,
            handling=visit.handling,
            leaves_at=_told_at(visit),
        )
        arrival = now if visit.destination_id is None else self._arrival(visit, now)
        rule = NextDrive(self._config, self._scenario.travel, self._rank, now)
        return rule.move(cast("Row[*tuple[Any, ...]]", waiting), arrival)

    def _free_stalls(self, now: datetime) -> dict[str, int]:
        places = self._scenario.places
        free = {name: places[name].stalls for name in self._scenario.open_lots(now)}
        for visit in self.visits.values():
            stands_at = visit.destination_id or visit.place_id
            if stands_at in free:
                free[stands_at] -= 1
        return free

    def _booths(self, now: datetime, arrivals: Mapping[str, datetime]) -> dict[str, Booth]:
        standing = dict.fromkeys(self._scenario.booths, 0)
        leave: dict[str, list[datetime]] = {name: [] for name in standing}
        arrive: dict[str, list[datetime]] = {name: [] for name in standing}
        take = timedelta(seconds=self._scenario.take_car_s)
        staged = dict.fromkeys(standing, 0)
        for visit in self.visits.values():
            if visit.car in (states.PARKED, states.TO_LOT):
                stands_at = visit.destination_id or visit.place_id
                if stands_at in staged:
                    staged[stands_at] += 1
            elif visit.id in arrivals:
                arrive[visit.legs[-1].to_place_id].append(arrivals[visit.id])
            elif visit.place_id in standing and visit.destination_id is None:
                standing[visit.place_id] += 1
                if visit.car == states.READY:
                    assert visit.ready_at is not None
                    wanted = visit.request.wanted_at if visit.request is not None else None
                    gone = max(visit.ready_at, wanted or visit.ready_at) + take
                    leave[visit.place_id].append(max(now, gone))
        return {
            name: Booth(
                kerb_spaces=self._scenario.places[name].kerb_spaces,
                hooks=self._scenario.places[name].hooks,
                standing=count,
                leave_at=sorted(leave[name]),
                arrive_at=sorted(arrive[name]),
                staging_spaces=self._scenario.places[name].staging_spaces,
                staged=staged[name],
            )
            for name, count in standing.items()
        }


def _told_at(visit: Visit) -> datetime | None:
    """When the driver said, on leaving the car, that it would be wanted."""
    if visit.wish_min is None:
        return None
    return visit.received_at + timedelta(minutes=visit.wish_min)


def _nearest_first(scenario: Scenario) -> dict[str, list[str]]:
    lots, near = set(scenario.lots), dict[str, list[str]]()
    legs = sorted((t.drive_s, to, origin) for (origin, to), t in scenario.travel.items())
    for _, to, origin in legs:
        if to in lots:
            near.setdefault(origin, []).append(to)
    return near
