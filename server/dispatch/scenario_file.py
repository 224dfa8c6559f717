"""Scenarios as files: small JSON, one district each. A bad one is refused with the field's name.

What a file does not say is as in the shipped one that it is `like`. `district` and files of
arrivals are looked for beside it, or stand in it themselves.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from schemas.district import BOOTH, LOT, District, DistrictSchema, Place
from schemas.events import describe
from schemas.problems import Refusal
from server.dispatch.scenario_data import (
    Before,
    Car,
    Closure,
    Counts,
    CutOff,
    Noise,
    Rates,
    Recorded,
    Scenario,
    Shift,
    Stays,
    Together,
)
from server.dispatch.scenario_schema import ArrivalsSchema, ScenarioSchema
from server.dispatch.snapshot import Travel
from server.district import read_district

_FOLDER = Path(__file__).parent.parent / "data" / "scenarios"
SCENARIOS: Sequence[str] = tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))
_MIN_S = 60
# Streets are no straight lines.
_DETOUR = 1.3


class ScenarioError(Exception):
    """A scenario cannot be played. `code` says what is wrong, the text where."""

    code = "bad_scenario"


def read_scenario(name: str) -> Scenario:
    """A shipped scenario by its name, or any by its file.

    Raises `ScenarioError` with the fields that are wrong.
    """
    path = _FOLDER / f"{name}.json" if name in SCENARIOS else Path(name)
    if name not in SCENARIOS and not path.suffix:
        raise ScenarioError(f"no scenario {name!r}: one of {', '.join(SCENARIOS)}, or a file")
    return _checked(path, _raw(path))


def scenario_of(content: Mapping[str, Any]) -> Scenario:
    """A scenario that was never a file: its fields, with the district among them.

    Raises `ScenarioError` with the fields that are wrong.
    """
    return _checked(_FOLDER / "scenario", dict(content))


def content_of(name: str) -> dict[str, Any]:
    """The fields of a shipped scenario, with the district among them."""
    content = _raw(_FOLDER / f"{name}.json")
    return {**content, "district": _json(_FOLDER.parent / content["district"])}


def _checked(path: Path, content: Mapping[str, Any]) -> Scenario:
    try:
        return _scenario(path, content)
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        raise ScenarioError(f"{path.name}: {describe(messages)}") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise ScenarioError(f"{path.name}: {error.strerror}") from None
    except RecursionError:
        raise ScenarioError(f"{path.name}: nested too deeply") from None
    except ValueError as error:
        raise ScenarioError(f"{path.name}: not JSON: {error}") from None


def _raw(path: Path) -> dict[str, Any]:
    """The file's fields; what it does not say is as in the one that it is `like`."""
    content = _json(path)
    if not isinstance(content, dict):
        raise ScenarioError(f"{path.name}: must be an object")
    like = content.pop("like", None)
    if like is None:
        return content
    if like not in SCENARIOS or like == path.stem:
        raise ScenarioError(f"{path.name}: like: no such scenario: {like}")
    return {**_raw(_FOLDER / f"{like}.json"), **content}


def _scenario(path: Path, content: Mapping[str, Any]) -> Scenario:
    loaded = ScenarioSchema().load(content)
    district = _district(path, loaded["district"])
    places = {place.id: place for place in district.places}
    _check(path, loaded, places)
    length_s = loaded["length_min"] * _MIN_S
    return Scenario(
        name=loaded["name"],
        starts_at=loaded["starts_at"],
        length_s=length_s,
        places=_in_rows(_with_stalls(places, loaded.get("stalls", {})), loaded.get("rows", {})),
        travel=_travel(district, loaded["slow"], loaded["walk_m_per_min"]),
        runners=[_shift(shift, length_s) for shift in loaded["runners"]],
        arrivals=_arrivals(path, loaded["arrivals"], places),
        stays=_stays(loaded["stays"], length_s),
        noise=Noise(**loaded["noise"]),
        closures=[_closure(closure, length_s) for closure in loaded["closures"]],
        cut_offs=[CutOff(cut["place_id"], *_span(cut, length_s)) for cut in loaded["cut_offs"]],
        before=_before(loaded["before"]),
        handling_s=loaded["handling_s"],
        take_car_s=loaded["take_car_s"],
        overflow_price=loaded["overflow_price"],
        plan_every_s=loaded["plan_every_s"],
        special=loaded.get("special", {}),
        shuffle_s=loaded["shuffle_s"],
        zone=ZoneInfo(district.timezone),
    )


