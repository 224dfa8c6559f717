"""What the planner of a played night expects: read by the live rules from other nights like it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from schemas import states
from schemas.visit import Visit
from server.dispatch.forecast import (
    Forecast,
    Staying,
    arrival_rates,
    expected,
    hazard,
    rush,
    stageable,
)
from server.dispatch.past_evenings import FRESH
from server.dispatch.runners_seen import RESTRICTING_KINDS
from server.dispatch.scenario_crowd import crowd
from server.dispatch.scenario_data import Recorded, Scenario
from server.dispatch.snapshot import Expected, Stageable

# Nights before this one; their seeds are far from those that anybody plays.
_PAST_NIGHTS = 3
_PAST_SEED = 1_000_000_007
_HOUR_S = 3600


class TwinForecast:
    """The forecasts of one night, hour by hour. Of a recorded night nothing is known before but
    what its scenario says of others."""

    def __init__(self, scenario: Scenario) -> None:
        """Look at past nights."""
        self._scenario = scenario
        self._counts: dict[int, dict[str, int]] = {}
        self._nights = _PAST_NIGHTS
        self._lots = set(scenario.lots)
        self._has_staging = any(place.staging_spaces for place in scenario.places.values())
        stays: list[timedelta] = []
        self._past: list[tuple[datetime, datetime]] = []
        self._rush: tuple[datetime, float] | None = None
        if scenario.before is not None:
            self._nights = scenario.before.nights
            for booth, counts in scenario.before.per_hour.items():
                for number, count in enumerate(counts):
                    self._counts.setdefault(number, {})[booth] = count
            stays = [timedelta(seconds=stay_s) for stay_s in scenario.before.stays_s]
        elif not isinstance(scenario.arrivals, Recorded):
            for night in range(_PAST_NIGHTS):
                for car in crowd(scenario, _PAST_SEED + night):
                    hour = self._counts.setdefault(car.arrive_s // _HOUR_S, {})
                    hour[car.booth_id] = hour.get(car.booth_id, 0) + 1
                    if car.ask_s is not None:
                        stays.append(timedelta(seconds=car.ask_s - car.arrive_s))
                        self._past.append((scenario.at(car.arrive_s), scenario.at(car.ask_s)))
        typical = timedelta(seconds=scenario.stays.median_s)
        self._asked_per_h = hazard(stays, typical) if stays else []

    def at(
        self, now: datetime, visits: Iterable[Visit], lots_near: Mapping[str, Sequence[str]]
    ) -> list[Expected]:
        """The drives that are expected soon."""
        if not self._asked_per_h:
            return []
        return expected(self._forecast(now), self._staying(visits), lots_near, now)

    def stageable(
        self, now: datetime, visits: Iterable[Visit], least_chance: float
    ) -> list[Stageable]:
        """The cars that may be brought near."""
        if not self._asked_per_h or not self._has_staging:
            return []
        return stageable(self._forecast(now), self._staying(visits), now, least_chance)

    def _forecast(self, now: datetime) -> Forecast:
        hour = (now - self._scenario.starts_at) // timedelta(seconds=_HOUR_S)
        rates = arrival_rates(self._counts.get(hour, {}), self._nights, timedelta(hours=1))
        return Forecast(rates, self._asked_per_h, self._rush_at(now))

    def _rush_at(self, now: datetime) -> float:
        """Read anew as seldom as the live forecast is. All past nights lie on this one, so each
        counts at its own share."""
        if self._rush is None or now - self._rush[0] >= FRESH:
            self._rush = now, rush(self._past, [now], self._asked_per_h)
        return self._rush[1]

    def _staying(self, visits: Iterable[Visit]) -> list[Staying]:
        """The cars in the lots that nobody has asked for."""
        return [
            Staying(
                visit.place_id,
                visit.booth_id,
                visit.received_at,
                visit.id,
                RESTRICTING_KINDS.intersection(visit.handling),
            )
            for visit in visits
            if visit.car == states.PARKED and visit.request is None and visit.place_id in self._lots
        ]
