"""Events: facts that a station or the cloud recorded, and their shape on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from schemas import event_data
from schemas.event_data import HASH, REAL_TIME, UUID, Lenient, text

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
VISIT_CALLED = "visit.called"
VISIT_DELAYED = "visit.delayed"
VISIT_REPORTED = "visit.reported"
VISIT_UNCLAIMED = "visit.unclaimed"
SHIFT_PAUSED = "shift.paused"
SHIFT_RESUMED = "shift.resumed"
KEYS_CHECKED = "keys.checked"
PLACE_CLOSED = "place.closed"
VISIT_TOLD = "visit.told"
VISIT_PAID = "visit.paid"
VISIT_UNDONE = "visit.undone"
KEY_SEEN = "key.seen"
PIN_LOCKED = "pin.locked"


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


class EnvelopeSchema(Lenient):
    """What every event has."""

    v = fields.Integer(required=True, strict=True, validate=validate.Equal(WIRE_VERSION))
    id = fields.String(required=True, validate=UUID)
    type = fields.String(required=True)
    seq = fields.Integer(required=True, strict=True, validate=validate.Range(1, SEQ_MAX))
    prev = fields.String(required=True, validate=HASH)
    boot_id = fields.String(required=True, validate=text(1, 64))
    mono_ns = fields.Integer(required=True, strict=True, validate=validate.Range(0, 2**63 - 1))
    wall = fields.AwareDateTime(required=True, format="iso", validate=REAL_TIME)
    wall_synced = fields.Boolean(required=True, truthy={True}, falsy={False})
    actor = fields.String(required=True, allow_none=True, validate=text(1, 40))
    place_id = fields.String(required=True, allow_none=True, validate=text(1, 40))
    visit_id = fields.String(required=True, allow_none=True, validate=UUID)
    step = fields.Integer(required=True, strict=True, validate=validate.Range(0, STEP_MAX))
    data = fields.Dict(required=True, keys=fields.String())


_ENVELOPE = EnvelopeSchema()
_DATA: dict[str, Schema] = {
    STATION_STARTED: event_data.StationStartedSchema(),
    SHIFT_SIGNED_ON: event_data.NothingSchema(),
    SHIFT_SIGNED_OFF: event_data.NothingSchema(),
    VISIT_RECEIVED: event_data.VisitReceivedSchema(),
    VISIT_REQUESTED: event_data.VisitRequestedSchema(),
    VISIT_REQUEST_CANCELLED: event_data.RequestCancelledSchema(),
    CAR_TAKEN: event_data.CarTakenSchema(),
    CAR_PARKED: event_data.CarParkedSchema(),
    CAR_READY: event_data.CarReadySchema(),
    VISIT_HANDED_OVER: event_data.HandedOverSchema(),
    VISIT_RESOLVED: event_data.VisitResolvedSchema(),
    TAG_ENROLLED: event_data.TagEnrolledSchema(),
    TAG_MARKED: event_data.TagMarkedSchema(),
    VISIT_PHOTOGRAPHED: event_data.VisitPhotographedSchema(),
    VISIT_CALLED: event_data.VisitCalledSchema(),
    VISIT_DELAYED: event_data.VisitDelayedSchema(),
    VISIT_REPORTED: event_data.VisitReportedSchema(),
    VISIT_UNCLAIMED: event_data.VisitUnclaimedSchema(),
    SHIFT_PAUSED: event_data.NothingSchema(),
    SHIFT_RESUMED: event_data.NothingSchema(),
    KEYS_CHECKED: event_data.KeysCheckedSchema(),
    PLACE_CLOSED: event_data.PlaceClosedSchema(),
    VISIT_TOLD: event_data.VisitToldSchema(),
    VISIT_PAID: event_data.VisitPaidSchema(),
    VISIT_UNDONE: event_data.VisitUndoneSchema(),
    KEY_SEEN: event_data.KeySeenSchema(),
    PIN_LOCKED: event_data.PinLockedSchema(),
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
        VISIT_CALLED,
        SHIFT_PAUSED,
        SHIFT_RESUMED,
        KEYS_CHECKED,
        PLACE_CLOSED,
        VISIT_UNDONE,
        KEY_SEEN,
        PIN_LOCKED,
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
        VISIT_DELAYED,
        VISIT_REPORTED,
        VISIT_UNCLAIMED,
        VISIT_PAID,
        SHIFT_PAUSED,
        SHIFT_RESUMED,
        KEYS_CHECKED,
        PLACE_CLOSED,
        VISIT_UNDONE,
        KEY_SEEN,
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
