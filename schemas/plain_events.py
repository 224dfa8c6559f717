"""The short way to an event: what is plainly valid is read without asking the schemas.

Nearly every event that a station sends is of this kind, and a schema takes ten times as long to
say so. What is not plain, and also what is only unusual, is left to `schemas.events.read_event`,
which alone says what an event is and what is wrong with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas import events, states
from schemas.event_data import HOOK_MAX
from schemas.events import SEQ_MAX, STEP_MAX, WIRE_VERSION, Event
from schemas.reception import is_plain_reception

_is_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z").match
_is_hash = re.compile(r"[0-9a-f]{64}\Z").match
_is_code = re.compile(r"[A-Z]-[0-9]{4}\Z").match
# In UTC, as our own stations write it; no database has trouble with these years.
_is_time = re.compile(
    r"(?:19[7-9]|20[0-9]|21[0-9])[0-9]-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{6})?\+00:00\Z"
).match
_MONO_NS_MAX = 2**63 - 1
_MEMBERS = frozenset(
    {
        *("v", "id", "type", "seq", "prev", "boot_id", "mono_ns", "wall", "wall_synced"),
        *("actor", "place_id", "visit_id", "step", "data"),
    }
)


def plain_event(body: dict[str, Any]) -> Event | None:
    """The event in an unsealed body, or None where only `read_event` can say what it is.

    Raises `EventError` as `read_event` does where an event lacks what its type needs.
    """
    if not body.keys() >= _MEMBERS:
        return None
    kind, data, wall = body["type"], body["data"], body["wall"]
    if type(kind) is not str or type(data) is not dict or type(wall) is not str:
        return None
    is_plain = _PLAIN_DATA.get(kind)
    if is_plain is None or not (_has_plain_members(body) and _is_time(wall) and is_plain(data)):
        return None
    try:
        at = datetime.fromisoformat(wall)
    except ValueError:
        return None
    event = Event(
        body["id"],
        kind,
        body["seq"],
        body["prev"],
        body["boot_id"],
        body["mono_ns"],
        at,
        body["wall_synced"],
        body["actor"],
        body["place_id"],
        body["visit_id"],
        body["step"],
        data,
    )
    events.check_who_and_where(event)
    return event


def _has_plain_members(body: dict[str, Any]) -> bool:
    """All but the type, the time and the data, which belong together."""
    version, event_id, prev = body["v"], body["id"], body["prev"]
    seq, step, mono_ns = body["seq"], body["step"], body["mono_ns"]
    visit_id = body["visit_id"]
    # A bool is an int to Python, and a number to no database.
    return (
        type(version) is type(seq) is type(step) is type(mono_ns) is int
        and version == WIRE_VERSION
        and 1 <= seq <= SEQ_MAX
        and 0 <= step <= STEP_MAX
        and 0 <= mono_ns <= _MONO_NS_MAX
        and type(event_id) is type(prev) is str
        and _is_uuid(event_id) is not None
        and _is_hash(prev) is not None
        and (visit_id is None or (type(visit_id) is str and _is_uuid(visit_id) is not None))
        and type(body["wall_synced"]) is bool
        and _is_text(body["boot_id"], 1, 64)
        and _is_text_or_none(body["actor"], 1, 40)
        and _is_text_or_none(body["place_id"], 1, 40)
    )


def _is_text(value: Any, least: int, most: int) -> bool:
    """What can be printed holds neither NUL nor half of a pair."""
    return type(value) is str and least <= len(value) <= most and value.isprintable()


def _is_text_or_none(value: Any, least: int, most: int) -> bool:
    return value is None or _is_text(value, least, most)


def _is_hook_or_none(value: Any) -> bool:
    return value is None or (type(value) is int and 1 <= value <= HOOK_MAX)


def _is_nothing(_data: dict[str, Any]) -> bool:
    return True


def _is_started(data: dict[str, Any]) -> bool:
    return _is_text(data.get("version"), 1, 40)


def _is_received(data: dict[str, Any]) -> bool:
    code, guest = data.get("code"), data.get("guest")
    if type(code) is not str or type(guest) is not dict:
        return False
    ref, digest = guest.get("ref"), guest.get("digest")
    return (
        _is_code(code) is not None
        and type(ref) is str
        and _is_uuid(ref) is not None
        and type(digest) is str
        and _is_hash(digest) is not None
        and _is_text(data.get("key_tag"), 4, 80)
        and _is_text_or_none(data.get("claim_tag"), 4, 80)
        and _is_text_or_none(data.get("claim_url"), 1, 512)
        and data.get("language") in ("es", "en")
        and _is_hook_or_none(data.get("hook"))
        and is_plain_reception(data)
    )


def _is_requested(data: dict[str, Any]) -> bool:
    # A time that is wanted is for the schema: seldom, and odd in more ways than one.
    return (
        data.get("wanted_at") is None
        and data.get("source") in ("driver", "booth")
        and _is_text(data.get("booth_id"), 1, 40)
    )


def _is_cancelled(data: dict[str, Any]) -> bool:
    return data.get("source") in ("driver", "booth")


def _is_taken(data: dict[str, Any]) -> bool:
    return (
        data.get("move") in states.MOVE_KINDS
        and _is_text(data.get("to_place_id"), 1, 40)
        and _is_text_or_none(data.get("to_stall"), 0, 20)
    )


def _is_parked(data: dict[str, Any]) -> bool:
    return (
        _is_text_or_none(data.get("stall"), 0, 20)
        and _is_hook_or_none(data.get("hook"))
        and data.get("seen_at") is None
    )


def _is_ready(data: dict[str, Any]) -> bool:
    return _is_hook_or_none(data.get("hook"))


def _is_handed_over(data: dict[str, Any]) -> bool:
    return (
        data.get("proof") in states.PROOFS
        and _is_text_or_none(data.get("claim_url"), 1, 512)
        and _is_text_or_none(data.get("reason"), 0, 300)
        and type(data.get("has_claim_tag", False)) is bool
    )


def _is_called(data: dict[str, Any]) -> bool:
    number = data.get("number")
    return type(number) is int and 1 <= number <= 100


def _is_undone(data: dict[str, Any]) -> bool:
    event_id = data.get("event_id")
    return type(event_id) is str and _is_uuid(event_id) is not None


_PLAIN_DATA: dict[str, Callable[[dict[str, Any]], bool]] = {
    events.STATION_STARTED: _is_started,
    events.SHIFT_SIGNED_ON: _is_nothing,
    events.SHIFT_SIGNED_OFF: _is_nothing,
    events.VISIT_RECEIVED: _is_received,
    events.VISIT_REQUESTED: _is_requested,
    events.VISIT_REQUEST_CANCELLED: _is_cancelled,
    events.CAR_TAKEN: _is_taken,
    events.CAR_PARKED: _is_parked,
    events.CAR_READY: _is_ready,
    events.VISIT_HANDED_OVER: _is_handed_over,
    events.VISIT_CALLED: _is_called,
    events.SHIFT_PAUSED: _is_nothing,
    events.SHIFT_RESUMED: _is_nothing,
    events.VISIT_UNDONE: _is_undone,
}
