"""What the cloud says of a visit beside its events: plate, code key, promise and planned move."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas import states


@dataclass(frozen=True, slots=True)
class Promise:
    """The window in which the car will be ready at `booth_id`."""

    ready_from: datetime
    ready_by: datetime
    booth_id: str


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """The drive that the dispatcher plans next for the car; `why` is a catalog code, a reason that
    is about `why_place_id`. `to_stall`: where it is best put. `passengers`: which runners go along,
    `departs_at` when they were told that the car leaves."""

    kind: str
    from_place_id: str
    to_place_id: str
    runner_id: str | None
    why: str | None
    why_place_id: str | None = None
    to_stall: str | None = None
    passengers: tuple[str, ...] = ()
    departs_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """`code_key` is the visit's own key of `schemas.handover_code`. `tag_shared`: another open
    visit has the same key tag, and a person has to sort it out. `link`: the token of the driver's
    page, told only where there is no phone to send it to."""

    is_open: bool
    plate: str
    has_phone: bool
    code_key: bytes | None
    promise: Promise | None
    move: PlannedMove | None
    tag_shared: bool
    link: str | None = None


class _Lenient(Schema):
    # A newer cloud may say more than this agent understands.
    class Meta:
        unknown = EXCLUDE


class PromiseSchema(_Lenient):
    """See `Promise`."""

    ready_from = fields.AwareDateTime(required=True, format="iso", default_timezone=None)
    ready_by = fields.AwareDateTime(required=True, format="iso", default_timezone=None)
    booth_id = fields.String(required=True)


class PlannedMoveSchema(_Lenient):
    """See `PlannedMove`."""

    kind = fields.String(required=True, validate=validate.OneOf(states.MOVE_KINDS))
    from_place_id = fields.String(required=True)
    to_place_id = fields.String(required=True)
    runner_id = fields.String(load_default=None, allow_none=True)
    why = fields.String(load_default=None, allow_none=True)
    why_place_id = fields.String(load_default=None, allow_none=True)
    to_stall = fields.String(load_default=None, allow_none=True)
    # Said only of cars that somebody goes along in.
    passengers = fields.List(fields.String())
    departs_at = fields.AwareDateTime(allow_none=True, format="iso", default_timezone=None)


class TermsSchema(_Lenient):
    """The body of a change of kind `visit`."""

    is_open = fields.Boolean(required=True)
    plate = fields.String(load_default="", allow_none=True)
    has_phone = fields.Boolean(load_default=False)
    code_key = fields.String(
        load_default=None, allow_none=True, validate=validate.Regexp(r"^([0-9a-f]{2})+$")
    )
    promise = fields.Nested(PromiseSchema, load_default=None, allow_none=True)
    move = fields.Nested(PlannedMoveSchema, load_default=None, allow_none=True)
    tag_shared = fields.Boolean(load_default=False)
    link = fields.String(
        load_default=None, allow_none=True, validate=validate.Regexp(r"[A-Za-z0-9_-]{1,64}\Z")
    )


_SCHEMA = TermsSchema()
_NAMES = frozenset(_SCHEMA.fields)
_PROMISE_NAMES = frozenset(PromiseSchema().fields)
# Few cars have somebody along: those that do are not plain.
_MOVE_NAMES = frozenset(PlannedMoveSchema().fields) - {"passengers", "departs_at"}
_FLAGS = ("is_open", "has_phone", "tag_shared")
_is_token = re.compile(r"[A-Za-z0-9_-]{1,64}\Z").match
_is_hex = re.compile(r"([0-9a-f]{2})+\Z").match
_WINDOW = ("ready_from", "ready_by")
_MAY_BE_NONE = ("runner_id", "why", "why_place_id", "to_stall")


def check_terms(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a change of kind `visit` in the form that is stored (JSON-ready).

    Raises marshmallow's `ValidationError`.
    """
    plain = _plain_terms(body)
    if plain is not None:
        return plain
    doc: dict[str, Any] = _SCHEMA.load(body)
    if doc["promise"]:
        for name in _WINDOW:
            doc["promise"][name] = doc["promise"][name].isoformat()
    if doc["move"] and doc["move"].get("departs_at") is not None:
        doc["move"]["departs_at"] = doc["move"]["departs_at"].isoformat()
    return doc


def _plain_terms(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The short way, as `schemas.plain_events` is one: what the schema would only copy. None where
    the schema has to be asked."""
    code_key, plate, link = body.get("code_key"), body.get("plate"), body.get("link")
    is_plain = (
        body.keys() >= _NAMES
        and all(type(body[name]) is bool for name in _FLAGS)
        and (plate is None or type(plate) is str)
        and (link is None or (type(link) is str and _is_token(link) is not None))
        and (code_key is None or (type(code_key) is str and _is_hex(code_key) is not None))
        and (body["promise"] is None or _is_plain_promise(body["promise"]))
        and (body["move"] is None or _is_plain_move(body["move"]))
    )
    return {name: body[name] for name in _NAMES} if is_plain else None


def _is_plain_promise(promise: Any) -> bool:
    return (
        type(promise) is dict
        and promise.keys() == _PROMISE_NAMES
        and type(promise["booth_id"]) is str
        and all(_is_plain_time(promise[name]) for name in _WINDOW)
    )


def _is_plain_move(move: Any) -> bool:
    return (
        type(move) is dict
        and move.keys() == _MOVE_NAMES
        and move["kind"] in states.MOVE_KINDS
        and all(type(move[name]) is str for name in ("from_place_id", "to_place_id"))
        and all(move[name] is None or type(move[name]) is str for name in _MAY_BE_NONE)
    )


def _is_plain_time(text: Any) -> bool:
    if type(text) is not str:
        return False
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return False
    return at.tzinfo is not None and at.isoformat() == text


def terms_of(doc: Mapping[str, Any]) -> Terms:
    """The terms in a stored document."""
    promise, move = doc["promise"], doc["move"]
    return Terms(
        is_open=doc["is_open"],
        plate=doc["plate"] or "",
        has_phone=doc["has_phone"],
        code_key=bytes.fromhex(doc["code_key"]) if doc["code_key"] else None,
        promise=_promise_of(promise) if promise else None,
        move=_move_of(move) if move else None,
        tag_shared=doc["tag_shared"],
        # Stored by an agent of before, there is none.
        link=doc.get("link"),
    )


def _move_of(doc: Mapping[str, Any]) -> PlannedMove:
    departs_at = doc.get("departs_at")
    return PlannedMove(
        **{
            **doc,
            "passengers": tuple(doc.get("passengers", ())),
            "departs_at": None if departs_at is None else datetime.fromisoformat(departs_at),
        }
    )


def _promise_of(doc: Mapping[str, str]) -> Promise:
    ready_from, ready_by = (datetime.fromisoformat(doc[name]) for name in _WINDOW)
    return Promise(ready_from, ready_by, doc["booth_id"])
