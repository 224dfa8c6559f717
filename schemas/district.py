"""The district as data: its places, people, tags and the times between places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import (
    RAISE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from schemas.hours import Hours, HoursSchema
from schemas.reception import RESTRICTING
from schemas.tag_ids import TagIDError, parse_tag_id

BOOTH = "booth"
LOT = "lot"

KEY_TAG = "key"
CLAIM_TAG = "claim"
BADGE = "badge"
TAG_KINDS = (KEY_TAG, CLAIM_TAG, BADGE)

TAG_ACTIVE = "active"
TAG_LOST = "lost"
TAG_RETIRED = "retired"
TAG_STATUSES = (TAG_ACTIVE, TAG_LOST, TAG_RETIRED)

VALET = "valet"
RUNNER = "runner"
SUPERVISOR = "supervisor"
MANAGER = "manager"
# They work on the web alone; no station knows these roles. An auditor reads and changes nothing.
DISPATCHER = "dispatcher"
AUDITOR = "auditor"
ADMINISTRATOR = "administrator"
STATION_ROLES = (VALET, RUNNER, SUPERVISOR, MANAGER)
ROLES = (*STATION_ROLES, DISPATCHER, AUDITOR, ADMINISTRATOR)

_ID = validate.Regexp(r"[a-z0-9][a-z0-9-]{0,38}\Z")
_TIME = validate.Regexp(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z", error="write it as HH:MM")


@dataclass(frozen=True, slots=True)
class Place:
    """A booth or a lot. `x_m`, `y_m`: metres east and north of the district's origin.

    `letter` begins the ticket codes of a booth (H-0427). A lot has stalls and hooks, a
    booth kerb spaces and hooks; `staging_spaces` are set aside there for cars that are brought
    before anybody asks for them. `rows`: stalls of a lot in which cars block each other, the one at
    the exit first; stalls in no row are free to be driven out of. `hours`: when it is open, none
    for always (`schemas.hours.is_open_at`); `is_open` false closes it, whatever they say.
    """

    id: str
    kind: str
    name: str
    letter: str
    x_m: int
    y_m: int
    hooks: int
    kerb_spaces: int = 0
    stalls: int = 0
    is_open: bool = True
    rows: tuple[tuple[str, ...], ...] = ()
    hours: tuple[Hours, ...] = ()
    staging_spaces: int = 0


@dataclass(frozen=True, slots=True)
class Break:
    """A runner's break on every day, in the district's local time (`HH:MM`). One that ends
    earlier than it begins goes on past midnight."""

    from_time: str
    until_time: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here; `badge_tag` is the tag id of the badge.

    `may_drive` false, or a licence that ran out (`licence_until`, its last day, `YYYY-MM-DD`):
    the planner gives this person no car. `licences`: of the cars that not everybody may drive
    (`schemas.reception.RESTRICTING`) those that this person may; None: nobody has said, so all.
    """

    id: str
    name: str
    roles: tuple[str, ...]
    badge_tag: str | None
    is_active: bool = True
    may_drive: bool = True
    licences: tuple[str, ...] | None = None
    licence_until: str | None = None
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """An enrolled tag: its kind and the label printed on it.

    Only an `active` one opens anything. `is_secure`: it carries our keys and proves itself at
    each reading (`schemas.sun`), so a read without a proof is a copy.
    """

    id: str
    kind: str
    label: str
    status: str = TAG_ACTIVE
    is_secure: bool = False


@dataclass(frozen=True, slots=True)
class Travel:
    """Seconds between two places: driving a car, and travelling without one."""

    from_place_id: str
    to_place_id: str
    drive_s: int
    empty_s: int


@dataclass(frozen=True, slots=True)
class Closure:
    """A place, or the way from one place to another, is shut for cars.

    Once, from `from_at` until `until_at`; or on every day of `weekdays` (0 is Monday), from
    `from_time` until `until_time` of the district's local time, past midnight if that is earlier.
    One that is not `is_active` is over for good.
    """

    id: str
    name: str
    place_id: str | None = None
    from_place_id: str | None = None
    to_place_id: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    weekdays: tuple[int, ...] = ()
    from_time: str | None = None
    until_time: str | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class District:
    """A whole district, as it is loaded from one file."""

    name: str
    timezone: str
    is_illustrative: bool
    places: tuple[Place, ...]
    people: tuple[Person, ...]
    tags: tuple[Tag, ...]
    travel: tuple[Travel, ...]
    closures: tuple[Closure, ...] = ()


