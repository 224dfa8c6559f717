"""A visit as one row of a list: where the car is, the time that counts, and what is urgent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from booth_ui.viewer import Viewer
from reader_agent.card import Card
from reader_agent.closed_ways import Shut
from reader_agent.crew import Lift
from reader_agent.disputes import FactLine
from schemas import events, states
from schemas.district import Place

WHYS = frozenset(
    {
        *("nearest_free", "first_back", "on_the_way", "booked", "after_closure", "after_break"),
        *("staged", "rides_along"),
    }
)
"""What a newer cloud may say beside is passed over."""
URGENT, HELD, GOOD, MOVING, CALM = "late", "held", "good", "moving", "calm"
HELD_REASONS = frozenset(
    {
        "received_twice",
        "handed_over_elsewhere",
        "handed_over_without_request",
        "taken_elsewhere",
        "seen_at_two_places",
        "tag_shared",
    }
)
FACT_TYPES = frozenset(
    {
        events.VISIT_RECEIVED,
        events.CAR_TAKEN,
        events.CAR_PARKED,
        events.CAR_READY,
        events.VISIT_HANDED_OVER,
        events.VISIT_RESOLVED,
    }
)
_STANDING = states.RESTING | {states.READY}
_DRIVING = frozenset({states.TO_LOT, states.TO_BOOTH, states.REPARKING})


@dataclass(frozen=True, slots=True)
class Row:
    """`where` is one line of words; `mark` and `level` are the chip, `at` the time below it."""

    card: Card
    where: str
    mark: str
    level: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together, under a heading (a catalog key)."""

    heading: str
    rows: tuple[Row, ...]


def row_of(card: Card, viewer: Viewer, here: Place | None = None) -> Row:
    """The row that shows a card to the people at the place `here`."""
    level, key = _mark(card)
    where = where_words(card, viewer, here)
    return Row(card, where, viewer.t(key), level, promised_at(card))


def where_words(card: Card, viewer: Viewer, here: Place | None = None) -> str:
    """Where the car is and who drives it, in one line; `here` itself is not repeated."""
    if card.car in _DRIVING:
        return " · ".join(_on_the_road(card, viewer, here))
    parts = []
    here_id = here.id if here else None
    # In a place's own list its name says nothing, and would leave no room for the hook.
    if card.car not in _STANDING or card.place_id != here_id:
        parts.append(viewer.t(f"where.{card.car}", place=card.place_name))
    if card.car == states.PARKED and card.stall:
        parts.append(viewer.t("where.stall", stall=card.stall))
    if card.key_holder_kind == states.HOOK and card.hook and card.place_id == here_id:
        parts.append(viewer.t("where.hook", hook=card.hook))
    is_elsewhere = card.request_booth_id not in (here_id, card.place_id)
    if card.request_booth_name and card.car in states.RESTING and is_elsewhere:
        parts.append(viewer.t("where.wanted_at", place=card.request_booth_name))
    if card.runner_name and card.car in states.RESTING:
        parts.append(card.runner_name)
    if card.calls:
        parts.append(viewer.t("where.calls", count=card.calls))
    words = " · ".join(parts) or card.place_name
    return words[0].upper() + words[1:]


def _on_the_road(card: Card, viewer: Viewer, here: Place | None) -> list[str]:
    target = card.destination_name or card.request_booth_name
    comes_here = here is not None and target == here.name
    if target is None or comes_here:
        where = viewer.t("where.from", place=card.place_name)
    else:
        where = viewer.t(f"where.{card.car}", target=target)
    return [where, card.runner_name] if card.runner_name else [where]


def held_words(card: Card, viewer: Viewer) -> list[str]:
    """Why a visit is held; events that came out of order all get the same words."""
    keys = [
        f"held.{reason}" if reason in HELD_REASONS else "held.out_of_order"
        for reason in card.held_reasons
    ]
    return [viewer.t(key) for key in dict.fromkeys(keys)]


def fact_words(line: FactLine, viewer: Viewer, code: str) -> str:
    """One of the facts that do not fit together, on the ticket `code`: what, where, when, who."""
    key = f"fact.{line.type.partition('.')[2]}"
    what = viewer.t(key if line.type in FACT_TYPES else "fact.other")
    parts = [what if line.code == code else f"{line.code}: {what}"]
    parts += [line.place_name, viewer.time(line.at)]
    return " · ".join([*parts, line.person_name] if line.person_name else parts)


