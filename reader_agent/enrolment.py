"""Enrolling tags at a station: a box of them, one after another, without touching the screen.

The screen says what kind of tag comes next and what is printed on it; the next tag that is laid on
a reader is checked, recorded and true here at once, and the next number is proposed. It works
without the cloud, except for a card that is to get our keys.

A reader that can talk to cards is asked for the maker's signature. That takes a moment and runs on
a thread of its own, so that the station goes on working: what came of it is told to the screens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from reader_agent.card_errands import CardErrands
from reader_agent.clock import Clock
from reader_agent.enrol_plan import CHECK, DONE, KEYS, PLAIN, TAP, TORN, EnrolPlan, EnrolView
from reader_agent.journal import NewEvent
from reader_agent.mirror import Mirror
from reader_agent.presence import Arrival
from reader_agent.recorder import Recorder
from reader_agent.shift import Shift, may_supervise
from reader_agent.tag_labels import check_free, check_label, label_after, next_label
from reader_agent.tap_outcome import TapOutcome, refused
from schemas import events
from schemas.district import BADGE, CLAIM_TAG, KEY_TAG, TAG_ACTIVE, TAG_KINDS, TAG_LOST
from schemas.driver_qr import decode
from schemas.problems import HTTP_STATUS, Refusal
from schemas.tag_ids import TagIDError, check_lasting, is_hint

SCREEN: Final = "enroll"
INVENTORY: Final = "tags"
TWICE_WITHIN_NS: Final = 10_000_000_000
"""A reader that sends one frame a presentation is believed at the second one within this time."""
REMEMBERED: Final = 5

_KNOWN_AS = {
    KEY_TAG: "enroll.known_key",
    CLAIM_TAG: "enroll.known_claim",
    BADGE: "enroll.known_badge",
}


@dataclass(frozen=True, slots=True)
class _Job:
    """A card that lies on a reader, and what it is to become."""

    tag: str
    reader: str
    plan: EnrolPlan
    actor_id: str
    is_original: bool | None = None


class Enrolment:
    """The one enrolment that a station has open. It takes the station's lock itself, and never
    keeps it while it talks to a card or to the cloud. `tell` brings what came of a card to the
    screens; `is_online` says whether the cloud can be asked."""

    def __init__(
        self,
        mirror: Mirror,
        recorder: Recorder,
        shift: Shift,
        clock: Clock,
        lock: threading.RLock,
        *,
        errands: CardErrands,
        is_online: Callable[[], bool],
        tell: Callable[[TapOutcome], None],
    ) -> None:
        self._mirror = mirror
        self._recorder = recorder
        self._shift = shift
        self._clock = clock
        self._lock = lock
        self._errands = errands
        self._is_online = is_online
        self._tell = tell
        self._plan: EnrolPlan | None = None
        self._step = TAP
        self._is_busy = False
        self._is_closed = False
        self._why: str | None = None
        self._unkeyed: _Job | None = None
        self._last: tuple[str, ...] = ()
        self._seen: tuple[str, int] | None = None
        self._taken: tuple[str, int] | None = None

    # What the screen does.

    def view(self) -> EnrolView | None:
        """How it stands; None while nothing is being enrolled."""
        with self._lock:
            if self._plan is None:
                return None
            person_id = self._plan.person_id
            person = self._mirror.roster.person_name(person_id) if person_id else None
            return EnrolView(self._plan, self._step, self._why, self._last, person)

    def begin(self, kind: str, *, person_id: str | None = None, is_radio: bool = False) -> None:
        """The next tags are of this kind; a badge is for a person.

        Refusal `not_signed_in`, `not_allowed`, `bad_choice`, `unknown_person`, `bad_request`
        while a card is being made.
        """
        with self._lock:
            self._shift.supervisor()
            self._refuse_while_busy()
            if kind not in TAG_KINDS or (kind == BADGE) != (person_id is not None):
                raise Refusal("bad_choice")
            if person_id is not None and not self._works_here(person_id):
                raise Refusal("unknown_person")
            tags = self._mirror.roster.tags.values()
            label = next_label(tags, kind, is_radio=is_radio)
            self._plan = EnrolPlan(kind, label, person_id, is_radio and kind == KEY_TAG)
            self._last = ()
            self._wait()

    def set_label(self, text: str) -> None:
        """What is printed on the next tag. Refusal `bad_label`, `label_in_use`, and as `begin`."""
        with self._lock:
            self._shift.supervisor()
            plan = self._needed()
            label = check_label(text)
            tags = self._mirror.roster.tags.values()
            check_free(tags, label, plan.kind, is_radio=plan.is_radio)
            self._plan = replace(plan, label=label)
            self._wait()

    def set_keys(self, *, gives_keys: bool) -> None:
        """Whether claim cards are to get our keys. Refusals as `begin`."""
        with self._lock:
            self._shift.supervisor()
            self._plan = replace(self._needed(), gives_keys=gives_keys)
            self._wait()

    def go_on(self) -> None:
        """Wait for the next tag. Refusals as `begin`."""
        with self._lock:
            self._shift.supervisor()
            self._needed()
            self._wait()

    def without_keys(self) -> str:
        """Enrol the card that could get no keys as it is; its label. Refusals as `begin`, and
        `bad_choice` where there is no such card."""
        with self._lock:
            actor = self._shift.supervisor()
            self._needed()
            job = self._unkeyed
            if job is None:
                raise Refusal("bad_choice")
            self._check(job.tag, job.plan)
            outcome = self._record(replace(job, actor_id=actor.id), is_secure=False)
        self._tell(outcome)
        return job.plan.label

    def end(self) -> None:
        """Enough enrolled. A card that is being made is still finished."""
        with self._lock:
            self._plan = None

    def close(self) -> None:
        """The station ends: what is still asked of a card comes to nothing."""
        with self._lock:
            self._plan, self._is_closed = None, True

    # What the readers bring.

    def wants(self, arrival: Arrival, screen: str) -> bool:
        """Whether a tag on a reader is to be enrolled, or named, instead of doing what it does."""
        if screen not in (SCREEN, INVENTORY) or not may_supervise(self._shift.actor()):
            return False
        is_enrolling = screen == SCREEN and self._plan is not None
        if is_hint(arrival.tag):
            is_radio = self._plan is not None and self._plan.is_radio
            return is_enrolling and is_radio and self._step != DONE
        return is_enrolling or self._mirror.roster.badge_owner(arrival.tag) is None

    def took(self, tag: str) -> bool:
        """Whether the tag was enrolled just now, so that its reader need not ask for it again."""
        return self._is_within(self._taken, tag)

    def take(self, arrival: Arrival, screen: str) -> TapOutcome:
        """A tag that this `wants` is laid on a reader. Refusals are outcomes, in words."""
        with self._lock:
            try:
                if screen == INVENTORY or self._plan is None:
                    return self._name(arrival)
                return self._take(arrival, self._plan)
            except Refusal as refusal:
                return refused(refusal, SCREEN)

    def _name(self, arrival: Arrival) -> TapOutcome:
        if not arrival.confirmed:
            return TapOutcome(None)
        return self._known(arrival) or TapOutcome("warn", "tap.unknown", {"tag": arrival.tag})

    def _take(self, arrival: Arrival, plan: EnrolPlan) -> TapOutcome:
        actor = self._shift.supervisor()
        if self._is_busy or self._step == DONE:
            key = "enroll.wait" if self._is_busy else "enroll.choose"
            return TapOutcome("warn", key) if arrival.confirmed else TapOutcome(None)
        if self.took(arrival.tag) or not self._is_believed(arrival):
            return TapOutcome(None)
        if known := self._known(arrival):
            return known
        if is_hint(arrival.tag) != plan.is_radio or decode(arrival.text or "") is not None:
            raise Refusal("wrong_tag_kind")
        self._check(arrival.tag, plan)
        job = _Job(arrival.tag, arrival.reader, plan, actor.id)
        if not self._errands.can_talk(arrival.reader):
            return self._record(job, is_secure=False)
        self._wait()
        self._step, self._is_busy = CHECK, True
        threading.Thread(target=self._make, args=(job,), name="enrolment", daemon=True).start()
        return TapOutcome(None)

    def _is_believed(self, arrival: Arrival) -> bool:
        """Confirmed, or laid down twice: a tag that is not enrolled yet cannot be known, and a
        reader that says each tag once never says two frames in a row."""
        if arrival.confirmed:
            return True
        if is_hint(arrival.tag):
            return False
        is_second = self._is_within(self._seen, arrival.tag)
        self._seen = (arrival.tag, self._clock.mono_ns())
        return is_second

    def _is_within(self, seen: tuple[str, int] | None, tag: str) -> bool:
        if seen is None or seen[0] != tag:
            return False
        return self._clock.mono_ns() - seen[1] <= TWICE_WITHIN_NS

    def _known(self, arrival: Arrival) -> TapOutcome | None:
        roster = self._mirror.roster
        tag = roster.tags.get(arrival.tag)
        if tag is None and not roster.is_badge(arrival.tag):
            return None
        key = _KNOWN_AS[BADGE if tag is None else tag.kind]
        if tag is not None and tag.status != TAG_ACTIVE:
            key = "tap.lost" if tag.status == TAG_LOST else "tap.retired"
        return TapOutcome("warn", key, {"label": roster.label(arrival.tag)})

    def _check(self, tag_id: str, plan: EnrolPlan) -> None:
        """Refusal `tag_random`, `tag_cut`, `tag_blank`, `tag_in_use`, `label_in_use`."""
        try:
            check_lasting(tag_id)
        except TagIDError as error:
            raise Refusal(error.code if error.code in HTTP_STATUS else "unknown_tag") from error
        if visits := self._mirror.with_tag(tag_id):
            raise Refusal("tag_in_use", ticket=visits[0].code)
        tags = self._mirror.roster.tags.values()
        check_free(tags, plan.label, plan.kind, is_radio=plan.is_radio)

    # What a card on a reader takes its time for, on a thread of its own.

    def _make(self, job: _Job) -> None:
        outcome = TapOutcome("error", "problem.card_refused", screen=SCREEN)
        try:
            outcome = self._examine(job)
        finally:
            with self._lock:
                self._is_busy = False
                if self._step in (CHECK, KEYS):
                    self._wait()
            self._tell(outcome)

    def _examine(self, job: _Job) -> TapOutcome:
        try:
            looked = self._errands.look(job.reader, job.tag)
            if looked.is_original is False:
                raise Refusal("tag_not_original")
        except Refusal as refusal:
            return self._stopped(TORN if refusal.code == "card_gone" else TAP, refusal)
        job = replace(job, is_original=looked.is_original)
        is_secure = job.plan.kind == CLAIM_TAG and job.plan.gives_keys and looked.takes_keys
        try:
            if is_secure:
                self._give_keys(job)
        except Refusal as refusal:
            is_torn = refusal.code == "card_gone"
            return self._stopped(TORN if is_torn else PLAIN, refusal, None if is_torn else job)
        with self._lock:
            if self._is_closed:
                return TapOutcome(None)
            try:
                self._check(job.tag, job.plan)
                return self._record(job, is_secure=is_secure)
            except Refusal as refusal:
                return self._stopped(TAP, refusal)

    def _give_keys(self, job: _Job) -> None:
        if not self._is_online():
            raise Refusal("cloud_needed")
        with self._lock:
            self._step = KEYS
        self._tell(TapOutcome("warn", "enroll.keep", screen=SCREEN))
        self._errands.give_keys(job.reader, job.tag, job.actor_id)

    def _stopped(self, step: str, refusal: Refusal, unkeyed: _Job | None = None) -> TapOutcome:
        with self._lock:
            self._step, self._unkeyed = step, unkeyed
            self._why = refusal.code if step in (TORN, PLAIN) else None
        return refused(refusal, SCREEN)

    def _record(self, job: _Job, *, is_secure: bool) -> TapOutcome:
        plan = job.plan
        data = {
            "tag": job.tag,
            "kind": plan.kind,
            "label": plan.label,
            "person_id": plan.person_id,
            "is_original": job.is_original,
            "is_secure": is_secure,
        }
        new = NewEvent(events.TAG_ENROLLED, data=data)
        self._recorder.record(lambda _work: new, job.actor_id)
        self._taken = (job.tag, self._clock.mono_ns())
        self._propose_next(plan)
        key = "enroll.done_secure" if is_secure else "enroll.done"
        values = {"label": plan.label}
        return TapOutcome("ok", key, values, SCREEN, event_type=new.type)

    def _propose_next(self, done: EnrolPlan) -> None:
        self._wait()
        if self._plan is None:
            return
        self._last = (done.label, *self._last)[:REMEMBERED]
        tags = self._mirror.roster.tags.values()
        following = None if done.is_radio else label_after(tags, done.label)
        label = following or next_label(tags, done.kind, is_radio=done.is_radio)
        self._plan = replace(self._plan, label=label)
        # A badge is somebody's, and another radio tag may be in the air: both are asked for.
        if done.kind == BADGE or done.is_radio:
            self._step = DONE

    def _wait(self) -> None:
        self._step, self._why, self._unkeyed = TAP, None, None

    def _needed(self) -> EnrolPlan:
        self._refuse_while_busy()
        if self._plan is None:
            raise Refusal("bad_choice")
        return self._plan

    def _refuse_while_busy(self) -> None:
        if self._is_busy:
            raise Refusal("bad_request")

    def _works_here(self, person_id: str) -> bool:
        person = self._mirror.roster.people.get(person_id)
        return person is not None and person.is_active