class _Strict(Schema):
    class Meta:
        unknown = RAISE


def _twice(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def _date(value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValidationError("no such day; write one like 2027-03-31") from None


def _timezone(value: str) -> None:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValidationError("no such time zone; write one like America/Panama") from None


def _tag_id(value: str) -> None:
    try:
        canonical = parse_tag_id(value)
    except TagIDError as error:
        raise ValidationError(str(error)) from None
    if canonical != value:
        raise ValidationError(f"write it as {canonical}")


class PlaceSchema(_Strict):
    """See `Place`."""

    id = fields.String(required=True, validate=_ID)
    kind = fields.String(required=True, validate=validate.OneOf((BOOTH, LOT)))
    name = fields.String(required=True, validate=validate.Length(1, 60))
    letter = fields.String(required=True, validate=validate.Regexp(r"[A-Z]\Z"))
    x_m = fields.Integer(required=True, strict=True)
    y_m = fields.Integer(required=True, strict=True)
    hooks = fields.Integer(required=True, strict=True, validate=validate.Range(0, 2000))
    kerb_spaces = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 200))
    stalls = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 5000))
    is_open = fields.Boolean(load_default=True)
    rows = fields.List(
        fields.List(
            fields.String(validate=validate.Length(1, 20)), validate=validate.Length(1, 50)
        ),
        load_default=list,
        validate=validate.Length(0, 1000),
    )
    hours = fields.List(
        fields.Nested(HoursSchema), load_default=list, validate=validate.Length(0, 20)
    )

    staging_spaces = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 50))

    @validates_schema
    def _stalls_are_of_one_row(self, data: dict[str, Any], **_kwargs: object) -> None:
        twice = _twice(stall for row in data["rows"] for stall in row)
        if twice:
            raise ValidationError(f"stall used twice: {', '.join(sorted(twice))}", "rows")

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Place:
        rows = tuple(map(tuple, data["rows"]))
        return Place(**{**data, "rows": rows, "hours": tuple(data["hours"])})


class BreakSchema(_Strict):
    """See `Break`."""

    from_time = fields.String(required=True, validate=_TIME)
    until_time = fields.String(required=True, validate=_TIME)

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Break:
        return Break(**data)


class PersonSchema(_Strict):
    """See `Person`."""

    id = fields.String(required=True, validate=_ID)
    name = fields.String(required=True, validate=validate.Length(1, 60))
    roles = fields.List(
        fields.String(validate=validate.OneOf(ROLES)), required=True, validate=validate.Length(1)
    )
    badge_tag = fields.String(load_default=None, allow_none=True, validate=_tag_id)
    is_active = fields.Boolean(load_default=True)
    may_drive = fields.Boolean(load_default=True)
    licences = fields.List(
        fields.String(validate=validate.OneOf(RESTRICTING)), load_default=None, allow_none=True
    )
    licence_until = fields.String(load_default=None, allow_none=True, validate=_date)
    breaks = fields.List(
        fields.Nested(BreakSchema), load_default=list, validate=validate.Length(0, 10)
    )

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Person:
        lists = {name: tuple(data[name]) for name in ("roles", "breaks")}
        if data["licences"] is not None:
            lists["licences"] = tuple(data["licences"])
        return Person(**{**data, **lists})


class TagSchema(_Strict):
    """See `Tag`."""

    id = fields.String(required=True, validate=_tag_id)
    kind = fields.String(required=True, validate=validate.OneOf(TAG_KINDS))
    label = fields.String(required=True, validate=validate.Length(1, 20))
    status = fields.String(load_default=TAG_ACTIVE, validate=validate.OneOf(TAG_STATUSES))
    is_secure = fields.Boolean(load_default=False)

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Tag:
        return Tag(**data)


class TravelSchema(_Strict):
    """See `Travel`."""

    from_place_id = fields.String(required=True, validate=_ID)
    to_place_id = fields.String(required=True, validate=_ID)
    drive_s = fields.Integer(required=True, strict=True, validate=validate.Range(0, 7200))
    empty_s = fields.Integer(required=True, strict=True, validate=validate.Range(0, 7200))

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Travel:
        return Travel(**data)


