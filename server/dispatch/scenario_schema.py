"""The fields of a scenario file: what each may be, and what it is where the file does not say.

Arrivals are one of three: `per_hour` (means, by booth), `per_quarter_hour` (counts), `cars` (a
recorded night), or `{"file": NAME}` with one of them. All times are minutes from `starts_at`;
`slow` multiplies the drives from and to some places. `before`: what is known of the nights before a
recorded one. `rows`: how many cars stand behind each other in a lot; `special`: the share of the
cars that only runners with that licence may drive; `walk_m_per_min`: runners without a car walk so
fast, whatever the district says.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from schemas.reception import RESTRICTING

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
    licences = fields.List(
        fields.String(validate=validate.OneOf(RESTRICTING)), load_default=None, allow_none=True
    )


class _CarSchema(_Strict):
    arrive_min = fields.Float(load_default=0.0, validate=_MINUTES)
    booth_id = fields.String(required=True)
    ask_min = fields.Float(load_default=None, allow_none=True, validate=_MINUTES)
    wanted_min = fields.Float(load_default=None, allow_none=True, validate=_MINUTES)
    return_booth_id = fields.String(load_default=None, allow_none=True)
    lot_id = fields.String(load_default=None, allow_none=True)
    handling = fields.List(fields.String(validate=validate.OneOf(RESTRICTING)), load_default=list)
    wish_min = fields.Float(load_default=None, allow_none=True, validate=_MINUTES)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_kwargs: object) -> None:
        ask, wanted = data["ask_min"], data["wanted_min"]
        if ask is not None and ask < data["arrive_min"]:
            raise ValidationError("must not be before arrive_min", "ask_min")
        if wanted is not None and (ask is None or wanted < ask):
            raise ValidationError("must not be before ask_min", "wanted_min")


class ArrivalsSchema(_Strict):
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
    told = fields.Float(load_default=0.0, validate=_SHARE)
    told_off_min = _minutes(load_default=40)


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


class _BeforeSchema(_Strict):
    nights = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100))
    per_hour = fields.Dict(
        fields.String(),
        fields.List(fields.Integer(strict=True, validate=_COUNT)),
        required=True,
    )
    stays_min = fields.List(fields.Float(validate=_MINUTES), required=True)


class _CutOffSchema(_SpanSchema):
    place_id = fields.String(required=True)


class _SlowSchema(_Strict):
    place_ids = fields.List(fields.String(), required=True)
    factor = fields.Float(required=True, validate=_FACTOR)


class ScenarioSchema(_Strict):
    """A whole night."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    district = fields.Raw(required=True)
    starts_at = fields.AwareDateTime(required=True, format="iso")
    length_min = fields.Integer(required=True, strict=True, validate=validate.Range(1, 7 * 1440))
    runners = fields.List(
        fields.Nested(_ShiftSchema), required=True, validate=validate.Length(1, 1000)
    )
    arrivals = fields.Dict(required=True)
    stays = fields.Nested(_StaysSchema, required=True)
    before = fields.Nested(_BeforeSchema, load_default=None, allow_none=True)
    noise = fields.Nested(_NoiseSchema, load_default=lambda: _NoiseSchema().load({}))
    closures = fields.List(fields.Nested(_ClosureSchema), load_default=list)
    cut_offs = fields.List(fields.Nested(_CutOffSchema), load_default=list)
    slow = fields.List(fields.Nested(_SlowSchema), load_default=list)
    stalls = fields.Dict(fields.String(), fields.Integer(strict=True, validate=_COUNT))
    rows = fields.Dict(fields.String(), fields.Integer(strict=True, validate=validate.Range(1, 50)))
    special = fields.Dict(
        fields.String(validate=validate.OneOf(RESTRICTING)), fields.Float(validate=_SHARE)
    )
    shuffle_s = fields.Integer(load_default=150, strict=True, validate=validate.Range(0, 3600))
    handling_s = fields.Integer(load_default=150, strict=True, validate=validate.Range(0, 3600))
    take_car_s = fields.Integer(load_default=120, strict=True, validate=validate.Range(0, 3600))
    walk_m_per_min = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(20, 300)
    )
    plan_every_s = fields.Integer(load_default=30, strict=True, validate=validate.Range(5, 86_400))
    overflow_price = fields.Float(load_default=2.0, validate=validate.Range(0, 100))
