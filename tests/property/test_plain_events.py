"""The short way to an event never accepts what the schemas do not, nor reads it otherwise."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events, states
from schemas.chain import ChainError, seal, unseal
from schemas.events import Event, EventError, read_event
from schemas.plain_events import plain_event

UUID = "01900000-0000-7000-8000-00000000000a"
WALLS = (
    "2030-01-01T00:00:00+00:00",
    "2030-01-01T00:00:00.123456+00:00",
    "2030-01-01T00:00:00.123+00:00",
    "2030-01-01T00:00:00Z",
    "2030-01-01T00:00:00",
    "2030-01-01 00:00:00+00:00",
    "2030-01-01T00:00:00-05:00",
    "2030-13-01T00:00:00+00:00",
    "2030-01-01T24:00:00+00:00",
    "2030-02-30T00:00:00+00:00",
    "1969-12-31T23:59:59+00:00",
    "2199-12-31T23:59:59+00:00",
    "2200-01-01T00:00:01+00:00",
    "2030-W01-1T00:00:00+00:00",
    "20300101T000000+0000",
    "２０３０-01-01T00:00:00+00:00",
    "2030-01-01T00:00:00+00:00\n",
    "",
)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 10**400, 100_000, 100_001]),
    st.floats(),
    st.text(max_size=90),
    st.sampled_from(
        ["", "\x00", "a\x00b", "\ud800", "ñ", "a\n", " ", "x" * 40, "x" * 41, "x" * 64, "\u202e"]
    ),
    st.sampled_from(WALLS),
    st.sampled_from([UUID, UUID.upper(), UUID + "\n", "0" * 64, "0" * 63, "A" * 64, "H-0001"]),
    st.sampled_from([*states.PROOFS, *states.MOVE_KINDS, "driver", "booth", "es", "fr"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["ref", "digest", "x"]), st.just("0" * 64), max_size=3),
)
DATA: dict[str, dict[str, Any]] = {
    events.STATION_STARTED: {"version": "0.5"},
    events.SHIFT_SIGNED_ON: {},
    events.SHIFT_SIGNED_OFF: {},
    events.VISIT_RECEIVED: {
        "code": "H-0001",
        "key_tag": "em4100:0B00000001",
        "claim_tag": "em4100:0C00000001",
        "guest": {"ref": UUID, "digest": "0" * 64},
        "language": "es",
        "claim_url": None,
        "hook": 7,
    },
    events.VISIT_REQUESTED: {"booth_id": "bolivar", "wanted_at": None, "source": "booth"},
    events.VISIT_REQUEST_CANCELLED: {"source": "driver"},
    events.CAR_TAKEN: {"move": states.PARK, "to_place_id": "lote-norte"},
    events.CAR_PARKED: {"stall": "12", "hook": 12},
    events.CAR_READY: {"hook": None},
    events.VISIT_HANDED_OVER: {
        "proof": "code",
        "reason": None,
        "claim_url": None,
        "has_claim_tag": True,
    },
    events.VISIT_CALLED: {"number": 2},
    events.SHIFT_PAUSED: {},
    events.SHIFT_RESUMED: {},
    events.VISIT_UNDONE: {"event_id": UUID},
}


def body_of(kind: str) -> dict[str, Any]:
    """A good event of a type."""
    is_of_visit = kind in events.VISIT_TYPES
    return {
        "v": 1,
        "id": UUID,
        "type": kind,
        "seq": 7,
        "prev": "0" * 64,
        "boot_id": "boot",
        "mono_ns": 5,
        "wall": "2030-01-01T00:00:00.000001+00:00",
        "wall_synced": True,
        "actor": "ana",
        "place_id": "herrera",
        "visit_id": UUID if is_of_visit else None,
        "step": 1 if is_of_visit else 0,
        "data": DATA[kind],
    }


def answer(read: Any, body: dict[str, Any]) -> Event | str | None:
    """What reading a body gives: the event, or the fault in words."""
    try:
        event: Event | None = read(body)
    except EventError as error:
        return f"{error.code}: {error.detail}"
    return event


def with_odd_parts(body: dict[str, Any], odd: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    """The body with other members; `data.x` is a member of the data, `guest.x` one of the guest."""
    body = json.loads(json.dumps(body))
    for name, value in odd.items():
        holder, _, member = name.rpartition(".")
        part = body if not holder else body["data"]
        if holder == "guest":
            part = part.get("guest", part)
        part[member] = value
    return {name: value for name, value in body.items() if name not in gone}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Events with some members that are odd, missing or more than there should be."""
    body = body_of(draw(st.sampled_from(sorted(DATA))))
    names = [
        *(name for name in body if name != "data"),
        *(f"data.{name}" for name in (*body["data"], "extra")),
        *(f"guest.{name}" for name in body["data"].get("guest", {})),
        "extra",
    ]
    odd = draw(st.dictionaries(st.sampled_from(names), ODD, max_size=3))
    return with_odd_parts(body, odd, draw(st.sets(st.sampled_from(names), max_size=1)))


