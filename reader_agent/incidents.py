"""Incidents: what went wrong with a car, its key or its tags, told in a few taps and by anybody.

Telling needs no rank and brings no blame. Only a supervisor says that one is settled. A tag that
is told to be lost opens nothing from that moment on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reader_agent.actions import REASON_LENGTHS
from reader_agent.hands import Hands
from reader_agent.journal import NewEvent
from reader_agent.shift import may_supervise
from reader_agent.station_db import Transaction
from schemas import events, states
from schemas.district import TAG_ACTIVE, TAG_LOST
from schemas.events import Event
from schemas.problems import Refusal
from schemas.visit import Visit

DETAILS: dict[str, tuple[str, ...]] = {
    states.LOST_CLAIM: ("has_papers", "has_phone", "has_neither"),
    states.LOST_KEY: ("here", "at_lot", "on_the_way"),
    states.DAMAGE: ("front", "rear", "left", "right", "roof", "glass", "inside"),
    states.WRONG_CAR: ("given", "brought", "tag_swapped"),
    states.DO_NOT_DRIVE: ("warning_light", "brakes", "tyre", "fuel", "driver_asked", "other"),
    states.ACCIDENT: ("no_injury", "injury", "other_car"),
}
"""What is asked about each kind of incident, as codes (words: `detail.<code>`)."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """An incident that is not settled, as people read it."""

    visit_id: str
    code: str
    kind: str
    is_own: bool
    details: tuple[str, ...]
    person_name: str | None
    place_name: str | None
    at: datetime


class Incidents:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._mirror = hands.mirror

    def open(self, visit_id: str | None = None) -> list[ReportLine]:
        """What is not settled, of one visit or of all, the oldest first."""
        with self._hands.lock:
            visits = self._mirror.visits() if visit_id is None else [self._hands.visit(visit_id)]
            lines = [
                self._line(visit, one) for visit in visits for one in range(len(visit.reports))
            ]
        return sorted(lines, key=lambda line: line.at)

    def may_settle(self) -> bool:
        """Whether the actor may say that one is settled."""
        with self._hands.lock:
            return may_supervise(self._hands.shift.actor())

    def report(self, visit_id: str, kind: str, details: Sequence[str], *, is_own: bool) -> str:
        """Somebody tells of an incident; the ticket's code. A claim tag or key tag that was lost
        is marked so in the same transaction.

        Refusal `unknown_visit`, `not_signed_in`, `bad_choice`, `wrong_state` for a lost claim tag
        where there was none, and what storage gives.
        """
        with self._hands.acting() as actor:
            visit = self._hands.visit(visit_id)
            if kind not in DETAILS or not details or not set(details) <= set(DETAILS[kind]):
                raise Refusal("bad_choice")
            if kind == states.LOST_CLAIM and visit.claim_tag is None:
                raise Refusal("wrong_state", state=visit.state)
            new = _report(visit, kind, details, is_own=is_own)
            mark = self._mark_of(visit, kind)

            def also(work: Transaction, _event: Event) -> None:
                if mark is not None:
                    self._hands.recorder.add(work, mark, actor.id)

            self._hands.record(new, actor.id, also)
        return visit.code

    def settle(self, visit_id: str, kind: str, reason: str) -> str:
        """A supervisor says that an incident is settled, and how; the ticket's code.

        Refusal `unknown_visit`, `not_signed_in`, `not_allowed`, `bad_choice` where none of this
        kind is open, `reason_needed`, and what storage gives.
        """
        with self._hands.supervising() as person:
            visit = self._hands.visit(visit_id)
            told = next((report for report in visit.reports if report.kind == kind), None)
            if told is None:
                raise Refusal("bad_choice")
            said = reason.strip()
            if len(said) not in REASON_LENGTHS:
                raise Refusal("reason_needed")
            new = _report(visit, kind, told.details, is_own=told.is_own, over=said)
            self._hands.record(new, person.id)
        return visit.code

    def _mark_of(self, visit: Visit, kind: str) -> NewEvent | None:
        tag_id = {states.LOST_CLAIM: visit.claim_tag, states.LOST_KEY: visit.key_tag}.get(kind)
        tag = self._mirror.roster.tags.get(tag_id or "")
        if tag is None or tag.status != TAG_ACTIVE:
            return None
        data = {"tag": tag.id, "status": TAG_LOST, "reason": visit.code}
        return NewEvent(events.TAG_MARKED, data=data)

    def _line(self, visit: Visit, number: int) -> ReportLine:
        roster, report = self._mirror.roster, visit.reports[number]
        return ReportLine(
            visit_id=visit.id,
            code=visit.code,
            kind=report.kind,
            is_own=report.is_own,
            details=report.details,
            person_name=roster.person_name(report.by) if report.by else None,
            place_name=roster.place_name(report.place_id) if report.place_id else None,
            at=report.at,
        )


def _report(
    visit: Visit, kind: str, details: Sequence[str], *, is_own: bool, over: str | None = None
) -> NewEvent:
    data = {
        "kind": kind,
        "is_over": over is not None,
        "is_own": is_own,
        "details": list(dict.fromkeys(details)),
        "reason": over,
    }
    return NewEvent(events.VISIT_REPORTED, visit.id, visit.step + 1, data)