class ClosureSchema(_Strict):
    """See `Closure`."""

    id = fields.String(required=True, validate=_ID)
    name = fields.String(required=True, validate=validate.Length(1, 80))
    place_id = fields.String(load_default=None, allow_none=True, validate=_ID)
    from_place_id = fields.String(load_default=None, allow_none=True, validate=_ID)
    to_place_id = fields.String(load_default=None, allow_none=True, validate=_ID)
    from_at = fields.AwareDateTime(load_default=None, allow_none=True, format="iso")
    until_at = fields.AwareDateTime(load_default=None, allow_none=True, format="iso")
    weekdays = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, 6)), load_default=list
    )
    from_time = fields.String(load_default=None, allow_none=True, validate=_TIME)
    until_time = fields.String(load_default=None, allow_none=True, validate=_TIME)
    is_active = fields.Boolean(load_default=True)

    @validates_schema
    def _where_and_when(self, data: dict[str, Any], **_kwargs: object) -> None:
        ends = [data["from_place_id"], data["to_place_id"]]
        if (data["place_id"] is None) == (None in ends) or (None in ends and any(ends)):
            raise ValidationError("name a place_id, or from_place_id and to_place_id")
        once = [data["from_at"], data["until_at"]]
        weekly = [data["from_time"], data["until_time"]]
        if data["weekdays"]:
            if None in weekly or any(once):
                raise ValidationError("weekdays go with from_time and until_time alone")
        elif None in once or any(weekly) or once[0] >= once[1]:
            raise ValidationError("name from_at and a later until_at, or weekdays and times")

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> Closure:
        return Closure(**{**data, "weekdays": tuple(sorted(set(data["weekdays"])))})


class DistrictSchema(_Strict):
    """See `District`."""

    name = fields.String(required=True, validate=validate.Length(1, 80))
    timezone = fields.String(required=True, validate=_timezone)
    is_illustrative = fields.Boolean(load_default=False)
    places = fields.List(fields.Nested(PlaceSchema), required=True)
    people = fields.List(fields.Nested(PersonSchema), required=True)
    tags = fields.List(fields.Nested(TagSchema), required=True)
    travel = fields.List(fields.Nested(TravelSchema), required=True)
    closures = fields.List(fields.Nested(ClosureSchema), load_default=list)

    @validates_schema
    def _names_agree(self, data: dict[str, Any], **_kwargs: object) -> None:
        faults: dict[str, list[str]] = {}
        booths = [place for place in data["places"] if place.kind == BOOTH]
        badges = [person.badge_tag for person in data["people"] if person.badge_tag is not None]
        enrolled = [tag.id for tag in data["tags"] if tag.kind != BADGE]
        places = {place.id for place in data["places"]}
        named = {end for leg in data["travel"] for end in (leg.from_place_id, leg.to_place_id)}
        shut = {
            end
            for each in data["closures"]
            for end in (each.place_id, each.from_place_id, each.to_place_id)
            if end is not None
        }
        for name, problem, wrong in (
            ("places", "used twice", _twice(place.id for place in data["places"])),
            ("places", "letter of two booths", _twice(place.letter for place in booths)),
            ("people", "used twice", _twice(person.id for person in data["people"])),
            ("people", "badge of two people", _twice(badges)),
            ("people", "badge that is another tag", set(badges) & set(enrolled)),
            ("tags", "used twice", _twice(tag.id for tag in data["tags"])),
            ("travel", "no such place", named - places),
            ("closures", "used twice", _twice(closure.id for closure in data["closures"])),
            ("closures", "no such place", shut - places),
        ):
            if wrong:
                faults.setdefault(name, []).append(f"{problem}: {', '.join(sorted(wrong))}")
        if faults:
            raise ValidationError({name: list(lines) for name, lines in faults.items()})

    @post_load
    def _make(self, data: dict[str, Any], **_kwargs: object) -> District:
        names = ("places", "people", "tags", "travel", "closures")
        lists = {name: tuple(data[name]) for name in names}
        return District(**{**data, **lists})
