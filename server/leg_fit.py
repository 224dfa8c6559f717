"""Travel times fitted to ways that were made. Plain numbers: no database, no clock.

A way takes what the district file says, longer or shorter by shares that are learned: one for the
whole district, one for the hour, one for the leg; and, with a car, by some seconds of handling for
each of its two places. Each of these is a mean of what the others leave unexplained, shrunk to
nothing as long as few ways speak for it; they are found in turns until they agree (a linear model
with normal priors, solved by coordinate descent). So one slow evening moves the whole district a
little, and a leg gets a time of its own only by its own ways.

Robust: what differs from what is expected by more than two usual errors counts as two, and what
cannot be a way (a forgotten tap) not at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

DRIVE = "drive"
EMPTY = "empty"

Leg = tuple[str, str]
Key = tuple[Hashable, ...]

_ROUNDS = 12
# The usual error of one way, as a share of its time, and the least of it.
_ERROR, _ERROR_S = 0.3, 30.0
_CLIP = 2.0
# Nothing that takes so much less, or more, of its time is a way.
_LEAST, _MOST = 0.2, {DRIVE: 4.0, EMPTY: 2.5}
# How far a share, or a place's handling in seconds, is believed to lie from the settings.
_ALL, _HOUR, _LEG, _PLACE_S = 0.3, 0.12, 0.2, 45.0


@dataclass(frozen=True, slots=True)
class Way:
    """A drive, from its taking to its end, or a way without a car. `hour`: of UTC; `age_h`: how
    long ago it ended."""

    mode: str
    leg: Leg
    hour: int
    took_s: float
    age_h: float


@dataclass(frozen=True, slots=True)
class Times:
    """What the district file says of a leg, in seconds; drives without handling."""

    drive_s: float
    empty_s: float


@dataclass(slots=True)
class Fit:
    """What was learned. `shares`: of a mode, an hour or a leg; `extra_s`: handling of a place."""

    handling_s: float
    shares: dict[Key, float] = field(default_factory=dict)
    extra_s: dict[str, float] = field(default_factory=dict)
    ways: dict[tuple[str, Leg], int] = field(default_factory=dict)

    def drive_s(self, leg: Leg, told: Times, hour: int) -> float:
        """A drive at this hour with all its handling."""
        extra = sum(self.extra_s.get(place, 0.0) for place in leg)
        travel = told.drive_s * self._pace(DRIVE, leg, hour)
        return max(0.0, travel + self.handling_s + extra)

    def empty_s(self, leg: Leg, told: Times, hour: int) -> float:
        """A way without a car at this hour."""
        return told.empty_s * self._pace(EMPTY, leg, hour)

    def _pace(self, mode: str, leg: Leg, hour: int) -> float:
        keys: tuple[Key, ...] = (mode,), (mode, hour), (mode, leg)
        return max(_LEAST, 1.0 + sum(self.shares.get(key, 0.0) for key in keys))


@dataclass(slots=True)
class _Seen:
    """A way in the fit: its weight, its error, and what is left unexplained of it."""

    unit_s: float
    weight: float
    error_s: float
    left_s: float


@dataclass(slots=True)
class _Unknown:
    """One number to find: `spread` as believed before, the ways that speak of it, and what one
    unit of it adds to each of them."""

    spread: float
    value: float = 0.0
    ways: list[tuple[_Seen, float]] = field(default_factory=list)

    def settle(self) -> None:
        """The shrunken mean of what is left to explain, and less is left."""
        pull, mass = 0.0, 1.0 / self.spread**2
        for way, unit in self.ways:
            most = _CLIP * way.error_s
            left = min(max(way.left_s, -most), most)
            pull += way.weight * unit * (left + unit * self.value)
            mass += way.weight * unit * unit
        value = pull / mass
        for way, unit in self.ways:
            way.left_s -= unit * (value - self.value)
        self.value = value


def fit(
    ways: Sequence[Way], told: Mapping[Leg, Times], handling_s: float, half_life_h: float
) -> Fit:
    """The times that explain these ways best; those of legs that nobody told of are left out."""
    found = Fit(handling_s)
    shares: dict[Key, _Unknown] = {}
    places: dict[str, _Unknown] = {}
    for way in ways:
        seen = _seen(way, told, handling_s, half_life_h)
        if seen is None:
            continue
        key = way.mode, way.leg
        found.ways[key] = found.ways.get(key, 0) + 1
        for name, spread in (
            ((way.mode,), _ALL),
            ((way.mode, way.hour), _HOUR),
            ((way.mode, way.leg), _LEG),
        ):
            shares.setdefault(name, _Unknown(spread)).ways.append((seen, seen.unit_s))
        for place in way.leg if way.mode == DRIVE else ():
            places.setdefault(place, _Unknown(_PLACE_S)).ways.append((seen, 1.0))
    for _ in range(_ROUNDS):
        for unknown in (*shares.values(), *places.values()):
            unknown.settle()
    found.shares = {name: unknown.value for name, unknown in shares.items()}
    found.extra_s = {place: unknown.value for place, unknown in places.items()}
    return found


def _seen(
    way: Way, told: Mapping[Leg, Times], handling_s: float, half_life_h: float
) -> _Seen | None:
    times = told.get(way.leg)
    if times is None:
        return None
    unit_s = times.drive_s if way.mode == DRIVE else times.empty_s
    usual_s = unit_s + (handling_s if way.mode == DRIVE else 0.0)
    if not _LEAST * usual_s < way.took_s < _MOST[way.mode] * usual_s:
        return None
    error_s = max(_ERROR * usual_s, _ERROR_S)
    weight = 0.5 ** (way.age_h / half_life_h) / error_s**2
    return _Seen(unit_s, weight, error_s, way.took_s - usual_s)
