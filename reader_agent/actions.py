"""What may be recorded, and as what: every check that stands between a button and the journal.

Plain functions of what is known. They return the event to record and raise `Refusal` where it
must not be; the caller records it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from reader_agent.draft import Draft
from reader_agent.journal import NewEvent
from reader_agent.moves import Drive
from schemas import events, states
from schemas.district import BOOTH, Place
from schemas.guest import Guest
from schemas.hours import PANAMA, is_open_at
from schemas.photo import PhotoRef
from schemas.problems import Refusal
from schemas.visit import Visit

EARLIEST_WANTED: Final = timedelta(minutes=-5)
"""A time typed a moment ago may be just past; it then means now."""
LATEST_WANTED: Final = timedelta(days=7)
STALL_LENGTH: Final = 20
REASON_LENGTHS: Final = range(3, 301)


def receive(
    draft: Draft, guest: Guest, code: str, consent: str | None = None, hook: int | None = None
) -> NewEvent:
    """A car and its keys were taken in. The draft must be enough (`check_draft`). `consent` is
    the text about personal data that was shown (`schemas.reception`), `hook` the key's hook."""
    data: dict[str, Any] = {
        "code": code,
        "key_tag": draft.key_tag,
        "claim_tag": draft.claim_tag,
        "guest": {"ref": guest.ref, "digest": guest.digest()},
        "language": draft.language,
        **draft.reception(consent).to_data(),
        "hook": hook,
    }
    if draft.claim_url is not None:
        data["claim_url"] = draft.claim_url
    return NewEvent(events.VISIT_RECEIVED, guest.visit_id, 1, data)


def photographed(visit_id: str, step: int, photos: Sequence[PhotoRef]) -> NewEvent:
    """Photos of a car were taken, which fits every state of a visit."""
    data = {"photos": [photo.to_wire() for photo in photos]}
    return NewEvent(events.VISIT_PHOTOGRAPHED, visit_id, step, data)


def check_draft(draft: Draft) -> str:
    """The plate of a draft that can be received. Refusal `bad_plate` without a plate,
    `phone_needed` while nobody has said whether there is a phone."""
    if draft.plate is None:
        raise Refusal("bad_plate")
    if not draft.has_phone_word:
        raise Refusal("phone_needed")
    return draft.plate


def request(
    visit: Visit, booth: Place | None, wanted_at: datetime | None, now: datetime, here: str
) -> NewEvent | None:
    """The driver wants the car at `booth`; None when exactly this is already asked. The booth
    that this station is at (`here`) is open now whatever its hours say: somebody stands in it.

    Refusal `unknown_place`, `booth_closed`, `bad_time`; `wrong_state` for a car that is gone or
    already waits for its driver; `already_on_its_way` when it is being driven to that booth.
    """
    if booth is None or booth.kind != BOOTH:
        raise Refusal("unknown_place")
    is_open = booth.is_open and booth.id == here and wanted_at is None
    if not is_open and not is_open_at(booth, (wanted_at or now).astimezone(PANAMA)):
        raise Refusal("booth_closed")
    if wanted_at is not None and not EARLIEST_WANTED <= wanted_at - now <= LATEST_WANTED:
        raise Refusal("bad_time")
    asked = visit.request
    if visit.car == states.HANDED_OVER or (visit.car == states.READY and asked is not None):
        raise Refusal("wrong_state", state=visit.state)
    if asked is not None and asked.booth_id == booth.id:
        if visit.car == states.TO_BOOTH:
            raise Refusal("already_on_its_way")
        if asked.wanted_at == wanted_at:
            return None
    data = {
        "booth_id": booth.id,
        "wanted_at": wanted_at.isoformat() if wanted_at else None,
        "source": "booth",
    }
    return _next(visit, events.VISIT_REQUESTED, data)


def cancel_request(visit: Visit) -> NewEvent:
    """The driver no longer wants the car for now. Refusal `no_request`."""
    if visit.request is None:
        raise Refusal("no_request")
    return _next(visit, events.VISIT_REQUEST_CANCELLED, {"source": "booth"})


