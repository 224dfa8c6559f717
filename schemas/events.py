"""Events: facts that a station or the cloud recorded, and their shape on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas import states
from schemas.district import TAG_KINDS, TAG_STATUSES
from schemas.photo import PHOTOS_PER_EVENT_MAX, PhotoRefSchema

WIRE_VERSION = 1
STEP_MAX = 100_000
SEQ_MAX = 2**53

STATION_STARTED = "station.started"
SHIFT_SIGNED_ON = "shift.signed_on"
SHIFT_SIGNED_OFF = "shift.signed_off"
VISIT_RECEIVED = "visit.received"
VISIT_REQUESTED = "visit.requested"
VISIT_REQUEST_CANCELLED = "visit.request_cancelled"
CAR_TAKEN = "car.taken"
CAR_PARKED = "car.parked"
CAR_READY = "car.ready"
VISIT_HANDED_OVER = "visit.handed_over"
VISIT_RESOLVED = "visit.resolved"
TAG_ENROLLED = "tag.enrolled"
TAG_MARKED = "tag.marked"
VISIT_PHOTOGRAPHED = "visit.photographed"


class EventError(ValueError):
    """An event that cannot be understood. `code` is `unknown_type` or `bad_fields`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `step` counts the visit's events as its writer knew them, so that causes sort
    before effects without trusting any clock."""

    id: str
    type: str
    seq: int
    prev: str
    boot_id: str
    mono_ns: int
    wall: datetime
    wall_synced: bool
    actor: str | None
    place_id: str | None
    visit_id: str | None
    step: int
    data: Mapping[str, Any]


# Ids are compared as text, so only the canonical form of a UUID is let in.
_UUID = validate.Regexp(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_HASH = validate.Regexp(r"[0-9a-f]{64}\Z")
# Outside of this no database can keep a time, whatever offset it is written with.
_REAL_TIME = validate.Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def _text(least: int, most: int) -> validate.And:
    """Text of so many characters that every database can keep: no NUL, no half of a pair."""
    storable = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="Holds what cannot be stored.")
    return validate.And(validate.Length(least, most), storable)


class _Lenient(Schema):
    # A newer writer may add fields; they stay in the stored bytes and are not read here.
    class Meta:
        unknown = EXCLUDE


class GuestReferenceSchema(_Lenient):
    """Reference to a guest record and its keyed digest (see `schemas.guest`)."""

    ref = fields.String(required=True, validate=_UUID)
    digest = fields.String(required=True, validate=_HASH)


class StationStartedSchema(_Lenient):
    """A station's agent began to run."""

    version = fields.String(required=True, validate=_text(1, 40))


class NothingSchema(_Lenient):
    """An event that says everything by its envelope."""


class VisitReceivedSchema(_Lenient):
    """A car and its keys were taken in at the booth `place_id`.

    `claim_url` is what the claim tag said when it was read, for the cloud to verify: a station
    has no keys for that.
    """

    code = fields.String(required=True, validate=validate.Regexp(r"[A-Z]-[0-9]{4}\Z"))
    key_tag = fields.String(required=True, validate=_text(4, 80))
    claim_tag = fields.String(allow_none=True, validate=_text(4, 80))
    guest = fields.Nested(GuestReferenceSchema, required=True)
    language = fields.String(required=True, validate=validate.OneOf(("es", "en")))
    claim_url = fields.String(allow_none=True, validate=_text(1, 512))


class VisitRequestedSchema(_Lenient):
    """The driver asked for the car at `booth_id`, at `wanted_at` or (None) as soon as may be."""

    booth_id = fields.String(required=True, validate=_text(1, 40))
    wanted_at = fields.AwareDateTime(allow_none=True, format="iso", validate=_REAL_TIME)
    source = fields.String(required=True, validate=validate.OneOf(("driver", "booth")))


class RequestCancelledSchema(_Lenient):
    """The open request was withdrawn."""

    source = fields.String(required=True, validate=validate.OneOf(("driver", "booth")))


