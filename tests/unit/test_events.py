"""What an event must have, and what is kept out of the columns it is read into."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import events
from schemas.events import EventError, read_event

VISIT = "01900000-0000-7000-8000-000000000001"
BODY: dict[str, Any] = {
    "v": 1,
    "id": "01900000-0000-7000-8000-00000000000a",
    "type": events.CAR_PARKED,
    "seq": 7,
    "prev": "0" * 64,
    "boot_id": "boot",
    "mono_ns": 5,
    "wall": "2030-01-01T00:00:00+00:00",
    "wall_synced": True,
    "actor": "ana",
    "place_id": "lote-norte",
    "visit_id": VISIT,
    "step": 3,
    "data": {"stall": "12"},
}
RECEIVED = {
    "code": "H-0001",
    "key_tag": "em4100:0B00000001",
    "claim_tag": None,
    "guest": {"ref": VISIT, "digest": "0" * 64},
    "language": "es",
}


def fault_of(**changes: Any) -> EventError:
    """Why the event with these changes cannot be read."""
    with pytest.raises(EventError) as caught:
        read_event({**BODY, **changes})
    return caught.value


def test_a_whole_event_is_read() -> None:
    event = read_event(BODY)
    assert (event.type, event.seq, event.step, event.data) == ("car.parked", 7, 3, {"stall": "12"})
    assert event.wall.utcoffset() is not None


@pytest.mark.parametrize("name", sorted(BODY))
def test_no_member_of_the_envelope_may_be_missing(name: str) -> None:
    with pytest.raises(EventError) as caught:
        read_event({key: value for key, value in BODY.items() if key != name})
    assert caught.value.code == "bad_fields"
    assert name in caught.value.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("v", "1"),
        ("id", BODY["id"].upper()),
        ("id", BODY["id"] + "\n"),
        ("id", None),
        ("type", 5),
        ("seq", 0),
        ("seq", True),
        ("seq", 1.5),
        ("seq", 2**53 + 1),
        ("prev", "0" * 63),
        ("prev", "0" * 64 + "\n"),
        ("mono_ns", -1),
        ("mono_ns", 2**63),
        ("wall", "yesterday"),
        ("wall", "2030-01-01T00:00:00"),
        ("wall", "0001-01-01T00:00:00+14:00"),
        ("wall", "9999-12-31T23:59:59-12:00"),
        ("wall_synced", "yes"),
        ("actor", ""),
        ("actor", "a" * 41),
        ("actor", "ana\x00"),
        ("actor", "ana\ud800"),
        ("place_id", "lote\x00"),
        ("boot_id", "b\x00"),
        ("visit_id", "not-a-uuid"),
        ("step", -1),
        ("step", True),
        ("step", events.STEP_MAX + 1),
        ("data", None),
        ("data", []),
        ("data", {"stall": "1" * 21}),
        ("data", {"stall": "1\x00"}),
        ("data", {"stall": "\udfff"}),
        ("data", {"stall": 12}),
    ],
)
def test_a_member_that_cannot_be_is_named_without_its_value(name: str, value: Any) -> None:
    fault = fault_of(**{name: value})
    assert fault.code == "bad_fields"
    assert name in fault.detail or "stall" in fault.detail
    assert "ana" not in fault.detail


def test_an_unknown_type_is_told_apart_from_bad_fields() -> None:
    fault = fault_of(type="car.flown\x00")
    assert fault.code == "unknown_type"
    assert "\x00" not in fault.detail


def test_what_a_newer_writer_adds_is_passed_over() -> None:
    assert read_event({**BODY, "colour": "red", "data": {"stall": "1", "floor": 2}}).seq == 7


@pytest.mark.parametrize("about", ["language", "plan", "problem", "rating", "shared", "nothing"])
def test_what_a_driver_said_holds_what_it_is_about(about: str) -> None:
    assert fault_of(type=events.VISIT_TOLD, data={"about": about}).code == "bad_fields"


@pytest.mark.parametrize("kind", events.VISIT_TYPES)
def test_every_event_of_a_visit_names_the_visit_and_its_step(kind: str) -> None:
    data = {
        events.VISIT_RECEIVED: RECEIVED,
        events.VISIT_REQUESTED: {"booth_id": "b", "wanted_at": None, "source": "booth"},
        events.VISIT_REQUEST_CANCELLED: {"source": "driver"},
        events.CAR_TAKEN: {"move": "park", "to_place_id": "lote"},
        events.VISIT_HANDED_OVER: {"proof": "code"},
        events.VISIT_RESOLVED: {"state": "parked", "place_id": "lote", "reason": "seen"},
        events.VISIT_PHOTOGRAPHED: {
            "photos": [{"sha256": "a" * 64, "bytes": 1, "media_type": "image/jpeg"}]
        },
        events.VISIT_CALLED: {"number": 1},
        events.VISIT_UNDONE: {"event_id": "01900000-0000-7000-8000-00000000000a"},
        events.VISIT_DELAYED: {"minutes": 10, "reason": "rain"},
        events.VISIT_REPORTED: {
            "kind": "damage",
            "is_over": False,
            "is_own": True,
            "details": ["front"],
        },
        events.VISIT_UNCLAIMED: {"bag": "41"},
        events.VISIT_TOLD: {"about": "car_ok"},
        events.VISIT_PAID: {"method": "cash", "cents": 267},
    }.get(kind, {})
    assert read_event({**BODY, "type": kind, "data": data}).visit_id == VISIT
    for change in ({"visit_id": None}, {"step": 0}):
        assert fault_of(type=kind, data=data, **change).detail.startswith("visit_id")


@pytest.mark.parametrize("kind", [events.STATION_STARTED, events.SHIFT_SIGNED_ON])
def test_an_event_about_no_visit_may_not_name_one(kind: str) -> None:
    data = {"version": "1"}
    assert read_event({**BODY, "type": kind, "data": data, "visit_id": None}).visit_id is None
    assert fault_of(type=kind, data=data).detail.startswith("visit_id")


@pytest.mark.parametrize("kind", [events.CAR_TAKEN, events.VISIT_HANDED_OVER])
def test_a_deed_needs_somebody_who_did_it_and_a_place(kind: str) -> None:
    data = {"move": "park", "to_place_id": "lote", "proof": "code"}
    assert fault_of(type=kind, data=data, actor=None).detail.startswith("actor")
    assert fault_of(type=kind, data=data, place_id=None).detail.startswith("place_id")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "H-1"),
        ("code", "H-0001\n"),
        ("key_tag", ""),
        ("key_tag", "em4100:\x00"),
        ("claim_tag", "x"),
        ("guest", None),
        ("guest", {"ref": VISIT}),
        ("guest", {"ref": VISIT, "digest": "0" * 63 + "G"}),
        ("language", "fr"),
    ],
)
def test_a_reception_says_what_was_received(name: str, value: Any) -> None:
    good = {**BODY, "type": events.VISIT_RECEIVED, "step": 1}
    read_event({**good, "data": RECEIVED})
    with pytest.raises(EventError) as caught:
        read_event({**good, "data": {**RECEIVED, name: value}})
    assert name in caught.value.detail


@pytest.mark.parametrize("wanted", ["soon", "2030-01-01T10:00:00", "0001-01-01T00:00:00+00:00", 5])
def test_a_request_is_for_a_real_time_with_a_zone_or_for_now(wanted: Any) -> None:
    data = {"booth_id": "bolivar", "wanted_at": None, "source": "driver"}
    read_event({**BODY, "type": events.VISIT_REQUESTED, "data": data})
    fault = fault_of(type=events.VISIT_REQUESTED, data={**data, "wanted_at": wanted})
    assert "wanted_at" in fault.detail