def _before(data: Mapping[str, Any] | None) -> Before | None:
    if data is None:
        return None
    return Before(
        data["nights"], data["per_hour"], [round(stay * _MIN_S) for stay in data["stays_min"]]
    )


def _district(path: Path, name: str | Mapping[str, Any]) -> District:
    if not isinstance(name, str):
        district: District = DistrictSchema().load(name)
        return district
    beside = path.parent / name
    try:
        return read_district(beside if beside.exists() else _FOLDER.parent / name)
    except Refusal as refusal:
        raise ScenarioError(f"{path.name}: district: {refusal.context['detail']}") from None


def _check(path: Path, loaded: Mapping[str, Any], places: Mapping[str, Place]) -> None:
    """Every place that is named must exist and be what it is named as."""
    lots = {place.id for place in places.values() if place.kind == LOT}
    named: list[tuple[str, str, set[str]]] = []
    for index, shift in enumerate(loaded["runners"]):
        named.append((f"runners.{index}.place_id", shift["place_id"], set(places)))
    for index, closure in enumerate(loaded["closures"]):
        ends = closure.get("leg", [closure.get("place_id")])
        named.extend((f"closures.{index}", place_id, set(places)) for place_id in ends)
    for index, cut in enumerate(loaded["cut_offs"]):
        named.append((f"cut_offs.{index}.place_id", cut["place_id"], set(places)))
    for index, slow in enumerate(loaded["slow"]):
        named.extend((f"slow.{index}.place_ids", name, set(places)) for name in slow["place_ids"])
    for field in ("stalls", "rows"):
        named.extend((field, name, lots) for name in loaded.get(field, {}))
    _exist(path, named)
    names = [shift["id"] for shift in loaded["runners"]]
    if len(set(names)) < len(names):
        raise ScenarioError(f"{path.name}: runners: an id is used twice")


def _exist(path: Path, named: Sequence[tuple[str, str, set[str]]]) -> None:
    wrong = [f"{where}: no such place: {name}" for where, name, known in named if name not in known]
    if wrong:
        raise ScenarioError(f"{path.name}: {'; '.join(wrong)}")


def _with_stalls(places: Mapping[str, Place], stalls: Mapping[str, int]) -> dict[str, Place]:
    return {
        name: replace(place, stalls=stalls.get(name, place.stalls))
        for name, place in places.items()
    }