def why_words(card: Card, viewer: Viewer) -> str | None:
    """Why the plan has this person drive the car next; None for a reason that is not known here."""
    if card.why not in WHYS:
        return None
    return viewer.t(f"why.{card.why}", place=card.why_place_name or card.place_name)


def along_words(card: Card, viewer: Viewer) -> str | None:
    """Who goes along in the car, for its driver; None where nobody does."""
    names = ", ".join(name for _, name in card.passengers)
    return viewer.t("job.along", names=names) if names else None


def lift_words(lift: Lift, viewer: Viewer) -> str:
    """With whom somebody rides, in which car, and when it leaves."""
    facts = {"name": lift.person_name, "driver": lift.driver_name, "code": lift.code}
    if lift.departs_at is None:
        return viewer.t("jobs.lift", **facts)
    return viewer.t("jobs.lift_at", **facts, time=viewer.time(lift.departs_at))


def shut_words(shut: Sequence[Shut], viewer: Viewer) -> str:
    """What is shut for cars and until when, in one line; empty where nothing is."""
    parts = [
        viewer.t("queue.shut_one", name=each.name, time=viewer.time(each.until_at)) for each in shut
    ]
    return viewer.t("queue.shut", what=" · ".join(parts)) if parts else ""


def promised_at(card: Card) -> datetime | None:
    """The time that the driver counts on: the end of the promise, else what was asked for."""
    return card.ready_by or card.wanted_at


def booth_sections(cards: Iterable[Card], viewer: Viewer, here: Place | None) -> list[Section]:
    """A booth's queue: asked-for cars by promised time, those waiting at the kerb, then those
    that are brought near before anybody asks."""
    asked: list[Card] = []
    kerb: list[Card] = []
    staged: list[Card] = []
    for card in cards:
        if card.request_booth_id is not None:
            asked.append(card)
        elif card.car in (states.PARKED, states.TO_LOT):
            staged.append(card)
        else:
            (kerb if card.car == states.AT_BOOTH else asked).append(card)
    return _filled(
        [
            ("queue.asked", sorted(asked, key=_urgency)),
            ("queue.kerb", sorted(kerb, key=_age)),
            ("queue.staged", sorted(staged, key=_age)),
        ],
        viewer,
        here,
    )


def lot_sections(cards: Iterable[Card], viewer: Viewer, here: Place | None) -> list[Section]:
    """A lot's queue: cars to bring out, cars on their way in, other work."""
    out: list[Card] = []
    coming: list[Card] = []
    other: list[Card] = []
    for card in cards:
        if card.car in _DRIVING or card.car == states.AT_BOOTH:
            coming.append(card)
        else:
            (out if card.request_booth_id else other).append(card)
    return _filled(
        [
            ("queue.out", sorted(out, key=_urgency)),
            ("queue.coming", sorted(coming, key=_age)),
            ("queue.other", sorted(other, key=_age)),
        ],
        viewer,
        here,
    )


def _filled(
    groups: list[tuple[str, list[Card]]], viewer: Viewer, here: Place | None
) -> list[Section]:
    return [
        Section(heading, tuple(row_of(card, viewer, here) for card in cards))
        for heading, cards in groups
        if cards
    ]


def _urgency(card: Card) -> tuple[bool, datetime, str]:
    # Who was promised nothing yet still waits: after the promises, the longest wait first.
    at = promised_at(card)
    return at is None, at or card.since, card.visit_id


def _age(card: Card) -> tuple[datetime, str]:
    return card.since, card.visit_id


def _mark(card: Card) -> tuple[str, str]:
    if card.state == states.HELD:
        return HELD, "mark.held"
    if not states.GROUNDING.isdisjoint(card.reports):
        return HELD, "mark.do_not_drive"
    if card.is_late:
        return URGENT, "mark.late"
    if card.is_rung_due:
        return URGENT, f"mark.{card.rung}"
    if card.reports:
        return HELD, "mark.incident"
    if card.bag is not None:
        return CALM, "mark.unclaimed"
    if card.car == states.READY:
        return GOOD, "mark.ready"
    if card.car in _DRIVING:
        return MOVING, f"mark.{card.car}"
    return CALM, f"mark.{card.state}"
