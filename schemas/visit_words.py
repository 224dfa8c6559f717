"""What people say of a visit beside where its car is: calls, delays, incidents, a sealed bag.

None of it moves the car, and all of it fits every state of a visit, so none can be in dispute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from schemas import driver_words, events

if TYPE_CHECKING:
    from schemas.visit import Fact, Visit

WORD_TYPES = frozenset(
    {
        events.VISIT_CALLED,
        events.VISIT_DELAYED,
        events.VISIT_REPORTED,
        events.VISIT_UNCLAIMED,
        events.VISIT_TOLD,
        events.VISIT_PAID,
    }
)


@dataclass(frozen=True, slots=True)
class Delay:
    """The car comes so many `minutes` later than was promised to the open request, and why."""

    event_id: str
    minutes: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """An incident that is not settled: `kind` of `schemas.states.INCIDENTS`, and who told it."""

    event_id: str
    kind: str
    is_own: bool
    details: tuple[str, ...]
    reason: str | None
    by: str | None
    place_id: str | None
    at: datetime


def say(visit: Visit, fact: Fact) -> None:
    """Note an event of one of `WORD_TYPES`. Of money there is nothing to note: it moves no car."""
    event, data = fact.event, fact.event.data
    if event.type == events.VISIT_CALLED:
        # Two stations that each called for the first time called once more, not twice again.
        visit.calls = max(visit.calls, data["number"])
        visit.called_at = fact.at
    elif event.type == events.VISIT_DELAYED:
        if visit.request is not None:
            visit.delay = Delay(event.id, data["minutes"], data["reason"], fact.at)
    elif event.type == events.VISIT_UNCLAIMED:
        visit.bag, visit.unclaimed_at = data["bag"], fact.at
    elif event.type == events.VISIT_TOLD:
        if data["about"] == driver_words.LANGUAGE:
            visit.language = data["language"]
    elif event.type == events.VISIT_REPORTED:
        _report(visit, fact)


def moved(visit: Visit, kind: str) -> None:
    """The car or its key went on by an event of type `kind`: what was said of its rest is over."""
    visit.bag = visit.unclaimed_at = None
    if kind != events.CAR_READY:
        visit.calls, visit.called_at = 0, None


def unready(visit: Visit) -> None:
    """Where no car stands ready nobody was called."""
    if visit.ready_at is None:
        visit.calls, visit.called_at = 0, None


def _report(visit: Visit, fact: Fact) -> None:
    event, data = fact.event, fact.event.data
    kind = data["kind"]
    visit.reports = [report for report in visit.reports if report.kind != kind]
    if not data["is_over"]:
        report = Report(
            event.id,
            kind,
            data["is_own"],
            tuple(data["details"]),
            data.get("reason"),
            event.actor,
            event.place_id,
            fact.at,
        )
        visit.reports.append(report)
