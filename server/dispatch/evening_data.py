"""An evening to be played: the ground it is played on, and its cars. Read from a file of facts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from schemas.events import describe


class EveningError(Exception):
    """A file of evenings cannot be played. `code` says what is wrong, the text where."""

    code = "bad_evening"


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known before the first car comes; whole minutes, prices in late minutes of a driver.

    Nodes `0 … booths-1` are booths, `booths … booths+lots-1` are lots. `drive_min` is without
    `handling_min`; `empty_min` is a runner without a car. Each kerb has `kerb_cars` spaces; a car
    above that costs `overflow_price` a minute. The forecasts are per minute of the evening.
    """

    booths: int
    lots: int
    kerb_cars: int
    horizon_min: int
    overflow_price: float
    owner_takes_car_after_min: int
    scheduled_may_be_early_min: int
    handling_min: int
    drive_min: Sequence[Sequence[int]]
    empty_min: Sequence[Sequence[int]]
    expected_arrivals_per_min: Sequence[float]
    expected_requests_per_min: Sequence[float]

    @property
    def nodes(self) -> int:
        """How many places there are."""
        return self.booths + self.lots

    def loaded_min(self, origin: int, destination: int) -> int:
        """Minutes that a runner is taken by driving one car, key and parking included."""
        return self.drive_min[origin][destination] + self.handling_min


@dataclass(frozen=True, slots=True)
class Car:
    """One car's evening: `lot` is a node. `want_min` equal to `ask_min`: its driver waits."""

    arrive_min: int
    booth: int
    lot: int
    ask_min: int
    want_min: int
    return_booth: int


@dataclass(frozen=True, slots=True)
class Evening:
    """A ground, its cars, and per number of runners a bound that no policy can beat."""

    name: str
    ground: Ground
    cars: Sequence[Car]
    bounds: Mapping[int, float]


_COUNT = validate.Range(min=0)
_SOME = validate.Range(min=1)


class _CarSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    arrive_min = fields.Integer(required=True, validate=_COUNT)
    booth = fields.Integer(required=True, validate=_COUNT)
    lot = fields.Integer(required=True, validate=_COUNT)
    ask_min = fields.Integer(required=True, validate=_COUNT)
    want_min = fields.Integer(required=True, validate=_COUNT)
    return_booth = fields.Integer(required=True, validate=_COUNT)


class _EveningSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    name = fields.String(required=True)
    booths = fields.Integer(required=True, validate=_SOME)
    lots = fields.Integer(required=True, validate=_SOME)
    kerb_cars = fields.Integer(required=True, validate=_COUNT)
    horizon_min = fields.Integer(required=True, validate=_SOME)
    overflow_price = fields.Float(required=True, validate=_COUNT)
    owner_takes_car_after_min = fields.Integer(required=True, validate=_COUNT)
    scheduled_may_be_early_min = fields.Integer(required=True, validate=_COUNT)
    handling_min = fields.Integer(required=True, validate=_SOME)
    drive_min = fields.List(fields.List(fields.Integer(validate=_COUNT)), required=True)
    empty_min = fields.List(fields.List(fields.Integer(validate=_COUNT)), required=True)
    cars = fields.List(fields.Nested(_CarSchema), required=True, validate=validate.Length(min=1))
    expected_arrivals_per_min = fields.List(fields.Float(validate=_COUNT), load_default=list)
    expected_requests_per_min = fields.List(fields.Float(validate=_COUNT), load_default=list)
    clairvoyant_bound_J = fields.Dict(
        fields.Integer(validate=_SOME), fields.Float(), load_default=dict
    )


def read_evenings(path: Path) -> list[Evening]:
    """The evenings in a JSON file (one, or a list). Raises `EveningError` with every fault."""
    try:
        content = json.loads(path.read_text())
        many = content if isinstance(content, list) else [content]
        loaded = _EveningSchema(many=True).load(many)
    except OSError as error:
        raise EveningError(f"{path}: {error.strerror}") from None
    except RecursionError:
        raise EveningError(f"{path}: nested too deeply") from None
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {}
        faults = {str(index): fault for index, fault in messages.items()}
        raise EveningError(f"{path}: {describe(faults)}") from None
    except ValueError as error:
        raise EveningError(f"{path}: not JSON: {error}") from None
    return [_evening(path, facts) for facts in loaded]


def _evening(path: Path, facts: dict[str, Any]) -> Evening:
    bounds, cars, name = facts.pop("clairvoyant_bound_J"), facts.pop("cars"), facts.pop("name")
    ground = Ground(**facts)
    fault = _fault(ground, cars)
    if fault is not None:
        raise EveningError(f"{path}: {name}: {fault}")
    made = [Car(**{**car, "lot": ground.booths + car["lot"]}) for car in cars]
    return Evening(name=name, ground=ground, cars=made, bounds=bounds)


def _fault(ground: Ground, cars: Sequence[dict[str, int]]) -> str | None:
    for table in (ground.drive_min, ground.empty_min):
        if len(table) != ground.nodes or any(len(row) != ground.nodes for row in table):
            return "the travel times must have a row and a column for each booth and lot"
    for index, car in enumerate(cars):
        if max(car["booth"], car["return_booth"]) >= ground.booths or car["lot"] >= ground.lots:
            return f"car {index} names a place that does not exist"
        if not car["arrive_min"] <= car["ask_min"] <= car["want_min"]:
            return f"car {index} must arrive, then be asked for, then be wanted"
    return None
