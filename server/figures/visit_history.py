"""One visit's way through the district, read out of its events step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas import driver_words, events, states
from schemas.visit import Fact, Visit, steps
from server.figures.shared_tags import TAG_IN_USE, Rival

KERB = "kerb"
LOT = "lot"
CLAIM = "claim"
"""The kind of an incident that the driver told of on the page of the link."""

# Where a car stands, by its state; in the others somebody drives it.
_STANDS = {states.AT_BOOTH: KERB, states.READY: KERB, states.PARKED: LOT}


@dataclass(slots=True)
class Stand:
    """The car stood at a place: at the kerb of a booth or in a lot."""

    kind: str
    place_id: str
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Hold:
    """The visit was held from the first event that did not fit, until a person decided."""

    place_id: str
    reason: str
    since: datetime
    until: datetime | None = None
    ended_as: str | None = None
    ended_by: str | None = None


@dataclass(slots=True)
class Incident:
    """Something went wrong, until somebody put it right."""

    event_id: str
    kind: str
    place_id: str
    is_own: bool
    told_by: str | None
    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class History:
    """The visit as it is now, and what it was on the way. `states`: since when the car was what.
    `stood_in`: the lot that the car stood in at each request. `is_doubted`: a person had to say
    what is true."""

    visit: Visit
    states: list[tuple[datetime, str]] = field(default_factory=list)
    stands: list[Stand] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    stood_in: dict[str, str | None] = field(default_factory=dict)
    stars: int | None = None
    is_doubted: bool = False

    @property
    def lot_id(self) -> str | None:
        """The first lot that the car stood in."""
        return next((stand.place_id for stand in self.stands if stand.kind == LOT), None)

    def car_at(self, at: datetime) -> str:
        """What the car was at a time, or at its reception if that was later."""
        upto = [state for since, state in self.states if since <= at]
        return upto[-1] if upto else self.states[0][1]

    def share(self, rivals: Iterable[Rival]) -> None:
        """Add the times that another visit had one of its tags, too."""
        own = self.visit
        for rival in rivals:
            since = max(own.received_at, rival.received_at)
            ends = [at for at in (own.handed_over_at, rival.handed_over_at) if at is not None]
            hold = Hold(own.booth_id, TAG_IN_USE, since)
            if ends:
                hold.until = min(ends)
                hold.ended_as = self.car_at(hold.until)
            self.holds.append(hold)


def history_of(facts: Sequence[Fact]) -> History | None:
    """The history that these facts tell; None while nobody has told of the reception."""
    history: History | None = None
    for fact, since, visit in steps(facts):
        if history is None:
            history = History(visit)
        history.states.append((since, visit.car))
        _stand(history, visit, since)
        _hold(history, visit, fact)
        _listen(history, visit, fact)
    return history


def _stand(history: History, visit: Visit, since: datetime) -> None:
    last = history.stands[-1] if history.stands else None
    kind = _STANDS.get(visit.car)
    if last is not None and last.until is None:
        if (last.kind, last.place_id) == (kind, visit.place_id):
            return
        last.until = since
    if kind is not None:
        history.stands.append(Stand(kind, visit.place_id, since))


def _hold(history: History, visit: Visit, fact: Fact) -> None:
    last = history.holds[-1] if history.holds else None
    is_held = last is not None and last.until is None
    if visit.conflicts and not is_held:
        place_id = fact.event.place_id or visit.place_id
        history.holds.append(Hold(place_id, visit.conflicts[0].reason, fact.at))
    elif is_held and not visit.conflicts:
        assert last is not None
        last.until, last.ended_as, last.ended_by = fact.at, visit.car, fact.event.actor


def _listen(history: History, visit: Visit, fact: Fact) -> None:
    event, data = fact.event, fact.event.data
    if event.type == events.VISIT_REQUESTED:
        history.stood_in[event.id] = visit.place_id if visit.car == states.PARKED else None
    elif event.type == events.VISIT_RESOLVED:
        history.is_doubted = True
    elif event.type == events.VISIT_REPORTED and data["is_over"]:
        for incident in history.incidents:
            if incident.kind == data["kind"] and incident.until is None:
                incident.until = fact.at
    elif event.type == events.VISIT_REPORTED:
        _note_incident(history, visit, fact, data["kind"], is_own=data["is_own"])
    elif event.type == events.VISIT_TOLD and data["about"] == driver_words.PROBLEM:
        _note_incident(history, visit, fact, CLAIM, is_own=False)
    elif event.type == events.VISIT_TOLD and data["about"] == driver_words.RATING:
        history.stars = data["stars"]


def _note_incident(history: History, visit: Visit, fact: Fact, kind: str, *, is_own: bool) -> None:
    event = fact.event
    place_id = event.place_id or visit.place_id
    history.incidents.append(Incident(event.id, kind, place_id, is_own, event.actor, fact.at))