def _in_rows(places: Mapping[str, Place], deep: Mapping[str, int]) -> dict[str, Place]:
    """The same places where all stalls of some lots stand so many deep; what is left over of the
    stalls can always be driven out of."""
    return {
        name: place
        if name not in deep
        else replace(
            place,
            rows=tuple(
                tuple(f"{row + 1}-{number + 1}" for number in range(deep[name]))
                for row in range(place.stalls // deep[name])
            ),
        )
        for name, place in places.items()
    }


def on_foot(scenario: Scenario, walk_m_per_min: int = 75) -> Scenario:
    """The same night where runners without a car walk."""
    places = scenario.places
    travel = {
        (origin, to): replace(times, empty_s=_walk_s(places[origin], places[to], walk_m_per_min))
        for (origin, to), times in scenario.travel.items()
    }
    return replace(scenario, travel=travel)


def _walk_s(origin: Place, to: Place, m_per_min: int) -> int:
    metres = math.hypot(origin.x_m - to.x_m, origin.y_m - to.y_m) * _DETOUR
    return round(metres / m_per_min * _MIN_S)


def _travel(
    district: District, slow: Sequence[Mapping[str, Any]], walk_m_per_min: int | None
) -> dict[tuple[str, str], Travel]:
    found = {}
    places = {place.id: place for place in district.places}
    for leg in district.travel:
        ends, drive_s = (leg.from_place_id, leg.to_place_id), float(leg.drive_s)
        for each in slow:
            if set(ends) & set(each["place_ids"]):
                drive_s *= each["factor"]
        empty_s = leg.empty_s
        if walk_m_per_min is not None:
            empty_s = _walk_s(places[ends[0]], places[ends[1]], walk_m_per_min)
        found[ends] = Travel(round(drive_s), empty_s)
    return found


def _span(data: Mapping[str, Any], length_s: int) -> tuple[int, int]:
    until = data["until_min"]
    return data["from_min"] * _MIN_S, length_s if until is None else until * _MIN_S


def _shift(data: Mapping[str, Any], length_s: int) -> Shift:
    # Whoever works to the end brings the last cars too.
    until_s = 10 * length_s if data["until_min"] is None else data["until_min"] * _MIN_S
    breaks = [_span(each, length_s) for each in data["breaks"]]
    licences = None if data["licences"] is None else frozenset(data["licences"])
    from_s = data["from_min"] * _MIN_S
    return Shift(data["id"], data["place_id"], from_s, until_s, breaks, licences)


def _closure(data: Mapping[str, Any], length_s: int) -> Closure:
    from_s, until_s = _span(data, length_s)
    leg = tuple(data["leg"]) if "leg" in data else None
    return Closure(from_s, until_s, data.get("place_id"), leg, data["known_min"] * _MIN_S)


def _stays(data: Mapping[str, Any], length_s: int) -> Stays:
    last = data["last_min"]
    return Stays(
        median_s=data["median_min"] * _MIN_S,
        spread=data["spread"],
        least_s=data["least_min"] * _MIN_S,
        last_s=length_s if last is None else last * _MIN_S,
        together=[
            Together(each["at_min"] * _MIN_S, each["within_min"] * _MIN_S, each["share"])
            for each in data["together"]
        ],
        booked=data["booked"],
        lead_s=(data["lead_min"][0] * _MIN_S, data["lead_min"][1] * _MIN_S),
        elsewhere=data["elsewhere"],
        told=data["told"],
        told_off_s=data["told_off_min"] * _MIN_S,
    )


def _arrivals(
    path: Path, data: dict[str, Any], places: Mapping[str, Place]
) -> Rates | Counts | Recorded:
    if set(data) == {"file"} and isinstance(data["file"], str):
        path = path.parent / data["file"]
        data = _json(path)
    try:
        loaded = ArrivalsSchema().load(data)
    except ValidationError as error:
        raise ScenarioError(f"{path.name}: {describe({'arrivals': error.messages})}") from None
    booths = {place.id for place in places.values() if place.kind == BOOTH}
    if "cars" in loaded:
        return Recorded(_cars(path, loaded["cars"], booths, places))
    (counts,) = loaded.values()
    _exist(path, [("arrivals", name, booths) for name in counts])
    return Rates(counts) if "per_hour" in loaded else Counts(counts)


def _cars(
    path: Path, rows: Sequence[Mapping[str, Any]], booths: set[str], places: Mapping[str, Place]
) -> list[Car]:
    lots = set(places) - booths
    named: list[tuple[str, str, set[str]]] = []
    for index, row in enumerate(rows):
        for field, known in (("booth_id", booths), ("return_booth_id", booths), ("lot_id", lots)):
            if row[field] is not None:
                named.append((f"arrivals.cars.{index}.{field}", row[field], known))
    _exist(path, named)
    return [
        Car(
            arrive_s=round(row["arrive_min"] * _MIN_S),
            booth_id=row["booth_id"],
            ask_s=_seconds(row["ask_min"]),
            wanted_s=_seconds(row["wanted_min"]),
            return_booth_id=row["return_booth_id"],
            lot_id=row["lot_id"],
            handling=tuple(row["handling"]),
            wish_s=_seconds(row["wish_min"]),
        )
        for row in rows
    ]


def _seconds(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes * _MIN_S)
