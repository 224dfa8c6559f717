"""Everything that a ticket says of a car, each thing under its name: what counts most first.

A small screen shows the first of them, shortened, and never scrolls: the others are on a page of
their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from booth_ui.card_view import Row, promised_at
from booth_ui.viewer import Viewer
from reader_agent.card import Card

LINE = 26
"""So many letters fit beside each other in a column."""


@dataclass(frozen=True, slots=True)
class TicketFact:
    """`term` and `words`, both as people read them."""

    term: str
    words: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What the ticket itself shows; `left_out`: how many more there are to read elsewhere, or 0
    where all of it is here in full."""

    facts: Sequence[TicketFact]
    left_out: int


def facts_of(
    card: Card, row: Row, notes: Sequence[str], why: str | None, viewer: Viewer, here: str
) -> list[TicketFact]:
    """All of them."""
    facts = _facts(card, row, notes, why, viewer, here)
    return [TicketFact(viewer.t(key, **values), words) for key, values, words in facts]


def brief_of(facts: Sequence[TicketFact], most: int) -> Brief:
    """The first `most` of them; one less, where there is more to read."""
    if len(facts) <= most and all(len(fact.words) <= LINE for fact in facts[1:]):
        return Brief(facts, 0)
    # Two beside each other below the first one, and in the last row one and the way to the others.
    shown = min(len(facts), most - 1)
    return Brief(facts[: shown - shown % 2], len(facts))


def _facts(
    card: Card, row: Row, notes: Sequence[str], why: str | None, viewer: Viewer, here: str
) -> Iterator[tuple[str, dict[str, str], str]]:
    t, time = viewer.t, viewer.time
    yield "ticket.where", {}, row.where
    at = promised_at(card)
    if at is not None:
        key = "ticket.promised" if card.ready_by else "ticket.wanted"
        yield key, {}, _due(card, time(at), viewer)
    if card.bag:
        yield "mark.unclaimed", {}, t("closing.bag", bag=card.bag)
    yield "ticket.key", {"label": card.key_label}, _key(card, viewer, here)
    if notes:
        yield "receive.step_details", {}, " · ".join(notes)
    if card.is_unsent:
        yield "ticket.unsent", {}, t("ticket.unsent_words")
    yield "ticket.since", {}, time(card.since)
    if why:
        yield "ticket.plan", {}, why
    if card.claim_label:
        yield "ticket.claim", {}, card.claim_label
    if card.seen_at is not None:
        words = t("ticket.radio_seen", place=card.seen_place_name, time=time(card.seen_at))
        yield "ticket.radio", {}, words


def _due(card: Card, at: str, viewer: Viewer) -> str:
    if card.delay_min is None:
        return at
    reason = viewer.t(f"delay.reason_{card.delay_reason}")
    return f"{at} · {viewer.t('ticket.delay', count=card.delay_min, reason=reason)}"


def _key(card: Card, viewer: Viewer, here: str) -> str:
    if card.hook is None:
        return viewer.t(f"key_holder.{card.key_holder_kind}", name=card.key_holder_name or "")
    if card.place_id == here:
        words = viewer.t("where.hook", hook=card.hook)
        return words[:1].upper() + words[1:]
    return viewer.t("key_holder.hook_number", hook=card.hook, name=card.key_holder_name)
