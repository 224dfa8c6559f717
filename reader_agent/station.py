"""The station: everything that its screens and readers can ask of it.

One lock guards it. Questions are answered from memory; an action is durable when it returns, and
raises `Refusal` otherwise. Whoever asks may be any thread: a reader's, a screen's, the sync's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Literal, Unpack

import structlog

from reader_agent import actions
from reader_agent.board import Board
from reader_agent.card import Card
from reader_agent.card_errands import CardErrands
from reader_agent.claim_check import claim_url_of
from reader_agent.clock import Clock
from reader_agent.cloud import Cloud
from reader_agent.cloud_time import CloudTime
from reader_agent.config import Config
from reader_agent.disputes import Disputes
from reader_agent.draft import Draft, DraftStore
from reader_agent.drivers.reader import ReaderHealth
from reader_agent.enrolment import SCREEN as ENROLL
from reader_agent.enrolment import Enrolment
from reader_agent.exchange import Exchange, agent_version
from reader_agent.floor import Floor
from reader_agent.free_room import FreeRoom
from reader_agent.handing_over import HandingOver, check_label
from reader_agent.hands import Hands
from reader_agent.intake import DraftFields, Intake
from reader_agent.journal import Journal, NewEvent
from reader_agent.journal_rescue import open_database
from reader_agent.known_cars import KnownCars
from reader_agent.mirror import Mirror
from reader_agent.moves import drive_from
from reader_agent.photo_desk import PhotoDesk
from reader_agent.presence import Arrival, Departure
from reader_agent.proofs import Proof, Proofs
from reader_agent.public_address import PublicAddress
from reader_agent.reception_desk import ReceptionDesk
from reader_agent.recorder import Recorder
from reader_agent.screen_feed import REFRESH, ScreenFeed, ScreenMessage
from reader_agent.shift import Shift
from reader_agent.sightings import Sightings
from reader_agent.sign_in.booth_sessions import BoothSessions
from reader_agent.sign_in.pins import open_pins
from reader_agent.station_db import OK, StationDB
from reader_agent.status import StationStatus
from reader_agent.sync import Sync
from reader_agent.tag_box import TagBox
from reader_agent.tag_office import TagOffice
from reader_agent.tap_desk import SCREENS, Counter, Focus, TapDesk
from reader_agent.tap_outcome import TapOutcome
from reader_agent.unfinished import Unfinished
from reader_agent.uplink import Uplink
from reader_agent.vitals import Vitals
from schemas import events
from schemas.district import BOOTH, LOT, Person, Place
from schemas.problems import Refusal
from schemas.reception import CONSENT
from schemas.tag_ids import is_hint
from schemas.visit import Visit

_log = structlog.get_logger(__name__)


class Station:
    """Opens the database in `config.data_dir`, or raises `StationDBError`, and records that.
    `on_screen` is what the touchscreen shows, or should since the last tap."""

    def __init__(self, config: Config, clock: Clock) -> None:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        self.place_id = config.place_id
        self.role: Literal["booth", "lot"] = config.role
        self.language = config.language
        self.feed = ScreenFeed()
        self.uplink = Uplink(clock)
        self._config = config
        self._clock = clock
        self._lock = threading.RLock()
        self._db: StationDB = open_database(config.data_dir, clock, config.pin_key_file)
        self._cloud_time = CloudTime(self._db, clock)
        self._journal = Journal(self._db, clock)
        self._mirror = Mirror(self._db, self._journal.guests, self._journal.journal_id)
        self._vitals = Vitals(config, self._db, self._journal, self.uplink, self._cloud_time, clock)
        self.roster = self._mirror.roster
        self._compose()
        self.on_screen = Focus()
        self._last_glance: object = None
        self._note_start()

    def _compose(self) -> None:
        config, clock, db, limits = self._config, self._clock, self._db, self._config.limits
        self._recorder = Recorder(db, self._journal, self._mirror, self._cloud_time, self.place_id)
        unfinished, idle_s = Unfinished(db), limits.actor_idle_s
        again_s = limits.pin_again_s
        sessions = BoothSessions(self.roster, clock, asks_pin=config.asks_pin, idle_s=again_s)
        people = (self._recorder, self.roster, clock, sessions)
        self._shift = Shift(db, *people, idle_s=idle_s, unfinished=unfinished)
        self._drafts = DraftStore(db)
        known = KnownCars(db, days=limits.known_car_days)
        intake = (self._drafts, self._mirror, self._journal, self._recorder, known, self.now)
        self.room = FreeRoom(self._mirror, self.place_id)
        address = PublicAddress(db, config.cloud_url)
        self._intake = Intake(*intake, config, self.room, address)
        self._mirror.on_drop = self._intake.know_again
        proofs = Proofs(db, clock, tries=limits.code_tries, lock_s=limits.code_lock_s)
        self._handing_over = HandingOver(self._mirror, proofs, self._recorder, self.place_id)
        self._sightings = Sightings(self._mirror.roster, self.place_id, self.now)
        self._board = Board(self._mirror, self._sightings, self.place_id, self.role, limits)
        self._desk = TapDesk(
            self._mirror,
            self._shift,
            clock,
            Counter(
                open_draft=self._intake.open,
                fill_claim=self._intake.fill_claim,
                receive=lambda actor: self._intake.receive(actor, self.now(), CONSENT),
                has_draft=lambda: self._drafts.get() is not None,
                record=self._record,
                next_job=lambda person_id: self.floor.crew.next_job(person_id),
                hand_over=self._hand_over,
                see_key=lambda tag: self.floor.unknown_keys.see(tag),
                is_online=lambda: self.uplink.is_online,
                has_pin=lambda person_id: self.pins.has_pin(person_id),
                ask_pin=lambda person_id, badge: self.pins.ask(person_id, badge, self.on_screen),
            ),
            self.room,
            self._journal.latest,
            place_id=self.place_id,
            is_booth=self.role == BOOTH,
            repeat_s=limits.tap_repeat_s,
        )
        self.exchange = Exchange(
            db, self._journal, self._mirror, self._cloud_time, clock, self._lock, address
        )
        again = (self._lock, self._refresh)
        self.reception = ReceptionDesk(self._drafts, self._intake, self._shift, *again)
        self.pins = open_pins(config, db, self._mirror, self._shift, clock, *again, self.now)
        work = (self._mirror, self._recorder, self._shift, unfinished)
        self._hands = hands = Hands(*work, *again, self.place_id, self.now)
        self.tags = TagOffice(hands)
        self.photos = PhotoDesk(config, db, self._drafts, hands)
        self.disputes = Disputes(hands)
        box = TagBox(self._journal, unfinished)
        place = (config, clock, self.room, box, self._board, self.feed)
        self.floor = Floor(hands, *place, lambda: self.uplink.is_online, self.queue)
        self.card_errands = CardErrands()
        self.enrolment = Enrolment(
            self._mirror,
            self._recorder,
            self._shift,
            clock,
            self._lock,
            errands=self.card_errands,
            is_online=lambda: self.uplink.is_online,
            tell=self._tell,
        )

    def _note_start(self) -> None:
        started = NewEvent(events.STATION_STARTED, data={"version": agent_version()})
        try:
            self._recorder.record(lambda _work: started, None)
        except Refusal as refusal:
            # A full disk must not keep the screen dark: it is the screen that says so.
            _log.error("station.start_not_recorded", code=refusal.code)

    # Who and where.

    def now(self) -> datetime:
        """The best time known: the cloud's, carried on by the monotonic clock. Aware UTC."""
        return self._cloud_time.now()

    def place(self) -> Place | None:
        """Where this station stands; None until the cloud has told of it once."""
        return self._mirror.roster.places.get(self.place_id)

    def places(self) -> list[Place]:
        """Every place of the district, booths first, by name."""
        with self._lock:
            all_places = self._mirror.roster.places.values()
        return sorted(all_places, key=lambda place: (place.kind != BOOTH, place.name))

    def actor(self) -> Person | None:
        """Whose badge was tapped last; forgotten after a while without a touch."""
        with self._lock:
            return self._shift.actor()

    def sign_off(self) -> None:
        """End the actor's shift here."""
        with self._lock:
            self._shift.sign_off()
        self._refresh()

    # Taps.

    def is_enrolled(self, tag: str) -> bool:
        """Whether the tag is one of the district's; readers ask before they trust a lone read."""
        with self._lock:
            roster = self._mirror.roster
            return tag in roster.tags or roster.is_badge(tag) or bool(self._mirror.with_tag(tag))

    def on_arrival(self, arrival: Arrival) -> TapOutcome:
        """A tag came to a reader: do what it means and tell every screen. Success has been
        committed before this returns."""
        with self._lock:
            outcome = self._handle(arrival)
            if outcome.screen is not None:
                is_key = outcome.key == "tap.hand_over"
                self.on_screen = Focus(outcome.screen, outcome.visit_id, by_tag=is_key)
        self._tell(outcome)
        return outcome

    def on_departure(self, departure: Departure) -> None:
        """A tag left a reader; if it was never read for certain, ask for it again."""
        if not departure.confirmed and not is_hint(departure.tag):
            with self._lock:
                if self.enrolment.took(departure.tag):
                    return
            self.feed.publish(TapOutcome("warn", "tap.again").message())

    def _handle(self, arrival: Arrival) -> TapOutcome:
        screen = self.on_screen.screen
        if self.enrolment.wants(arrival, screen):
            return self.enrolment.take(arrival, screen)
        asked = self.floor.take(arrival, screen)
        if asked is not None:
            return asked
        if is_hint(arrival.tag):
            self._sightings.note(arrival)
            return TapOutcome(None)
        return self._desk.handle(arrival, self.on_screen)

    def _tell(self, outcome: TapOutcome) -> None:
        """What came of a tap, to every screen; one that was left meanwhile is not opened again."""
        if outcome.key is not None or outcome.screen is not None:
            is_left = outcome.screen == ENROLL and self.on_screen.screen != ENROLL
            self.feed.publish((replace(outcome, screen=None) if is_left else outcome).message())
        if outcome.event_type is not None:
            self._refresh()

    def focus(self, screen: str, visit_id: str | None = None) -> None:
        """Say which of `SCREENS` is open, because a tap may mean something to it."""
        assert screen in SCREENS, screen
        with self._lock:
            before = self.on_screen
            is_same = (before.screen, before.visit_id) == (screen, visit_id)
            self.on_screen = before if is_same else Focus(screen, visit_id)
            self._shift.touch()

    # Reception.

    def draft(self) -> Draft | None:
        """See `ReceptionDesk.draft`."""
        return self.reception.draft()

    def edit_draft(self, **fields: Unpack[DraftFields]) -> Draft:
        """See `ReceptionDesk.edit`."""
        return self.reception.edit(**fields)

    def receive(self, consent: str | None = None) -> Card:
        """The draft becomes a visit with a ticket code. See `Intake.receive`."""
        with self._hands.acting() as actor:
            return self.card(self._intake.receive(actor, self.now(), consent))

    # The visits.

    def queue(self) -> list[Card]:
        """What somebody here has to do something about, most urgent first."""
        with self._lock:
            return self._board.queue(self.now(), self._journal.acked_seq)

    def card(self, visit_id: str) -> Card:
        """One visit. Refusal `unknown_visit`."""
        with self._lock:
            return self._board.card(
                self._hands.visit(visit_id), self.now(), self._journal.acked_seq
            )

    def search(self, text: str) -> list[Card]:
        """Visits by a part of plate or code, wherever in the district the car is."""
        limit = self._config.limits.search_results
        with self._lock:
            return self._board.search(text, self.now(), self._journal.acked_seq, limit)

    def request_car(self, visit_id: str, booth_id: str, wanted_at: datetime | None = None) -> Card:
        """The driver wants the car at a booth, as soon as may be or at a time."""
        with self._hands.acting() as actor:
            booth = self._mirror.roster.places.get(booth_id)
            visit = self._hands.visit(visit_id)
            new = actions.request(visit, booth, wanted_at, self.now(), self.place_id)
            if new is not None:
                self._record(new, actor)
            return self.card(visit_id)

    def cancel_request(self, visit_id: str) -> Card:
        """The driver no longer wants the car for now."""
        with self._hands.acting() as actor:
            self._record(actions.cancel_request(self._hands.visit(visit_id)), actor)
            return self.card(visit_id)

    def take(self, visit_id: str, to_place_id: str | None = None) -> Card:
        """The actor drives the car off: to a chosen place, or where it has to go next.
        Refusal `no_request` where a lot has no reason to let it go."""
        with self._hands.acting() as actor:
            visit = self._hands.visit(visit_id)
            way = drive_from(self._mirror, visit, self.place_id, self.role, to_place_id, self.now())
            self._record(actions.take(visit, self.place_id, way), actor)
            return self.card(visit_id)

    def park(self, visit_id: str, stall: str | None = None) -> Card:
        """The car stands in this lot. Refusal `wrong_place` at a booth."""
        with self._hands.acting() as actor:
            if self.role != LOT:
                raise Refusal("wrong_place")
            visit = self._hands.visit(visit_id)
            self._record(actions.park(visit, stall, self.room.hook(visit)), actor)
            return self.card(visit_id)

    def ready(self, visit_id: str) -> Card:
        """The car waits at this booth's kerb. Refusal `wrong_place` at a lot."""
        with self._hands.acting() as actor:
            if self.role != BOOTH:
                raise Refusal("wrong_place")
            visit = self._hands.visit(visit_id)
            self._record(actions.ready(visit, self.room.hook(visit)), actor)
            return self.card(visit_id)

    def show_key(self, visit_id: str, label: str) -> Card:
        """The number on the key tag was typed for a hand-over. Refusal `wrong_key`."""
        with self._hands.acting():
            check_label(self._mirror.roster.label(self._hands.visit(visit_id).key_tag), label)
            self.on_screen = Focus("hand_over", visit_id, by_label=True)
            return self.card(visit_id)

    def hand_over(
        self,
        visit_id: str,
        proof: str,
        *,
        code: str | None = None,
        claim_tag: str | None = None,
        claim_url: str | None = None,
        reason: str | None = None,
    ) -> Card:
        """Give keys and car back against a proof (`states.PROOFS`) and what goes with it.
        Refusals: see `HandingOver.give`."""
        with self._hands.acting() as actor:
            shown = Proof(proof, code, claim_tag, reason, claim_url_of(claim_url))
            self._hand_over(self._hands.visit(visit_id), shown, actor)
            return self.card(visit_id)

    # How it is.

    def attach_readers(self, health: Callable[[], Iterable[ReaderHealth]]) -> None:
        """Say where the state of the readers can be asked."""
        self._vitals.readers = health

    def status(self) -> StationStatus:
        """How everything is. Never raises: it is asked for when things are broken."""
        return self._vitals.take()

    def tick(self) -> None:
        """Look after what changes by itself: a disk that has room again, an actor who left."""
        if self._db.storage != OK:
            self._db.probe()
        self.floor.tick()
        glance = (self.actor(), self._db.storage, self.uplink.is_online, self.uplink.problem)
        if glance != self._last_glance:
            self._last_glance = glance
            self._refresh()

    def sync_with(self, cloud: Cloud) -> Sync:
        """The loops that tie this station to a cloud; the caller starts and stops them."""
        limits = self._config.limits
        return Sync(
            self.exchange, cloud, self.uplink, limits, on_change=self._refresh, on_tick=self.tick
        )

    def close(self) -> None:
        """End the screens' subscriptions and let the database go. Stop the sync first."""
        self.enrolment.close()
        self.feed.close()
        self._db.close()

    def _refresh(self) -> None:
        self.feed.publish(ScreenMessage(REFRESH))

    def _record(self, new: NewEvent, actor: Person) -> None:
        self._hands.record(new, actor.id)

    def _hand_over(self, visit: Visit, proof: Proof, actor: Person) -> None:
        opened_by = self.on_screen.opened_by(visit.id)
        self._handing_over.give(visit, proof, actor, opened_by=opened_by, now=self.now())
