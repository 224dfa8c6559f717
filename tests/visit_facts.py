"""Facts of one visit for tests of the fold, written as short as they are spoken."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import events
from schemas.events import Event
from schemas.visit import Fact

VISIT = "01900000-0000-7000-8000-000000000001"
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


def fact(
    kind: str,
    step: int,
    place_id: str | None = "herrera",
    *,
    journal: str | None = None,
    actor: str | None = "ana",
    at: datetime | None = None,
    **data: Any,
) -> Fact:
    """An event of this type at a place; its time is its step in minutes unless told."""
    number = next(_numbers)
    event = Event(
        id=str(uuid.UUID(int=number)),
        type=kind,
        seq=number,
        prev="0" * 64,
        boot_id="boot",
        mono_ns=number,
        wall=BEGIN,
        wall_synced=True,
        actor=actor,
        place_id=place_id,
        visit_id=VISIT,
        step=step,
        data=data,
    )
    return Fact(journal or f"journal-{place_id}", event, at or BEGIN + timedelta(minutes=step))


def received(step: int = 1, place_id: str = "herrera", **changes: Any) -> Fact:
    """The keys were taken in."""
    data = {
        "code": "H-0001",
        "key_tag": "em4100:0B00000001",
        "claim_tag": None,
        "guest": {"ref": "ref", "digest": "0" * 64},
        "language": "es",
    }
    return fact(events.VISIT_RECEIVED, step, place_id, **(data | changes))


def requested(step: int, booth_id: str = "bolivar", place_id: str = "herrera") -> Fact:
    """The driver asked for the car."""
    return fact(
        events.VISIT_REQUESTED,
        step,
        place_id,
        booth_id=booth_id,
        wanted_at=None,
        source="driver",
    )


def cancelled(step: int, place_id: str = "herrera") -> Fact:
    """The driver no longer asks."""
    return fact(events.VISIT_REQUEST_CANCELLED, step, place_id, source="driver")


def taken(step: int, place_id: str, to_place_id: str, move: str, actor: str = "rosa") -> Fact:
    """Somebody drove off."""
    return fact(events.CAR_TAKEN, step, place_id, actor=actor, move=move, to_place_id=to_place_id)


def parked(step: int, place_id: str = "norte", stall: str | None = None) -> Fact:
    """The car stands in a lot."""
    return fact(events.CAR_PARKED, step, place_id, stall=stall)


def seen_parked(place_id: str = "norte", step: int = 1, at_min: int = 3) -> Fact:
    """A lot knew the key before it knew the visit: it says so without knowing of any step."""
    seen_at = BEGIN + timedelta(minutes=at_min)
    later = seen_at + timedelta(hours=1)
    return fact(
        events.CAR_PARKED, step, place_id, at=later, stall="7", hook=4, seen_at=seen_at.isoformat()
    )


def ready(step: int, place_id: str = "bolivar") -> Fact:
    """The car waits for its driver."""
    return fact(events.CAR_READY, step, place_id)


def handed_over(step: int, place_id: str = "bolivar", proof: str = "code") -> Fact:
    """Keys and car went back."""
    return fact(events.VISIT_HANDED_OVER, step, place_id, proof=proof, reason=None)


def called(step: int, number: int = 1, place_id: str = "bolivar") -> Fact:
    """The driver was called."""
    return fact(events.VISIT_CALLED, step, place_id, actor=None, number=number)


def delayed(step: int, minutes: int = 10, place_id: str = "herrera") -> Fact:
    """The car comes later than was promised."""
    return fact(events.VISIT_DELAYED, step, place_id, minutes=minutes, reason="rain")


def reported(step: int, kind: str, place_id: str = "herrera", *, is_over: bool = False) -> Fact:
    """Something went wrong, or is put right."""
    plain = fact(events.VISIT_REPORTED, step, place_id)
    data = {"kind": kind, "is_over": is_over, "is_own": False, "details": [], "reason": None}
    return replace(plain, event=replace(plain.event, data=data))


def unclaimed(step: int, place_id: str = "bolivar") -> Fact:
    """Nobody came for the car."""
    return fact(events.VISIT_UNCLAIMED, step, place_id, bag="41")


def resolved(step: int, state: str, place_id: str) -> Fact:
    """A person decided what is true."""
    plain = fact(events.VISIT_RESOLVED, step, place_id, actor="sofia")
    data = {"state": state, "place_id": place_id, "reason": "seen on the camera"}
    return replace(plain, event=replace(plain.event, data=data))


def undone(step: int, what: Fact) -> Fact:
    """Somebody takes back a fact, where it was told."""
    return fact(events.VISIT_UNDONE, step, what.event.place_id, event_id=what.event.id)


def whole_stay() -> list[Fact]:
    """From Herrera to the lot and back to Bolívar."""
    return [
        received(1),
        taken(2, "herrera", "norte", "park"),
        parked(3),
        requested(4),
        taken(5, "norte", "bolivar", "retrieve"),
        ready(6),
        handed_over(7),
    ]