class CarTakenSchema(_Lenient):
    """`actor` drove the car off from `place_id` towards `to_place_id`."""

    move = fields.String(required=True, validate=validate.OneOf(states.MOVE_KINDS))
    to_place_id = fields.String(required=True, validate=_text(1, 40))


class CarParkedSchema(_Lenient):
    """The car stands at the lot `place_id`, its key is on a hook there."""

    stall = fields.String(allow_none=True, validate=_text(0, 20))


class HandedOverSchema(_Lenient):
    """Keys and car were given back at `place_id` against a proof. `claim_url`: see above."""

    proof = fields.String(required=True, validate=validate.OneOf(states.PROOFS))
    claim_url = fields.String(allow_none=True, validate=_text(1, 512))
    reason = fields.String(allow_none=True, validate=_text(0, 300))


class VisitResolvedSchema(_Lenient):
    """A person decided what is true of a held visit."""

    state = fields.String(required=True, validate=validate.OneOf(tuple(states.CAR)))
    place_id = fields.String(required=True, validate=_text(1, 40))
    reason = fields.String(required=True, validate=_text(3, 300))


class TagEnrolledSchema(_Lenient):
    """A tag belongs to the district from now on, as what it says here, and is active.

    `person_id`: whose badge it is. `is_original`: whether its maker's signature holds, None
    where the chip has none. `is_secure`: it was given our keys and proved that it has them.
    """

    tag = fields.String(required=True, validate=_text(4, 80))
    kind = fields.String(required=True, validate=validate.OneOf(TAG_KINDS))
    label = fields.String(required=True, validate=_text(1, 20))
    person_id = fields.String(allow_none=True, validate=_text(1, 40))
    is_original = fields.Boolean(allow_none=True)
    is_secure = fields.Boolean()


class TagMarkedSchema(_Lenient):
    """An enrolled tag was lost, found again (`active`) or taken out of use."""

    tag = fields.String(required=True, validate=_text(4, 80))
    status = fields.String(required=True, validate=validate.OneOf(TAG_STATUSES))
    reason = fields.String(allow_none=True, validate=_text(0, 300))


class VisitPhotographedSchema(_Lenient):
    """`actor` took photos of the car at `place_id`: at its reception, or later of a damage. It
    changes nothing about the visit and fits every state of it."""

    photos = fields.List(
        fields.Nested(PhotoRefSchema),
        required=True,
        validate=validate.Length(1, PHOTOS_PER_EVENT_MAX),
    )


class EnvelopeSchema(_Lenient):
    """What every event has."""

    v = fields.Integer(required=True, strict=True, validate=validate.Equal(WIRE_VERSION))
    id = fields.String(required=True, validate=_UUID)
    type = fields.String(required=True)
    seq = fields.Integer(required=True, strict=True, validate=validate.Range(1, SEQ_MAX))
    prev = fields.String(required=True, validate=_HASH)
    boot_id = fields.String(required=True, validate=_text(1, 64))
    mono_ns = fields.Integer(required=True, strict=True, validate=validate.Range(0, 2**63 - 1))
    wall = fields.AwareDateTime(required=True, format="iso", validate=_REAL_TIME)
    wall_synced = fields.Boolean(required=True, truthy={True}, falsy={False})
    actor = fields.String(required=True, allow_none=True, validate=_text(1, 40))
    place_id = fields.String(required=True, allow_none=True, validate=_text(1, 40))
    visit_id = fields.String(required=True, allow_none=True, validate=_UUID)
    step = fields.Integer(required=True, strict=True, validate=validate.Range(0, STEP_MAX))
    data = fields.Dict(required=True, keys=fields.String())


