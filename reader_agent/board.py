"""Which visits a station shows, in which order, and everything that their cards say."""

from __future__ import annotations

import re
from datetime import datetime

from reader_agent.card import Card
from reader_agent.config import Limits
from reader_agent.free_room import free_stalls
from reader_agent.mirror import Mirror
from reader_agent.sightings import Sighting, Sightings
from reader_agent.terms import Promise
from reader_agent.waiting import rung_of
from schemas import states
from schemas.district import BOOTH
from schemas.visit import KeyHolder, Visit

_TAG_SHARED = "tag_shared"


class Board:
    """Reads the mirror for the screens of `place_id`."""

    def __init__(
        self, mirror: Mirror, sightings: Sightings, place_id: str, role: str, limits: Limits
    ) -> None:
        self._limits = limits
        self._mirror = mirror
        self._sightings = sightings
        self._roster = mirror.roster
        self._place_id = place_id
        self._is_booth = role == BOOTH

    def queue(self, now: datetime, acked_seq: int) -> list[Card]:
        """What somebody here has to do something about: asked for first, by the time it is due;
        then the rest, longest untouched first."""
        mine = [visit for visit in self._mirror.visits() if self._concerns_us(visit)]
        cards = [self.card(visit, now, acked_seq) for visit in mine]
        return sorted(cards, key=_urgency)

    def search(self, text: str, now: datetime, acked_seq: int, limit: int) -> list[Card]:
        """The visits whose plate or code holds `text`, the best matches first."""
        wanted = re.sub(r"[^A-Z0-9]", "", text.upper())
        if not wanted:
            return []
        found = []
        for visit in self._mirror.visits():
            code = visit.code.replace("-", "")
            plate = self._mirror.plate(visit.id)
            if wanted in code or wanted in plate:
                rank = (wanted not in (code, plate), visit.place_id != self._place_id)
                found.append((rank, visit))
        found.sort(key=lambda hit: (hit[0], hit[1].code))
        return [self.card(visit, now, acked_seq) for _, visit in found[:limit]]

    def card(self, visit: Visit, now: datetime, acked_seq: int) -> Card:
        """Everything that is shown of one visit."""
        mirror, roster = self._mirror, self._roster
        terms = mirror.terms(visit.id)
        asked = visit.request
        promise = terms.promise if terms and asked else None
        if promise is not None and asked is not None and promise.booth_id != asked.booth_id:
            # The promise is for the request before this one.
            promise = None
        move = terms.move if terms else None
        if move is not None and move.from_place_id != visit.place_id:
            move = None
        sighting, rung = self._sighting(visit), rung_of(visit, self._limits)
        delay = visit.delay
        along = move.passengers if move and visit.destination_id is None else ()
        return Card(
            visit_id=visit.id,
            code=visit.code,
            state=visit.state,
            car=visit.car,
            plate=mirror.plate(visit.id),
            place_id=visit.place_id,
            place_name=roster.place_name(visit.place_id),
            destination_name=self._place_name(visit.destination_id),
            booth_id=visit.booth_id,
            request_booth_id=asked.booth_id if asked else None,
            request_booth_name=self._place_name(asked.booth_id if asked else None),
            wanted_at=asked.wanted_at if asked else None,
            ready_from=promise.ready_from if promise else None,
            ready_by=promise.ready_by if promise else None,
            is_late=_is_late(visit, promise, now),
            runner_name=self._person_name(_runner_id(visit, move.runner_id if move else None)),
            key_holder_kind=visit.key_holder.kind,
            key_holder_name=self._holder_name(visit.key_holder),
            stall=visit.stall if visit.car == states.PARKED else None,
            key_label=roster.label(visit.key_tag),
            claim_label=roster.label(visit.claim_tag) if visit.claim_tag else None,
            held_reasons=(
                *(conflict.reason for conflict in visit.conflicts),
                *((_TAG_SHARED,) if terms and terms.tag_shared else ()),
            ),
            is_unsent=mirror.is_unsent(visit.id, acked_seq),
            since=mirror.since(visit.id),
            move_to_name=self._place_name(move.to_place_id if move else None),
            move_kind=move.kind if move else None,
            has_phone=mirror.has_phone(visit.id),
            seen_at=sighting.at if sighting else None,
            seen_place_name=self._place_name(sighting.place_id if sighting else None),
            move_to_id=move.to_place_id if move else None,
            planned_runner_id=move.runner_id if move and visit.destination_id is None else None,
            why=move.why if move else None,
            to_stall=move.to_stall if move else None,
            why_place_name=self._place_name(move.why_place_id if move else None),
            calls=visit.calls,
            rung=rung.name if rung else None,
            rung_at=rung.due_at if rung else None,
            is_rung_due=rung is not None and rung.due_at <= now,
            delay_min=delay.minutes if delay else None,
            delay_reason=delay.reason if delay else None,
            bag=visit.bag,
            reports=tuple(report.kind for report in visit.reports),
            hook=visit.key_holder.hook,
            passengers=tuple((each, roster.person_name(each)) for each in along),
            departs_at=move.departs_at if move else None,
        )

    def stall_at(self, place_id: str) -> str | None:
        """The stall where the next car of a lot should go; None at a booth or in a full lot."""
        found = free_stalls(self._mirror.visits(), self._roster.places.get(place_id), 1)
        return found[0] if found else None

    def _sighting(self, visit: Visit) -> Sighting | None:
        sighting = self._sightings.of(self._roster.label(visit.key_tag))
        # Labels live on: what was seen before this car came was the car before it.
        is_ours = sighting is not None and sighting.at >= visit.received_at
        return sighting if is_ours and visit.is_open else None

    def _concerns_us(self, visit: Visit) -> bool:
        asked = visit.request
        is_coming = visit.destination_id == self._place_id
        is_asked_here = asked is not None and asked.booth_id == self._place_id
        if is_coming or is_asked_here:
            return True
        if visit.place_id != self._place_id or visit.destination_id is not None:
            return False
        # A booth gets rid of every car it has; a lot keeps most of them for hours.
        return self._is_booth or self._has_work(visit)

    def _has_work(self, visit: Visit) -> bool:
        terms = self._mirror.terms(visit.id)
        is_planned = terms is not None and terms.move is not None
        return bool(visit.conflicts) or visit.request is not None or is_planned

    def _place_name(self, place_id: str | None) -> str | None:
        return self._roster.place_name(place_id) if place_id else None

    def _person_name(self, person_id: str | None) -> str | None:
        return self._roster.person_name(person_id) if person_id else None

    def _holder_name(self, holder: KeyHolder) -> str | None:
        if holder.kind == states.HOOK:
            return self._place_name(holder.id)
        return self._person_name(holder.id) if holder.kind == states.PERSON else None


def _runner_id(visit: Visit, planned_id: str | None) -> str | None:
    if visit.destination_id is not None:
        return visit.legs[-1].runner_id
    return planned_id


def _is_late(visit: Visit, promise: Promise | None, now: datetime) -> bool:
    asked = visit.request
    if asked is None or visit.car == states.READY:
        return False
    due = promise.ready_by if promise else asked.wanted_at
    return due is not None and now > due


def _urgency(card: Card) -> tuple[bool, datetime, str]:
    due = card.ready_by or card.wanted_at or card.since
    return card.request_booth_id is None, due, card.code
