"""`/v1/visits`: one car's stay."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.catalog import LANGUAGES
from server import clock, guest_looks, guests, visits
from server.api.paging import ID_PATTERN, PageQuerySchema, page_of, read_page
from server.api.route import may_read, reader_id, reading, reads
from server.app import services
from server.masking import masked_plate
from server.models import VisitRow
from server.permissions import Permission

blueprint = reading("visits", "One car's stay, from keys taken to keys given back")
_KEY_HOLDERS = (states.GUEST, states.HOOK, states.PERSON)


class ConflictSchema(Schema):
    """An event that does not fit, and why."""

    event_id = fields.String(required=True)
    reason = fields.String(required=True)


class _Conflicts(fields.List[Any]):
    """The pairs that a visit row holds, as objects."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        pairs = [{"event_id": event_id, "reason": reason} for event_id, reason in value]
        return super()._serialize(pairs, attr, obj, **kwargs)


class VisitSchema(Schema):
    """`state` is what people are shown, `car` what the car physically does."""

    id = fields.String(required=True)
    code = fields.String(required=True)
    state = fields.String(
        required=True, validate=validate.OneOf(states.CAR_STATES), attribute="shown_state"
    )
    car = fields.String(required=True, validate=validate.OneOf(tuple(states.CAR)))
    is_open = fields.Boolean(required=True)
    tag_shared = fields.Boolean(required=True)
    booth_id = fields.String(required=True)
    place_id = fields.String(required=True)
    destination_id = fields.String(required=True, allow_none=True)
    stall = fields.String(required=True, allow_none=True)
    key_tag = fields.String(required=True)
    claim_tag = fields.String(required=True, allow_none=True)
    key_holder_kind = fields.String(required=True, validate=validate.OneOf(_KEY_HOLDERS))
    key_holder_id = fields.String(required=True, allow_none=True)
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    step = fields.Integer(required=True)
    conflicts = _Conflicts(fields.Nested(ConflictSchema), required=True)
    received_by = fields.String(required=True)
    received_at = fields.AwareDateTime(required=True)
    parked_at = fields.AwareDateTime(required=True, allow_none=True)
    ready_at = fields.AwareDateTime(required=True, allow_none=True)
    handed_over_at = fields.AwareDateTime(required=True, allow_none=True)
    handed_over_by = fields.String(required=True, allow_none=True)
    proof = fields.String(required=True, allow_none=True, validate=validate.OneOf(states.PROOFS))


class VisitWithPlateSchema(VisitSchema):
    """One visit looked at alone; `plate` is null once the guest's record was erased, and masked
    for who may see no phones and plates."""

    plate = fields.String(required=True, allow_none=True)


class VisitQuerySchema(PageQuerySchema):
    """Which visits: shown in this state, open or over, received at this booth."""

    state = fields.String(load_default=None, validate=validate.OneOf(states.CAR_STATES))
    open = fields.Boolean(load_default=None)
    booth = fields.String(load_default=None, validate=ID_PATTERN)


@reads(blueprint, "/visits", page_of(VisitSchema, "VisitPage"), VisitQuerySchema)
def list_visits(query: dict[str, Any]) -> dict[str, Any]:
    """Visits in the order in which they began."""
    chosen = _chosen(query)
    return services().database.read(lambda session: read_page(session, chosen, VisitRow.id, query))


@reads(blueprint, "/visits/<visit_id>", VisitWithPlateSchema)
def get_visit(visit_id: str) -> dict[str, Any]:
    """One visit, with its plate: the driver is told who has looked."""
    found, now, viewer_id = services(), clock.now(), reader_id()

    def read(session: Session) -> dict[str, Any]:
        row = visits.get_row(session, visit_id)
        guest = guests.load(session, found.key, row.guest_ref)
        if guest is not None:
            guest_looks.note(session, [visit_id], viewer_id, guest_looks.API, now)
        names = (*(column.key for column in VisitRow.__table__.columns), "shown_state")
        plate = None if guest is None else guest.plate
        if plate is not None and not may_read(Permission.PHONES):
            plate = masked_plate(plate)
        return {**{name: getattr(row, name) for name in names}, "plate": plate}

    return found.database.write(read)


def _chosen(query: dict[str, Any]) -> Select[VisitRow]:
    statement = select(VisitRow)
    if query["open"] is not None:
        statement = statement.where(VisitRow.is_open.is_(query["open"]))
    if query["booth"] is not None:
        statement = statement.where(VisitRow.booth_id == query["booth"])
    state = query["state"]
    if state == states.HELD:
        return statement.where(or_(VisitRow.state == state, VisitRow.tag_shared))
    if state is not None:
        return statement.where(VisitRow.state == state, ~VisitRow.tag_shared)
    return statement
