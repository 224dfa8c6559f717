"""From a tag on the reader to what is done about it: looks up, asks the rule, carries out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from reader_agent import actions
from reader_agent.claim_check import claim_url_of
from reader_agent.clock import Clock
from reader_agent.draft import Draft
from reader_agent.free_room import FreeRoom
from reader_agent.journal import NewEvent
from reader_agent.mirror import Mirror
from reader_agent.presence import Arrival
from reader_agent.proofs import Proof
from reader_agent.shift import Shift
from reader_agent.tap_outcome import TapOutcome, refused
from reader_agent.tap_rule import Act, Decision, Scanned, Tapped, decide, decide_scan
from schemas import events, states
from schemas.district import BADGE, CLAIM_TAG, KEY_TAG, TAG_ACTIVE, Person
from schemas.driver_qr import decode
from schemas.events import Event
from schemas.problems import Refusal
from schemas.visit import Visit

_RECORDING = frozenset({Act.TAKE, Act.PARK, Act.READY})
_CAR_TYPES = frozenset({events.CAR_TAKEN, events.CAR_PARKED, events.CAR_READY})

AWAY_NS: Final = 15_000_000_000
"""An agent that died is back within this."""
UNTOLD_NS: Final = 60_000_000_000
"""Whoever waited for its answer shows the badge and lays the key down again within this."""

SCREENS = (
    *("queue", "receive", "receive_check", "ticket", "hand_over", "stop", "park", "search"),
    *("status", "tags", "enroll", "keys", "keys_check", "shift", "incident", "jobs"),
    *("closing", "unlock"),
)
_LastTap = tuple[tuple[str, int], int]
Scan = tuple[str, str]
"""A ticket code and the four digits that prove it, as a driver's QR code holds them."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What the touchscreen shows. `by_tag`: a tap opened it, not a finger; `by_label`: the number
    on the key tag was typed, and is right."""

    screen: str = "queue"
    visit_id: str | None = None
    by_tag: bool = False
    by_label: bool = False

    def shows_key(self, visit_id: str) -> bool:
        """Whether this is the hand-over of a visit whose key was tapped, or its number typed."""
        return self.opened_by(visit_id) != "ticket"

    def opened_by(self, visit_id: str) -> str:
        """How the hand-over of a visit came to be open; see `actions.hand_over`."""
        if (self.screen, self.visit_id) != ("hand_over", visit_id):
            return "ticket"
        return "key_tag" if self.by_tag else "key_label" if self.by_label else "ticket"


@dataclass(frozen=True, slots=True)
class Counter:
    """What a tap can do at this station, given by it."""

    open_draft: Callable[[str], Draft]
    fill_claim: Callable[[str, str | None], Draft]
    receive: Callable[[Person], str]
    has_draft: Callable[[], bool]
    record: Callable[[NewEvent, Person], None]
    next_job: Callable[[str], dict[str, str | int]]
    hand_over: Callable[[Visit, Proof, Person], None]
    see_key: Callable[[str], TapOutcome]
    is_online: Callable[[], bool]
    has_pin: Callable[[str], bool]
    ask_pin: Callable[[str, str], None]


class TapDesk:
    """Handles one arrival at a time, under the station's lock.

    `latest`: what was recorded here since a moment of this boot, the last first. An agent that
    died between the commit and the beep is told of the same tap again once it is back, and must
    know it for what it is.
    """

    def __init__(
        self,
        mirror: Mirror,
        shift: Shift,
        clock: Clock,
        counter: Counter,
        room: FreeRoom,
        latest: Callable[[int], Iterable[Event]],
        *,
        place_id: str,
        is_booth: bool,
        repeat_s: int,
    ) -> None:
        self._mirror = mirror
        self._shift = shift
        self._clock = clock
        self._counter = counter
        self._place_id = place_id
        self._is_booth = is_booth
        self._room = room
        self._repeat_ns = repeat_s * 1_000_000_000
        self._last_tap = self._tap_before_start(latest)

    def handle(self, arrival: Arrival, focus: Focus) -> TapOutcome:
        """What came of it. A refusal is an outcome too: the person hears and reads why."""
        scan = self._scan_of(arrival)
        if scan is None:
            decision = decide(self._look_up(arrival, focus))
        else:
            decision = self._decide_scan(scan, focus)
        if decision.act is Act.NOTHING:
            return TapOutcome(None)
        if decision.act in _RECORDING and self._is_repeat(decision):
            return self._outcome(
                Decision(Act.SAY, "tap.just_done", "warn", decision.visit), arrival
            )
        try:
            if decision.act is Act.RECEIVE:
                decision = replace(decision, visit=self._receive(arrival))
                return self._outcome(decision, arrival, events.VISIT_RECEIVED)
            if decision.act is Act.SEE_KEY:
                return self._counter.see_key(arrival.tag)
            event_type = self._carry_out(decision, arrival, scan)
        except Refusal as refusal:
            return refused(refusal)
        return self._outcome(decision, arrival, event_type)

    def _scan_of(self, arrival: Arrival) -> Scan | None:
        """The driver's QR code, where the arrival is one and no tag that was enrolled."""
        is_text = arrival.text is not None and arrival.tag.startswith("code:")
        if not is_text or not arrival.confirmed or arrival.tag in self._mirror.roster.tags:
            return None
        assert arrival.text is not None
        return decode(arrival.text)

    def _decide_scan(self, scan: Scan, focus: Focus) -> Decision:
        visits = [visit for visit in self._mirror.visits() if visit.code == scan[0]]
        return decide_scan(
            Scanned(
                visits=self._here_first(visits),
                has_actor=self._shift.actor() is not None,
                screen=focus.screen,
                screen_visit_id=focus.visit_id,
                is_key_shown=focus.shows_key(focus.visit_id or ""),
            )
        )

    def _look_up(self, arrival: Arrival, focus: Focus) -> Tapped:
        roster, tag = self._mirror.roster, arrival.tag
        visits = self._here_first(self._mirror.with_tag(tag))
        terms = self._mirror.terms(visits[0].id) if visits else None
        known, owner = roster.tags.get(tag), roster.badge_owner(tag)
        has_actor = self._shift.actor() is not None
        return Tapped(
            is_confirmed=arrival.confirmed,
            kind=self._kind_of(tag, visits),
            has_owner=owner is not None,
            visits=visits,
            planned=terms.move if terms else None,
            place_id=self._place_id,
            is_booth=self._is_booth,
            nearest_lot=roster.nearest_lot(self._place_id, self._clock.wall()),
            has_actor=has_actor,
            has_draft=self._counter.has_draft(),
            screen=focus.screen,
            screen_visit_id=focus.visit_id,
            is_key_shown=focus.shows_key(focus.visit_id or ""),
            status=known.status if known is not None else TAG_ACTIVE,
            # A locked screen is opened by a badge, whatever lies behind it.
            is_owner_at_work=has_actor and owner is not None and self._shift.is_at_work(owner.id),
            needs_pin=owner is not None and not self._shift.is_badge_enough(owner.id),
            has_pin=owner is not None and self._counter.has_pin(owner.id),
            may_be_new=not tag.startswith("code:") and not self._counter.is_online(),
        )

    def _kind_of(self, tag: str, visits: tuple[Visit, ...]) -> str | None:
        known = self._mirror.roster.tags.get(tag)
        if known is not None:
            return known.kind
        if visits:
            # A tag that is in use was enrolled, even if its document has not arrived.
            return KEY_TAG if visits[0].key_tag == tag else CLAIM_TAG
        return BADGE if self._mirror.roster.is_badge(tag) else None

    def _here_first(self, visits: list[Visit]) -> tuple[Visit, ...]:
        return tuple(sorted(visits, key=lambda visit: visit.place_id != self._place_id))

    def _is_repeat(self, decision: Decision) -> bool:
        # A key laid down twice must not undo what its first tap said.
        # One that was taken back is no tap any more.
        visit, last = decision.visit, self._last_tap
        if visit is None or last is None or last[0] != _name_of(visit):
            return False
        now_ns = self._clock.mono_ns()
        is_repeat = now_ns - last[1] < self._repeat_ns
        if is_repeat:
            # Told now, if it was not before: only what follows at once is the same tap still.
            self._last_tap = last[0], min(last[1], now_ns)
        return is_repeat

    def _tap_before_start(self, latest: Callable[[int], Iterable[Event]]) -> _LastTap | None:
        """The tap that nobody may have been told of, as if it were made when it can be repeated."""
        now_ns = self._clock.mono_ns()
        for event in latest(max(0, now_ns - AWAY_NS)):
            visit = self._mirror.visit(event.visit_id) if event.visit_id else None
            if event.type in _CAR_TYPES and visit is not None:
                return _name_of(visit), now_ns + UNTOLD_NS - self._repeat_ns
        return None

    def _carry_out(
        self, decision: Decision, arrival: Arrival, scan: Scan | None = None
    ) -> str | None:
        """Do it; the type of the event that is now in the journal. Raises `Refusal`."""
        visit, owner = decision.visit, self._mirror.roster.badge_owner(arrival.tag)
        if decision.act is Act.ASK_PIN:
            assert owner is not None
            self._counter.ask_pin(owner.id, arrival.tag)
            return None
        self._shift.touch()
        if decision.act is Act.SIGN_ON:
            assert owner is not None
            event = self._shift.sign_on(owner)
            return event.type if event else None
        if decision.act is Act.OPEN_DRAFT:
            self._counter.open_draft(arrival.tag)
        elif decision.act is Act.FILL_CLAIM:
            self._counter.fill_claim(arrival.tag, claim_url_of(arrival.text))
        elif decision.act is Act.HAND_OVER:
            assert visit is not None
            self._counter.hand_over(visit, _proof_in(arrival, scan), self._actor())
            return events.VISIT_HANDED_OVER
        elif decision.act in _RECORDING:
            assert visit is not None
            return self._record(decision, visit)
        return None

    def _receive(self, arrival: Arrival) -> Visit | None:
        self._shift.touch()
        self._counter.fill_claim(arrival.tag, claim_url_of(arrival.text))
        return self._mirror.visit(self._counter.receive(self._actor()))

    def _record(self, decision: Decision, visit: Visit) -> str:
        actor = self._actor()
        if decision.act is Act.TAKE:
            assert decision.drive is not None
            new = actions.take(visit, self._place_id, decision.drive)
        elif decision.act is Act.PARK:
            new = actions.park(visit, self._room.stall(visit), self._room.hook(visit))
        else:
            new = actions.ready(visit, self._room.hook(visit))
        self._counter.record(new, actor)
        self._last_tap = (_name_of(visit), self._clock.mono_ns())
        return new.type

    def _actor(self) -> Person:
        actor = self._shift.actor()
        if actor is None:
            raise Refusal("not_signed_in")
        return actor

    def _outcome(
        self, decision: Decision, arrival: Arrival, event_type: str | None = None
    ) -> TapOutcome:
        visit = decision.visit
        key, tone, screen = decision.key, decision.tone, decision.screen
        if visit is not None and event_type in (events.CAR_PARKED, events.CAR_READY):
            after = self._mirror.visit(visit.id)
            if after is not None and after.state == states.HELD:
                # The fact is recorded, but it does not fit: a person has to decide.
                key, tone, screen = "tap.held", "warn", "ticket"
        values = self._values(decision, arrival)
        key = _fuller(key, values)
        visit_id = visit.id if visit is not None else decision.visit_id
        return TapOutcome(tone, key, values, screen, visit_id, event_type)

    def _values(self, decision: Decision, arrival: Arrival) -> Mapping[str, str | int]:
        roster, visit = self._mirror.roster, decision.visit
        owner = roster.badge_owner(arrival.tag)
        values: dict[str, str | int] = {"tag": arrival.tag, "label": roster.label(arrival.tag)}
        if owner is not None:
            values["person"] = owner.name
            values |= self._counter.next_job(owner.id)
        if visit is not None:
            values |= {"code": visit.code, **self._where_now(visit)}
        if decision.drive is not None:
            values["place"] = roster.place_name(decision.drive.to_place_id)
        elif visit is not None and visit.request is not None:
            values["place"] = roster.place_name(visit.request.booth_id)
        return values

    def _where_now(self, visit: Visit) -> dict[str, str | int]:
        after = self._mirror.visit(visit.id) or visit
        found: dict[str, str | int] = {}
        if after.stall:
            found["stall"] = after.stall
        if after.key_holder.hook is not None:
            found["hook"] = after.key_holder.hook
        return found


def _name_of(visit: Visit) -> tuple[str, int]:
    return visit.id, visit.undone


def _fuller(key: str | None, values: Mapping[str, object]) -> str | None:
    """The words that also say where the key hangs, where the car stands, or what to drive next;
    only where that is known."""
    if key == "tap.ready" and "hook" in values:
        return "tap.ready_at"
    if key == "tap.parked" and "stall" in values:
        return "tap.parked_at"
    return "tap.next_job" if key == "tap.signed_on" and "code" in values else key


def _proof_in(arrival: Arrival, scan: Scan | None) -> Proof:
    if scan is not None:
        return Proof(states.PROOF_CODE, code=scan[1])
    return Proof(
        states.PROOF_CLAIM_TAG, claim_tag=arrival.tag, claim_url=claim_url_of(arrival.text)
    )