_ENVELOPE = EnvelopeSchema()
_DATA: dict[str, Schema] = {
    STATION_STARTED: StationStartedSchema(),
    SHIFT_SIGNED_ON: NothingSchema(),
    SHIFT_SIGNED_OFF: NothingSchema(),
    VISIT_RECEIVED: VisitReceivedSchema(),
    VISIT_REQUESTED: VisitRequestedSchema(),
    VISIT_REQUEST_CANCELLED: RequestCancelledSchema(),
    CAR_TAKEN: CarTakenSchema(),
    CAR_PARKED: CarParkedSchema(),
    CAR_READY: NothingSchema(),
    VISIT_HANDED_OVER: HandedOverSchema(),
    VISIT_RESOLVED: VisitResolvedSchema(),
    TAG_ENROLLED: TagEnrolledSchema(),
    TAG_MARKED: TagMarkedSchema(),
    VISIT_PHOTOGRAPHED: VisitPhotographedSchema(),
}
EVENT_TYPES = tuple(_DATA)
VISIT_TYPES = tuple(kind for kind in _DATA if kind.startswith(("visit.", "car.")))
_NEED_PLACE = frozenset(
    {
        VISIT_RECEIVED,
        CAR_TAKEN,
        CAR_PARKED,
        CAR_READY,
        VISIT_HANDED_OVER,
        SHIFT_SIGNED_ON,
        VISIT_PHOTOGRAPHED,
    }
)
_NEED_ACTOR = frozenset(
    {
        VISIT_RECEIVED,
        CAR_TAKEN,
        VISIT_HANDED_OVER,
        VISIT_RESOLVED,
        SHIFT_SIGNED_ON,
        TAG_ENROLLED,
        TAG_MARKED,
        VISIT_PHOTOGRAPHED,
    }
)


def read_event(body: dict[str, Any]) -> Event:
    """The event in an unsealed body, checked in full. Raises `EventError`."""
    errors = _ENVELOPE.validate(body)
    if errors:
        raise EventError("bad_fields", describe(errors))
    kind = body["type"]
    if kind not in _DATA:
        raise EventError("unknown_type", f"unknown event type {str(kind)[:40]!r}")
    errors = _DATA[kind].validate(body["data"])
    if errors:
        raise EventError("bad_fields", describe(errors))
    event = restore_event(body)
    check_who_and_where(event)
    return event


def restore_event(body: Mapping[str, Any]) -> Event:
    """The event in a body that `read_event` has accepted before, without checking again."""
    return Event(
        id=body["id"],
        type=body["type"],
        seq=body["seq"],
        prev=body["prev"],
        boot_id=body["boot_id"],
        mono_ns=body["mono_ns"],
        wall=datetime.fromisoformat(body["wall"]),
        wall_synced=body["wall_synced"],
        actor=body["actor"],
        place_id=body["place_id"],
        visit_id=body["visit_id"],
        step=body["step"],
        data=body["data"],
    )


def describe(errors: Mapping[str, Any]) -> str:
    """Validation messages as one line, `field: reason; …`, without the values that were sent."""
    return "; ".join(f"{name}: {_flat(reason)}" for name, reason in sorted(errors.items()))


def _flat(reason: object) -> str:
    if isinstance(reason, dict):
        return ", ".join(f"{name}: {_flat(inner)}" for name, inner in reason.items())
    return " ".join(map(str, reason)) if isinstance(reason, list) else str(reason)


def check_who_and_where(event: Event) -> None:
    """Raises `EventError` where an event lacks the visit, place or actor that its type needs."""
    if event.type in VISIT_TYPES and (event.visit_id is None or event.step < 1):
        raise EventError("bad_fields", "visit_id, step: needed for this type")
    if event.type not in VISIT_TYPES and event.visit_id is not None:
        raise EventError("bad_fields", "visit_id: this type is about no visit")
    if event.type in _NEED_PLACE and event.place_id is None:
        raise EventError("bad_fields", "place_id: needed for this type")
    if event.type in _NEED_ACTOR and event.actor is None:
        raise EventError("bad_fields", "actor: needed for this type")
