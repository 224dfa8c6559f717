"""Where every key is: on which hook, in whose hands, and who had it before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reader_agent.config import Limits
from reader_agent.hands import Hands
from reader_agent.screen_feed import SAY, ScreenFeed, ScreenMessage
from schemas import states
from schemas.events import Event
from schemas.visit import KeyHolder, Visit

HOLDERS_SHOWN: Final = 3
SAID: Final = {"keys.overdue": ("label", "code", "person")}
"""The catalog key of the alarm, with the names of its values."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who had the key (`kind` of `schemas.states`), on which hook, and since when."""

    kind: str
    name: str | None
    hook: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of a car that is here: its tag's `label`, the ticket `code`, and its last holders,
    the present one first. `due_at`: when whoever drives with it should have arrived."""

    visit_id: str
    code: str
    plate: str
    label: str
    car: str
    holders: tuple[Holding, ...]
    due_at: datetime | None
    is_overdue: bool
    is_lost: bool

    @property
    def now(self) -> Holding:
        """Who has it."""
        return self.holders[0]


class KeyBoard:
    """Reads the mirror. Takes the station's lock itself."""

    def __init__(self, hands: Hands, feed: ScreenFeed, limits: Limits) -> None:
        self._hands = hands
        self._mirror = hands.mirror
        self._feed = feed
        self._limits = limits
        self._alarmed: set[tuple[str, int]] = set()

    def on_hooks(self) -> list[KeyRow]:
        """The keys that hang here, by hook; those of which nobody knows the hook last."""
        with self._hands.lock:
            rows = [self._row(visit) for visit in self._mirror.visits() if self._hangs_here(visit)]
        return sorted(rows, key=lambda row: (row.now.hook is None, row.now.hook or 0, row.label))

    def in_hands(self) -> list[KeyRow]:
        """The keys of the whole district that somebody carries: overdue first, then by age."""
        with self._hands.lock:
            held = [v for v in self._mirror.visits() if v.key_holder.kind == states.PERSON]
            rows = [self._row(visit) for visit in held]
        return sorted(rows, key=lambda row: (not row.is_overdue, row.now.at, row.label))

    def find(self, text: str) -> list[KeyRow]:
        """The keys whose label, ticket or plate holds `text`, exact ones first."""
        wanted = _bare(text)
        if not wanted:
            return []
        found = []
        with self._hands.lock:
            for visit in self._mirror.visits():
                label = self._mirror.roster.label(visit.key_tag)
                names = [_bare(one) for one in (label, visit.code, self._mirror.plate(visit.id))]
                if any(wanted in name for name in names):
                    found.append((wanted not in names, label, self._row(visit)))
            found.sort(key=lambda hit: hit[:2])
            return [row for _, _, row in found[: self._limits.search_results]]

    def tick(self) -> None:
        """Say it once, aloud, when a key is out for longer than its drive can take: at the place
        that it was taken from and at the one where it should be."""
        now = self._hands.now()
        with self._hands.lock:
            late = [
                visit
                for visit in self._mirror.visits()
                if self._concerns_us(visit) and _is_past(self._due_at(visit), now)
            ]
            new = [visit for visit in late if (visit.id, len(visit.legs)) not in self._alarmed]
            self._alarmed = {(visit.id, len(visit.legs)) for visit in late}
            messages = [self._alarm(visit) for visit in new]
        for message in messages:
            self._feed.publish(message)

    def _alarm(self, visit: Visit) -> ScreenMessage:
        roster, runner_id = self._mirror.roster, visit.key_holder.id
        values: dict[str, str | int] = {
            "label": roster.label(visit.key_tag),
            "code": visit.code,
            "person": roster.person_name(runner_id) if runner_id else "",
        }
        return ScreenMessage(SAY, key="keys.overdue", values=values, tone="error")

    def _concerns_us(self, visit: Visit) -> bool:
        return self._hands.here in (visit.place_id, visit.destination_id)

    def _hangs_here(self, visit: Visit) -> bool:
        holder = visit.key_holder
        return holder.kind == states.HOOK and holder.id == self._hands.here

    def _row(self, visit: Visit) -> KeyRow:
        roster, due_at = self._mirror.roster, self._due_at(visit)
        return KeyRow(
            visit_id=visit.id,
            code=visit.code,
            plate=self._mirror.plate(visit.id),
            label=roster.label(visit.key_tag),
            car=visit.car,
            holders=self._holders(visit),
            due_at=due_at,
            is_overdue=_is_past(due_at, self._hands.now()),
            is_lost=any(report.kind == states.LOST_KEY for report in visit.reports),
        )

    def _due_at(self, visit: Visit) -> datetime | None:
        """When a key that is being driven should hang again: what its own drive takes, and some."""
        if visit.destination_id is None or visit.key_holder.kind != states.PERSON:
            return None
        leg = visit.legs[-1]
        drive_s = self._mirror.roster.drive_s(leg.from_place_id, leg.to_place_id)
        limits = self._limits
        allowed_s = drive_s * limits.key_alarm_percent / 100 + limits.key_alarm_slack_s
        return leg.taken_at + timedelta(seconds=allowed_s)

    def _holders(self, visit: Visit) -> tuple[Holding, ...]:
        """The last ones first: what each event says, and what is true now before all."""
        told = [
            self._holding(_holder_after(fact.event), fact.at)
            for fact in self._mirror.facts(visit.id)
            if fact.event.type in states.KEY_HOLDER_AFTER
        ]
        last = told[-1] if told else None
        current = self._holding(visit.key_holder, last.at if last else visit.received_at)
        # A person's decision about a held visit moved the key without any of these events.
        moved = [] if last == current else [current]
        return tuple([*moved, *reversed(told)][:HOLDERS_SHOWN])

    def _holding(self, holder: KeyHolder, at: datetime) -> Holding:
        roster, name = self._mirror.roster, None
        if holder.id is not None:
            is_hook = holder.kind == states.HOOK
            name = roster.place_name(holder.id) if is_hook else roster.person_name(holder.id)
        return Holding(holder.kind, name, holder.hook, at)


def _holder_after(event: Event) -> KeyHolder:
    kind = states.KEY_HOLDER_AFTER[event.type]
    ids = {states.HOOK: event.place_id, states.PERSON: event.actor, states.GUEST: None}
    return KeyHolder(kind, ids[kind], event.data.get("hook") if kind == states.HOOK else None)


def _is_past(due_at: datetime | None, now: datetime) -> bool:
    return due_at is not None and due_at < now


def _bare(text: str) -> str:
    """Letters and digits only, so that nobody has to type a dash."""
    return re.sub(r"[\W_]", "", text).upper()