def take(visit: Visit, place_id: str, drive: Drive) -> NewEvent:
    """Somebody drives the car off from here. Refusal `visit_held`, `do_not_drive`,
    `already_on_its_way`, `wrong_place`, `wrong_state`."""
    if visit.conflicts:
        raise Refusal("visit_held")
    if visit.is_grounded:
        raise Refusal("do_not_drive")
    if visit.destination_id is not None:
        raise Refusal("already_on_its_way")
    if visit.place_id != place_id:
        raise Refusal("wrong_place")
    if f"{events.CAR_TAKEN}/{drive.kind}" not in states.CAR[visit.car]:
        raise Refusal("wrong_state", state=visit.state)
    data = {"move": drive.kind, "to_place_id": drive.to_place_id}
    if drive.to_stall is not None:
        data["to_stall"] = drive.to_stall
    return _next(visit, events.CAR_TAKEN, data)


def park(visit: Visit, stall: str | None = None, hook: int | None = None) -> NewEvent:
    """The car stands in a lot, its key hangs there: a fact in whatever state the visit is.
    Refusal `wrong_state` for a car that was handed over, `bad_choice` for a stall too long."""
    _still_ours(visit)
    return _next(visit, events.CAR_PARKED, {"stall": stall_of(stall), "hook": hook})


def stall_of(text: str | None) -> str | None:
    """The name of a stall in what was typed or chosen. Refusal `bad_choice` if it is too long."""
    stall = (text or "").strip() or None
    if stall is not None and len(stall) > STALL_LENGTH:
        raise Refusal("bad_choice")
    return stall


def ready(visit: Visit, hook: int | None = None) -> NewEvent:
    """The car waits at a booth's kerb: a fact too. Refusal `wrong_state` after hand-over."""
    _still_ours(visit)
    return _next(visit, events.CAR_READY, {"hook": hook})


def check_hand_over(visit: Visit, place_id: str) -> None:
    """Whether the keys may be given back here at all, before any proof is looked at.
    Refusal `visit_held`, `not_ready`, `wrong_place`, `no_request`."""
    if visit.conflicts:
        raise Refusal("visit_held")
    if visit.car != states.READY:
        raise Refusal("not_ready")
    if visit.place_id != place_id:
        raise Refusal("wrong_place")
    if visit.request is None:
        raise Refusal("no_request")


def hand_over(
    visit: Visit,
    proof: str,
    reason: str | None,
    opened_by: str,
    claim_url: str | None = None,
    *,
    has_claim_tag: bool = False,
) -> NewEvent:
    """Keys and car were given back against `proof`, which has been checked.

    `opened_by` says how the key was shown: `key_tag`, its tag was on the reader, `key_label`, its
    number was typed, or `ticket`, not at all. `claim_url` is what the claim tag said;
    `has_claim_tag`: one came back, and is in stock again.
    """
    data: dict[str, str | bool | None]
    data = {"proof": proof, "reason": reason, "opened_by": opened_by}
    if has_claim_tag:
        data["has_claim_tag"] = True
    if claim_url is not None:
        data["claim_url"] = claim_url
    return _next(visit, events.VISIT_HANDED_OVER, data)


def resolve(visit: Visit, state: str, place_id: str, reason: str) -> NewEvent:
    """A supervisor says what is true of a held visit. Refusal `reason_needed`."""
    said = reason.strip()
    if len(said) not in REASON_LENGTHS:
        raise Refusal("reason_needed")
    data = {"state": state, "place_id": place_id, "reason": said}
    return NewEvent(events.VISIT_RESOLVED, visit.id, visit.step + 1, data)


def _still_ours(visit: Visit) -> None:
    if visit.car == states.HANDED_OVER and not visit.conflicts:
        raise Refusal("wrong_state", state=visit.state)


def _next(visit: Visit, kind: str, data: Mapping[str, str | int | bool | None]) -> NewEvent:
    # One more than all that is known here, so that causes sort before effects.
    return NewEvent(kind, visit.id, visit.step + 1, data)
