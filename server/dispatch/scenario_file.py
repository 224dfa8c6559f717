"""Scenarios as files: small JSON, one district each. A bad one is refused with the field's name.

What a file does not say is as in the shipped one that it is `like`. `district` and files of
arrivals are looked for beside it. Arrivals are one of three: `per_hour` (means, by booth),
`per_quarter_hour` (counts), `cars` (a recorded night), or `{"file": NAME}` with one of them. All
times are minutes from `starts_at`; `slow` multiplies the drives from and to some places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from schemas.district import BOOTH, LOT, District, Place
from schemas.events import describe
from schemas.problems import Refusal
from server.dispatch.scenario_data import (
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
from server.dispatch.snapshot import Travel
from server.district import read_district

_FOLDER = Path(__file__).parent.parent / "data" / "scenarios"
SCENARIOS: Sequence[str] = tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))
_MIN_S = 60
_QUARTERS_PER_H = 4


class ScenarioError(Exception):
    """A scenario cannot be played. `code` says what is wrong, the text where."""

    code = "bad_scenario"


_MINUTES = validate.Range(min=0, max=7 * 24 * 60)
_SHARE = validate.Range(min=0, max=1)
_COUNT = validate.Range(min=0, max=10_000)
_FACTOR = validate.Range(min=0.05, max=20)
_SPREAD = validate.Range(min=0, max=2)


def _minutes(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=_MINUTES, **options)


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class _SpanSchema(_Strict):
    from_min = _minutes(load_default=0)
    until_min = _minutes(load_default=None, allow_none=True)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_kwargs: object) -> None:
        if data["until_min"] is not None and data["until_min"] <= data["from_min"]:
            raise ValidationError("must be after from_min", "until_min")


class _ShiftSchema(_SpanSchema):
    id = fields.String(required=True, validate=validate.Length(1, 40))
    place_id = fields.String(required=True)
    breaks = fields.List(fields.Nested(_SpanSchema), load_default=list)


class _CarSchema(_Strict):
    arrive_min = fields.Float(load_default=0.0, validate=_MINUTES)
    booth_id = fields.String(required=True)
    ask_min = fields.Float(load_default=None, allow_none=True, validate=_MINUTES)
    wanted_min = fields.Float(load_default=None, allow_none=True, validate=_MINUTES)
    return_booth_id = fields.String(load_default=None, allow_none=True)
    lot_id = fields.String(load_default=None, allow_none=True)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_kwargs: object) -> None:
        ask, wanted = data["ask_min"], data["wanted_min"]
        if ask is not None and ask < data["arrive_min"]:
            raise ValidationError("must not be before arrive_min", "ask_min")
        if wanted is not None and (ask is None or wanted < ask):
            raise ValidationError("must not be before ask_min", "wanted_min")


class _ArrivalsSchema(_Strict):
    """One of three kinds, written here or in a file beside the scenario."""

    per_hour = fields.Dict(fields.String(), fields.List(fields.Float(validate=_COUNT)))
    per_quarter_hour = fields.Dict(
        fields.String(), fields.List(fields.Integer(strict=True, validate=_COUNT))
    )
    cars = fields.List(fields.Nested(_CarSchema))

    @validates_schema(skip_on_field_errors=True)
    def _is_one(self, data: dict[str, Any], **_kwargs: object) -> None:
        if len(data) != 1:
            raise ValidationError("give exactly one of per_hour, per_quarter_hour, cars or file")


class _TogetherSchema(_Strict):
    at_min = _minutes(required=True)
    within_min = fields.Integer(required=True, strict=True, validate=validate.Range(1, 600))
    share = fields.Float(required=True, validate=_SHARE)


class _StaysSchema(_Strict):
    median_min = fields.Integer(load_default=142, strict=True, validate=validate.Range(1, 2000))
    spread = fields.Float(load_default=0.34, validate=_SPREAD)
    least_min = _minutes(load_default=30)
    last_min = _minutes(load_default=None, allow_none=True)
    together = fields.List(fields.Nested(_TogetherSchema), load_default=list)
    booked = fields.Float(load_default=0.24, validate=_SHARE)
    lead_min = fields.List(
        fields.Integer(validate=_MINUTES), load_default=[10, 60], validate=validate.Length(2, 2)
    )
    elsewhere = fields.Float(load_default=0.2, validate=_SHARE)


class _NoiseSchema(_Strict):
    drive = fields.Float(load_default=0.3, validate=_SPREAD)
    empty = fields.Float(load_default=0.3, validate=_SPREAD)
    handling = fields.Float(load_default=0.3, validate=_SPREAD)
    factor = fields.Float(load_default=1.0, validate=_FACTOR)


class _ClosureSchema(_SpanSchema):
    place_id = fields.String()
    leg = fields.List(fields.String(), validate=validate.Length(2, 2))
    known_min = _minutes(load_default=0)

    @validates_schema(skip_on_field_errors=True)
    def _is_one(self, data: dict[str, Any], **_kwargs: object) -> None:
        if ("place_id" in data) == ("leg" in data):
            raise ValidationError("give either a place_id or a leg")


class _CutOffSchema(_SpanSchema):
    place_id = fields.String(required=True)


class _SlowSchema(_Strict):
    place_ids = fields.List(fields.String(), required=True)
    factor = fields.Float(required=True, validate=_FACTOR)


class _ScenarioSchema(_Strict):
    name = fields.String(required=True, validate=validate.Length(1, 100))
    district = fields.String(required=True)
    starts_at = fields.AwareDateTime(required=True, format="iso")
    length_min = fields.Integer(required=True, strict=True, validate=validate.Range(1, 7 * 1440))
    runners = fields.List(
        fields.Nested(_ShiftSchema), required=True, validate=validate.Length(1, 1000)
    )
    arrivals = fields.Dict(required=True)
    stays = fields.Nested(_StaysSchema, required=True)
    noise = fields.Nested(_NoiseSchema, load_default=lambda: _NoiseSchema().load({}))
    closures = fields.List(fields.Nested(_ClosureSchema), load_default=list)
    cut_offs = fields.List(fields.Nested(_CutOffSchema), load_default=list)
    slow = fields.List(fields.Nested(_SlowSchema), load_default=list)
    stalls = fields.Dict(fields.String(), fields.Integer(strict=True, validate=_COUNT))
    handling_s = fields.Integer(load_default=150, strict=True, validate=validate.Range(0, 3600))
    take_car_s = fields.Integer(load_default=120, strict=True, validate=validate.Range(0, 3600))
    plan_every_s = fields.Integer(load_default=30, strict=True, validate=validate.Range(5, 86_400))
    overflow_price = fields.Float(load_default=2.0, validate=validate.Range(0, 100))


def read_scenario(name: str) -> Scenario:
    """A shipped scenario by its name, or any by its file.

    Raises `ScenarioError` with the fields that are wrong.
    """
    path = _FOLDER / f"{name}.json" if name in SCENARIOS else Path(name)
    if name not in SCENARIOS and not path.suffix:
        raise ScenarioError(f"no scenario {name!r}: one of {', '.join(SCENARIOS)}, or a file")
    try:
        return _scenario(path)
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


def _scenario(path: Path) -> Scenario:
    loaded = _ScenarioSchema().load(_raw(path))
    district = _district(path, loaded["district"])
    places = {place.id: place for place in district.places}
    _check(path, loaded, places)
    length_s = loaded["length_min"] * _MIN_S
    return Scenario(
        name=loaded["name"],
        starts_at=loaded["starts_at"],
        length_s=length_s,
        places=_with_stalls(places, loaded.get("stalls", {})),
        travel=_travel(district, loaded["slow"]),
        runners=[_shift(shift, length_s) for shift in loaded["runners"]],
        arrivals=_arrivals(path, loaded["arrivals"], places),
        stays=_stays(loaded["stays"], length_s),
        noise=Noise(**loaded["noise"]),
        closures=[_closure(closure, length_s) for closure in loaded["closures"]],
        cut_offs=[CutOff(cut["place_id"], *_span(cut, length_s)) for cut in loaded["cut_offs"]],
        handling_s=loaded["handling_s"],
        take_car_s=loaded["take_car_s"],
        overflow_price=loaded["overflow_price"],
        plan_every_s=loaded["plan_every_s"],
    )


def _district(path: Path, name: str) -> District:
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
    named.extend(("stalls", name, lots) for name in loaded.get("stalls", {}))
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


def _travel(district: District, slow: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Travel]:
    found = {}
    for leg in district.travel:
        ends, drive_s = (leg.from_place_id, leg.to_place_id), float(leg.drive_s)
        for each in slow:
            if set(ends) & set(each["place_ids"]):
                drive_s *= each["factor"]
        found[ends] = Travel(round(drive_s), leg.empty_s)
    return found


def _span(data: Mapping[str, Any], length_s: int) -> tuple[int, int]:
    until = data["until_min"]
    return data["from_min"] * _MIN_S, length_s if until is None else until * _MIN_S


def _shift(data: Mapping[str, Any], length_s: int) -> Shift:
    # Whoever works to the end brings the last cars too.
    until_s = 10 * length_s if data["until_min"] is None else data["until_min"] * _MIN_S
    breaks = [_span(each, length_s) for each in data["breaks"]]
    return Shift(data["id"], data["place_id"], data["from_min"] * _MIN_S, until_s, breaks)


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
    )


def _arrivals(
    path: Path, data: dict[str, Any], places: Mapping[str, Place]
) -> Rates | Counts | Recorded:
    if set(data) == {"file"} and isinstance(data["file"], str):
        path = path.parent / data["file"]
        data = _json(path)
    try:
        loaded = _ArrivalsSchema().load(data)
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
        )
        for row in rows
    ]


def _seconds(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes * _MIN_S)
