"""A visit is the fold of its events.

Events of one visit may reach a reader in any order, from several stations. They are sorted
by `step` (the writer's count of what it knew of the visit), then by the order in which such
things happen, then by journal (`schemas.visit_order`): the same set of events gives the same
visit everywhere, and a late event simply takes its place. What somebody took back is left out,
as if it had never been said. What the tables of `schemas.states` do not allow is kept as a
conflict, and the visit is `held` until an event of type `visit.resolved` settles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from schemas import events, states, visit_words
from schemas.events import Event
from schemas.photo import PhotoRef
from schemas.visit_order import standing
from schemas.visit_words import WORD_TYPES, Delay, Report


@dataclass(frozen=True, slots=True)
class Fact:
    """An event with the journal it stands in and the best time known for it."""

    journal_id: str
    event: Event
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who has the key: `kind` of `schemas.states` and the id of the place or person. `hook`: the
    number of the hook at the place, where it was told."""

    kind: str
    id: str | None
    hook: int | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An event that does not fit what was known, and why (`reason` is a catalog code)."""

    event_id: str
    reason: str


@dataclass(slots=True)
class Request:
    """The driver wants the car at a booth. `status`: open, replaced, cancelled or done.
    `is_missed`: nobody came for the car, and it is being taken back."""

    event_id: str
    booth_id: str
    wanted_at: datetime | None
    made_at: datetime
    source: str
    status: str = "open"
    closed_at: datetime | None = None
    is_missed: bool = False


@dataclass(slots=True)
class Leg:
    """One drive of the car. `done_at` is None while it is under way; `to_stall`: as planned."""

    kind: str
    from_place_id: str
    to_place_id: str
    runner_id: str | None
    taken_at: datetime
    done_at: datetime | None = None
    to_stall: str | None = None


@dataclass(slots=True)
class Visit:
    """One car's stay. `car` is the physical state; `state` is what people are shown. `handling`
    and `wish_min` are of `schemas.reception`.

    `calls`: how often the driver was called since the car is ready. `delay` is of the open
    request. `bag`: the sealed bag that the key of an unclaimed car lies in. `reports`: incidents
    that nobody has settled. `undone`: how often something was taken back.
    """

    id: str
    code: str
    key_tag: str
    claim_tag: str | None
    guest_ref: str
    guest_digest: str
    language: str
    booth_id: str
    received_event_id: str
    received_by: str
    received_at: datetime
    place_id: str
    key_holder: KeyHolder
    handling: tuple[str, ...] = ()
    wish_min: int | None = None
    car: str = states.AT_BOOTH
    step: int = 0
    stall: str | None = None
    requests: list[Request] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    parked_at: datetime | None = None
    ready_at: datetime | None = None
    handed_over_at: datetime | None = None
    handed_over_by: str | None = None
    proof: str | None = None
    photos: list[PhotoRef] = field(default_factory=list)
    calls: int = 0
    called_at: datetime | None = None
    delay: Delay | None = None
    bag: str | None = None
    unclaimed_at: datetime | None = None
    reports: list[Report] = field(default_factory=list)
    undone: int = 0

    @property
    def request(self) -> Request | None:
        """The open request, if there is one; at most the last can be open."""
        last = self.requests[-1] if self.requests else None
        return last if last is not None and last.status == "open" else None

    @property
    def state(self) -> str:
        """`held` before all else; a resting car that was asked for is `requested`."""
        if self.conflicts:
            return states.HELD
        if self.car in states.RESTING and self.request is not None:
            return states.REQUESTED
        return self.car

    @property
    def is_grounded(self) -> bool:
        """Whether somebody said that the car must not be driven, and nobody yet that it may."""
        return any(report.kind in states.GROUNDING for report in self.reports)

    @property
    def is_open(self) -> bool:
        """Whether the district still owes somebody something."""
        return bool(self.conflicts) or self.car != states.HANDED_OVER

    @property
    def destination_id(self) -> str | None:
        """Where the car is being driven to, while it is."""
        leg = self.legs[-1] if self.legs else None
        return leg.to_place_id if leg is not None and leg.done_at is None else None


def fold(facts: Iterable[Fact]) -> Visit | None:
    """The visit that these facts tell of; None while nobody has told of its reception."""
    visit: Visit | None = None
    for _, _, told in steps(facts):
        visit = told
    return visit


def steps(facts: Iterable[Fact]) -> Iterator[tuple[Fact, datetime, Visit]]:
    """Each fact from the reception on, since when it is so, and the visit as it is then: one
    object, which goes on changing."""
    visit: Visit | None = None
    for fact in standing(facts):
        if visit is not None:
            _apply(visit, fact)
        elif fact.event.type == events.VISIT_RECEIVED:
            visit = _received(fact)
        if visit is not None:
            yield fact, _since(fact), visit


def _received(fact: Fact) -> Visit:
    event, data = fact.event, fact.event.data
    assert event.visit_id
    assert event.place_id
    assert event.actor
    return Visit(
        id=event.visit_id,
        code=data["code"],
        key_tag=data["key_tag"],
        claim_tag=data.get("claim_tag"),
        guest_ref=data["guest"]["ref"],
        guest_digest=data["guest"]["digest"],
        language=data["language"],
        booth_id=event.place_id,
        received_event_id=event.id,
        received_by=event.actor,
        received_at=fact.at,
        place_id=event.place_id,
        key_holder=KeyHolder(states.HOOK, event.place_id, data.get("hook")),
        handling=tuple(data.get("handling") or ()),
        wish_min=data.get("wish_min"),
        step=event.step,
    )


def _apply(visit: Visit, fact: Fact) -> None:
    event = fact.event
    visit.step = max(visit.step, event.step)
    if event.type == events.VISIT_REQUESTED:
        _request(visit, fact)
    elif event.type == events.VISIT_REQUEST_CANCELLED:
        _close_request(visit, "cancelled", fact.at)
    elif event.type == events.VISIT_RESOLVED:
        _resolve(visit, fact)
    elif event.type == events.VISIT_PHOTOGRAPHED:
        visit.photos += map(PhotoRef.from_wire, event.data["photos"])
    elif event.type in WORD_TYPES:
        visit_words.say(visit, fact)
    elif event.type == events.VISIT_UNDONE:
        visit.undone += 1
        visit_words.unready(visit)
    else:
        _move_car(visit, fact)


def _request(visit: Visit, fact: Fact) -> None:
    # A request that crossed the hand-over on its way is moot, not a dispute.
    if visit.car == states.HANDED_OVER:
        return
    _close_request(visit, "replaced", fact.at)
    data = fact.event.data
    wanted = data.get("wanted_at")
    wanted_at = None if wanted is None else datetime.fromisoformat(wanted)
    visit.requests.append(
        Request(fact.event.id, data["booth_id"], wanted_at, fact.at, data["source"])
    )


def _close_request(visit: Visit, status: str, at: datetime) -> None:
    request = visit.request
    if request is not None:
        request.status = status
        request.closed_at = at
        visit.delay = None


def _move_car(visit: Visit, fact: Fact) -> None:
    event = fact.event
    reason = _conflict(visit, event)
    if reason is None:
        before = visit.car
        visit.car = states.CAR[before][_action(event)]
        _note_times(visit, fact)
        _miss_request(visit, before, fact.at)
    else:
        visit.conflicts.append(Conflict(event.id, reason))
    _move_key(visit, event)


def _miss_request(visit: Visit, before: str, at: datetime) -> None:
    """A ready car that went back to the lot waits to be asked for anew; whoever asks while it is
    under way has done so."""
    request = visit.request
    if request is None:
        return
    if visit.car == states.READY:
        request.is_missed = False
    elif before == states.READY and visit.car in (states.REPARKING, states.PARKED):
        request.is_missed = True
    if visit.car == states.PARKED and request.is_missed:
        _close_request(visit, "cancelled", at)


def _action(event: Event) -> str:
    if event.type == events.CAR_TAKEN:
        return f"{event.type}/{event.data['move']}"
    return event.type


def _conflict(visit: Visit, event: Event) -> str | None:
    """Why the event cannot be true together with what is known, as a catalog code."""
    if visit.conflicts:
        return "while_held"
    if event.type == events.VISIT_RECEIVED:
        return "received_twice"
    if _action(event) not in states.CAR[visit.car]:
        return f"{event.type.replace('.', '_')}_when_{visit.car}"
    elsewhere = event.place_id != visit.place_id
    if event.type == events.VISIT_HANDED_OVER:
        if elsewhere:
            return "handed_over_elsewhere"
        return None if visit.request is not None else "handed_over_without_request"
    if event.type == events.CAR_TAKEN:
        return "taken_elsewhere" if elsewhere else None
    still = (event.type == events.CAR_PARKED and visit.car == states.PARKED) or (
        event.type == events.CAR_READY and visit.car == states.READY
    )
    return "seen_at_two_places" if still and elsewhere else None


def _note_times(visit: Visit, fact: Fact) -> None:
    event, at = fact.event, _since(fact)
    assert event.place_id
    if event.type == events.CAR_TAKEN:
        visit.legs.append(
            Leg(
                event.data["move"],
                visit.place_id,
                event.data["to_place_id"],
                event.actor,
                at,
                to_stall=event.data.get("to_stall"),
            )
        )
        visit.ready_at = None
        return
    if visit.legs and visit.legs[-1].done_at is None:
        visit.legs[-1].done_at = at
        visit.legs[-1].to_place_id = event.place_id
    visit.place_id = event.place_id
    if event.type == events.CAR_PARKED:
        visit.stall = event.data.get("stall")
        visit.parked_at = visit.parked_at or at
    elif event.type == events.CAR_READY:
        visit.ready_at = visit.ready_at or at
    elif event.type == events.VISIT_HANDED_OVER:
        visit.handed_over_at, visit.handed_over_by = at, event.actor
        visit.proof = event.data["proof"]
        _close_request(visit, "done", at)


def _since(fact: Fact) -> datetime:
    """Since when it is so: a key may have been seen before anybody knew whose it is."""
    seen_at = fact.event.data.get("seen_at")
    return fact.at if seen_at is None else min(fact.at, datetime.fromisoformat(seen_at))


def _move_key(visit: Visit, event: Event) -> None:
    # The last tap says where the key is even when the car's story is in dispute.
    kind = states.KEY_HOLDER_AFTER[event.type]
    ids = {states.HOOK: event.place_id, states.PERSON: event.actor, states.GUEST: None}
    hook = event.data.get("hook") if kind == states.HOOK else None
    visit.key_holder = KeyHolder(kind, ids[kind], hook)
    visit_words.moved(visit, event.type)


def _resolve(visit: Visit, fact: Fact) -> None:
    data = fact.event.data
    visit.conflicts.clear()
    visit.bag = visit.unclaimed_at = None
    visit.car = data["state"]
    visit.place_id = data["place_id"]
    if visit.legs and visit.legs[-1].done_at is None and visit.car not in _DRIVING:
        visit.legs[-1].done_at = fact.at
    if visit.car == states.HANDED_OVER:
        visit.key_holder = KeyHolder(states.GUEST, None)
        # A hand-over that was recorded in its time stands as it was recorded.
        if visit.handed_over_at is None:
            visit.handed_over_at, visit.handed_over_by = fact.at, fact.event.actor
            visit.proof = states.PROOF_SUPERVISOR
        _close_request(visit, "done", fact.at)
        return
    # Whatever was taken for a hand-over was none: the car is still here.
    visit.handed_over_at = visit.handed_over_by = visit.proof = None
    if visit.car == states.PARKED:
        visit.parked_at = visit.parked_at or fact.at
    visit.ready_at = (visit.ready_at or fact.at) if visit.car == states.READY else None
    visit_words.unready(visit)
    if visit.car not in _DRIVING:
        visit.key_holder = KeyHolder(states.HOOK, visit.place_id)


_DRIVING = frozenset({states.TO_LOT, states.TO_BOOTH, states.REPARKING})