@given(bodies())
def test_what_is_read_the_short_way_the_schemas_read_alike(body: dict[str, Any]) -> None:
    short = answer(plain_event, body)
    if short is not None:
        assert short == answer(read_event, body)


@given(st.dictionaries(st.sampled_from(sorted(body_of(events.CAR_READY))), ODD))
def test_what_is_no_event_at_all_is_left_to_the_schemas(body: dict[str, Any]) -> None:
    short = answer(plain_event, body)
    if short is not None:
        assert short == answer(read_event, body)


@pytest.mark.parametrize("kind", sorted(DATA))
def test_an_event_as_stations_write_it_goes_the_short_way(kind: str) -> None:
    body = body_of(kind)
    event = plain_event(body)
    assert event is not None
    assert event == read_event(body)


@pytest.mark.parametrize("wall", WALLS)
def test_a_time_is_read_as_the_schemas_read_it(wall: str) -> None:
    body = {**body_of(events.CAR_READY), "wall": wall}
    short = answer(plain_event, body)
    assert short is None or short == answer(read_event, body)


@pytest.mark.parametrize("lacking", ["visit_id", "actor", "place_id", "step"])
def test_what_a_type_needs_is_asked_for_in_the_same_words(lacking: str) -> None:
    body = {**body_of(events.VISIT_RECEIVED), lacking: 0 if lacking == "step" else None}
    assert answer(plain_event, body) == answer(read_event, body)


HEADS = (b"", b"{", b'{"a":', b'{"a":1} ', b"\xef\xbb\xbf{")


@given(st.binary(max_size=60), st.sampled_from(HEADS))
def test_a_line_is_parsed_as_json_says(tail: bytes, head: bytes) -> None:
    raw = head + tail + b"}"
    digest = hashlib.sha256(raw).hexdigest()
    line = raw[:-1] + b',"hash":"' + digest.encode() + b'"}'
    try:
        expected = json.loads(raw)
    except (ValueError, RecursionError):
        expected = None
    try:
        body, _ = unseal(line)
    except ChainError:
        assert not isinstance(expected, dict)
    else:
        assert repr(body) == repr(expected)


def test_halves_of_pairs_and_deep_lines_end_as_before() -> None:
    line, _ = seal({"a": "x"})
    raw = line[: line.index(b',"hash"')] + b"}"
    assert unseal(line)[0] == json.loads(raw)
    for body in (b'{"a":' * 100_000, b'{"a":"\xed\xa0\x80"'):
        digest = hashlib.sha256(body + b"}").hexdigest()
        sealed = body + b',"hash":"' + digest.encode() + b'"}'
        if body.startswith(b'{"a":"'):
            assert unseal(sealed)[0] == {"a": "\ud800"}
        else:
            with pytest.raises(ChainError):
                unseal(sealed)
