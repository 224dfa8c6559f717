"""Who is at work here, what each of them has in hand, and what each should drive next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reader_agent.board import Board
from reader_agent.card import Card
from reader_agent.closed_ways import Shut
from reader_agent.hands import Hands
from schemas import states
from schemas.problems import Refusal


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody on shift. `in_hand`: the tickets of the cars whose keys the person has.
    `place_name`: where, if by the cloud's word that is not here."""

    id: str
    name: str
    roles: tuple[str, ...]
    is_on_break: bool
    in_hand: tuple[str, ...]
    place_name: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """The drive that the plan gives a person next; `drive_min`: about how long it takes."""

    person_id: str
    person_name: str
    card: Card
    to_stall: str | None
    drive_min: int


@dataclass(frozen=True, slots=True)
class Lift:
    """Somebody goes along in a car that a colleague drives from here: who with, in which (`code`),
    and when it leaves, if that is known."""

    person_id: str
    person_name: str
    driver_name: str
    code: str
    departs_at: datetime | None


class Crew:
    """Takes the station's lock itself."""

    def __init__(self, hands: Hands, board: Board, cards: Callable[[], list[Card]]) -> None:
        self._hands = hands
        self._mirror = hands.mirror
        self._shift = hands.shift
        self._roster = hands.mirror.roster
        self._board = board
        self._cards = cards

    def workers(self) -> list[Worker]:
        """Everybody who is on a shift, here or elsewhere in the district: those from here first,
        then by name."""
        with self._hands.lock:
            here = self._shift.on_shift
            found = [self._worker(person_id) for person_id in {*here, *self._roster.at_work}]
        return sorted(found, key=lambda worker: (worker.id not in here, worker.name))

    def _worker(self, person_id: str) -> Worker:
        roster, place_id = self._roster, self._place_elsewhere(person_id)
        return Worker(
            person_id,
            roster.person_name(person_id),
            roster.people[person_id].roles if person_id in roster.people else (),
            self._is_resting(person_id),
            tuple(self._in_hand(person_id)),
            roster.place_name(place_id) if place_id else None,
        )

    def _place_elsewhere(self, person_id: str) -> str | None:
        """Where somebody is who is not here; a place may not have heard of whoever has just
        come."""
        told = self._roster.at_work.get(person_id)
        is_elsewhere = told is not None and told.place_id != self._hands.here
        return told.place_id if told and is_elsewhere else None

    def _is_resting(self, person_id: str) -> bool:
        """On a break that began here, or at another place."""
        told = self._roster.at_work.get(person_id)
        is_elsewhere = self._place_elsewhere(person_id) is not None
        rests_there = told is not None and told.is_resting and is_elsewhere
        return rests_there or person_id in self._shift.on_break

    def jobs(self) -> list[Job]:
        """What the plan gives each person to drive next from or to here: the first by urgency."""
        with self._hands.lock:
            first: dict[str, Card] = {}
            for card in self._cards():
                if card.planned_runner_id is not None and card.move_to_id is not None:
                    first.setdefault(card.planned_runner_id, card)
            jobs = [self._job(person_id, card) for person_id, card in first.items()]
        return sorted(jobs, key=lambda job: job.person_name)

    def lifts(self) -> list[Lift]:
        """Who goes along with whom from here, by when they leave."""
        with self._hands.lock:
            roster, here = self._roster, self._hands.here
            found = [
                Lift(person_id, name, roster.person_name(driver_id), card.code, card.departs_at)
                for card in self._cards()
                if card.passengers and card.place_id == here
                for driver_id in (card.planned_runner_id,)
                if driver_id is not None
                for person_id, name in card.passengers
            ]
        return sorted(found, key=lambda lift: (lift.departs_at is None, lift.departs_at, lift.code))

    def waits(self) -> list[tuple[str, str]]:
        """Who is on shift here without a drive to do, and where each should wait: names."""
        with self._hands.lock:
            roster, terms = self._mirror.roster, map(self._mirror.terms, self._visit_ids())
            busy = {each.move.runner_id for each in terms if each and each.move}
            busy |= {visit.key_holder.id for visit in self._mirror.visits()}
            busy |= {name for card in self._cards() for name, _ in card.passengers}
            found = [
                (roster.person_name(person_id), roster.place_name(place_id))
                for person_id in self._shift.on_shift
                for place_id in (roster.waits.get(person_id),)
                if place_id is not None
                and person_id not in busy
                and not self._is_resting(person_id)
            ]
        return sorted(found)

    def shut(self) -> Sequence[Shut]:
        """What is shut for cars now, for who is about to drive one."""
        with self._hands.lock:
            return self._roster.shut_now(self._hands.now())

    def _visit_ids(self) -> list[str]:
        return [visit.id for visit in self._mirror.visits()]

    def next_job(self, person_id: str) -> dict[str, str | int]:
        """The next drive of somebody who signs on: `code` and `place`; nothing where none is."""
        job = next((job for job in self.jobs() if job.person_id == person_id), None)
        if job is None or job.card.move_to_name is None:
            return {}
        return {"code": job.card.code, "place": job.card.move_to_name}

    def lock(self) -> None:
        """The actor leaves the screen; the shift goes on."""
        with self._hands.lock:
            self._shift.lock()
        self._hands.on_change()

    def pause(self) -> None:
        """The actor takes a break: no work is planned for who rests. Refusal `keys_in_hand`,
        `not_signed_in`, and what storage gives."""
        with self._hands.lock:
            self._check_hands()
            self._shift.pause()
        self._hands.on_change()

    def sign_off(self) -> None:
        """The actor goes home. Refusal `keys_in_hand`, `not_signed_in`, and what storage gives."""
        with self._hands.lock:
            self._check_hands()
            self._shift.sign_off()
        self._hands.on_change()

    def _check_hands(self) -> None:
        in_hand = self._in_hand(self._hands.actor().id)
        if in_hand:
            raise Refusal("keys_in_hand", ticket=in_hand[0])

    def _in_hand(self, person_id: str) -> list[str]:
        return sorted(
            visit.code
            for visit in self._mirror.visits()
            if visit.key_holder.kind == states.PERSON and visit.key_holder.id == person_id
        )

    def _job(self, person_id: str, card: Card) -> Job:
        roster = self._mirror.roster
        assert card.move_to_id is not None
        drive_s = roster.drive_s(card.place_id, card.move_to_id)
        return Job(
            person_id,
            roster.person_name(person_id),
            card,
            card.to_stall or self._board.stall_at(card.move_to_id),
            max(1, round(drive_s / 60)),
        )
