"""The protocol with one thing wrong: each must be caught, or the simulation is blind there.

A mutant changes the real code from outside for the length of one world. `broken` is the number of
the invariant of DESIGN section 9 that it breaks, or the phase that it fails in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import structlog

import reader_agent.sync
import schemas.visit_order
import server.ingest
import server.sending
import server.station_exchange
from reader_agent.exchange import Exchange
from reader_agent.journal import Journal
from reader_agent.mirror_store import MirrorStore
from reader_agent.recorder import Recorder
from reader_agent.station_db import Transaction
from schemas.events import Event
from schemas.ids import uuid7
from schemas.problems import Refusal
from schemas.visit import Fact
from server import guests, outbox, visits
from server.app import Services
from tests.simulation.seams import Seams
from tests.simulation.world import Scale, World

SCALE = Scale(
    night_s=1800.0,
    cars_per_hour=24.0,
    busy_s=1440.0,
    intensity=6.0,
    hold_s=120.0,
    news_s=1.0,
    tick_s=20.0,
    rest_s=0.5,
    contact_s=60,
    plan_s=300.0,
    http_every=0,
)
"""A short and dreadful night: enough happens in it within seconds."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is made wrong."""

    apply: Callable[[Seams, World], None]
    broken: tuple[int | str, ...]
    moods: tuple[str, ...] = ("cut", "weather", "kill_agent", "kill_cloud")
    """The faults in which it shows; the others stay away."""
    seed: int = 1
    factor: float = 3.0

    @property
    def scale(self) -> Scale:
        """The night in which it is looked for."""
        return replace(SCALE, moods=dict.fromkeys(self.moods, self.factor))


def _marks_on_send(seams: Seams, _world: World) -> None:
    """What was sent counts as acknowledged, before the cloud has said so."""
    real = Exchange.ask

    def ask(self: Exchange, **limits: Any) -> Any:
        asked = real(self, **limits)
        if asked.lines:
            with self._db.transaction() as work:
                self._journal._set_acked(work, asked.acked_seq + len(asked.lines))
        return asked

    seams.set(Exchange, "ask", ask)


def _marks_ahead(seams: Seams, _world: World) -> None:
    """The batch that leaves before the last answer is written down counts as acknowledged."""
    real = Exchange.ask_ahead

    def ask_ahead(self: Exchange, answer: Any, asked: Any, load: Any) -> Any:
        following = real(self, answer, asked, load)
        if following is not None:
            with self._db.transaction() as work:
                self._journal._set_acked(work, following.last_seq)
        return following

    seams.set(Exchange, "ask_ahead", ask_ahead)


def _answers_before_commit(seams: Seams, world: World) -> None:
    """The cloud answers first and commits half a second later."""
    module = server.station_exchange
    real = module._take_in

    def take_in(found: Services, *rest: Any) -> Any:
        if not rest[1].lines:
            return real(found, *rest)
        receipt: list[Any] = []

        def look(session: Any) -> None:
            receipt.append(server.ingest.ingest(session, found.config, found.key, rest[1], now()))
            raise _Undo

        try:
            found.database.write(look)
        except _Undo:
            world.hub.after(
                0.5,
                lambda: world.cloud.do(
                    "late commit",
                    lambda: found.database.write(
                        lambda session: server.ingest.ingest(
                            session, found.config, found.key, rest[1], now()
                        )
                    ),
                ),
            )
        return receipt[0]

    from server.clock import now

    seams.set(module, "_take_in", take_in)


def _no_dedupe(seams: Seams, _world: World) -> None:
    """An event that comes again is taken in again."""
    real = server.ingest._see_again

    def see_again(intake: Any, line: Any, seq: int) -> None:
        if line.event is None or intake.known.get(seq) != line.raw:
            real(intake, line, seq)
            return
        intake.journal.head_seq += 1
        row = server.ingest._row(intake, line.event, line.raw)
        row.seq, row.event_id = intake.journal.head_seq, uuid7(intake.now)
        intake.rows.append(row)

    seams.set(server.ingest, "_see_again", see_again)


def _sequence_from_the_clock(seams: Seams, _world: World) -> None:
    """An event's number is the second in which it happened."""
    real = Journal._next

    def number(self: Journal, work: Transaction) -> tuple[int, str]:
        seq, prev = real(self, work)
        return max(seq, self._clock.mono_ns() // 10**9 - 900), prev

    seams.set(Journal, "_next", number)


def _never_retries(seams: Seams, _world: World) -> None:
    """After a failure nothing is sent until the next tap."""

    def sit_out(self: Any, _error: Exception) -> None:
        self._rest(self._exchange.appended, 10.0**6)

    seams.set(reader_agent.sync.Sync, "_sit_out", sit_out)


def _outbox_in_memory(seams: Seams, world: World) -> None:
    """A message is written down by itself, a little later."""
    real = outbox.enqueue

    def enqueue(_session: Any, *message: Any) -> None:
        world.hub.after(
            1.0,
            lambda: world.cloud.do(
                "late message",
                lambda: world.cloud.database.write(lambda session: real(session, *message)),
            ),
        )

    seams.set(outbox, "enqueue", enqueue)


def _message_before_its_cause(seams: Seams, world: World) -> None:
    """A message goes out while its cause can still be rolled back."""
    real = outbox.enqueue

    def enqueue(session: Any, notices: Any, now: Any) -> None:
        real(session, notices, now)
        if notices:
            world.cloud.carrier.before_send(uuid7(now), "+50769990001")

    seams.set(outbox, "enqueue", enqueue)


def _sent_again_after_unknown(seams: Seams, _world: World) -> None:
    """Nobody knows whether it went out, so it is sent again."""
    real = server.sending._ending

    def ending(config: Any, letter: Any, outcome: Any, now: Any) -> dict[str, object]:
        values = real(config, letter, outcome, now)
        if values["status"] != "unknown":
            return values
        again = now + timedelta(seconds=20)
        return {"status": "queued", "not_before": again, "claimed_by": None, "fault": None}

    seams.set(server.sending, "_ending", ending)


def _lease_sends_again(seams: Seams, _world: World) -> None:
    """A worker that died with a message at hand has the next one send it."""
    real = server.sending._changed

    def changed(session: Any, where: Any, values: dict[str, object]) -> int:
        if values.get("fault") == "lease_ran_out":
            values = {**values, "status": "queued", "claimed_by": None}
        return real(session, where, values)

    seams.set(server.sending, "_changed", changed)


def _refused_blocks(seams: Seams, _world: World) -> None:
    """One line that cannot be read turns the whole batch away."""
    real = server.ingest._take_next

    def take_next(intake: Any, line: Any, seq: int) -> None:
        if line.fault is not None:
            raise Refusal("bad_request")
        real(intake, line, seq)

    seams.set(server.ingest, "_take_next", take_next)


def _refused_is_dropped(seams: Seams, _world: World) -> None:
    """One line that cannot be read is acknowledged, and gone."""
    seams.set(server.ingest, "_quarantine", lambda *_arguments: None)


def _cursor_before_apply(seams: Seams, _world: World) -> None:
    """The station notes that it has the news, and takes them over after that."""

    def apply(self: Exchange, answer: Any, asked: Any) -> bool:
        cursor, changes = answer["cursor"], answer["changes"]
        if not answer["from_cursor"] == asked.cursor == self._mirror.cursor or cursor is None:
            return False
        with self._db.transaction() as work:
            MirrorStore(self._db).put_cursor(work, cursor)
        with self._db.transaction() as work:
            self._mirror.apply(work, changes, cursor)
        return bool(changes)

    seams.set(Exchange, "_apply", apply)


def _mirror_after_event(seams: Seams, _world: World) -> None:
    """The journal and the mirror are written one after the other."""

    def record(self: Recorder, build: Any, actor_id: Any, also: Any = None) -> Event:
        with self._db.transaction() as work:
            event = self._journal.append(work, build(work), actor=actor_id, place_id=self._place_id)
            if also is not None:
                also(work, event)
        if event.visit_id is not None:
            with self._db.transaction() as work:
                fact = Fact(self._journal.journal_id, event, self._cloud_time.now())
                self._mirror.record(work, fact)
        return event

    seams.set(Recorder, "record", record)


def _beeps_on_a_full_card(seams: Seams, _world: World) -> None:
    """A card that is full is nobody's business: the reader beeps."""
    real = Recorder.record

    def record(self: Recorder, build: Any, actor_id: Any, also: Any = None) -> Any:
        try:
            return real(self, build, actor_id, also)
        except Refusal as refusal:
            if refusal.code != "storage_full":
                raise
            return SimpleNamespace(type="shift.signed_on")

    seams.set(Recorder, "record", record)


def _folds_as_it_comes(seams: Seams, _world: World) -> None:
    """A visit is folded in the order in which its events were read."""
    seams.set(schemas.visit_order, "order_key", lambda _fact: 0)


def _shared_tag_unseen(seams: Seams, _world: World) -> None:
    """Two open visits may have one tag, and nobody is told."""
    real = visits._settle_tags

    def settle(session: Any, result: Any, *rest: Any) -> Any:
        freed = real(session, result, *rest)
        for change in result.changes:
            change.row["tag_shared"] = not change.row["is_open"]
        return freed

    seams.set(visits, "_settle_tags", settle)


def _fork_unnoticed(seams: Seams, _world: World) -> None:
    """A journal of which the cloud has other events is used on as if nothing were."""
    seams.set(Journal, "_note_overtaken", lambda _self, _work, _cloud_seq: None)


def _plate_in_the_log(seams: Seams, _world: World) -> None:
    """Somebody was curious."""
    real = guests.store
    log = structlog.get_logger()

    def store(session: Any, key: Any, records: Any, now: Any) -> None:
        real(session, key, records, now)
        for guest in records:
            log.info("guest_stored", plate=guest.plate)

    seams.set(guests, "store", store)


MUTANTS: Mapping[str, Mutant] = {
    "marks on send": Mutant(_marks_on_send, (1,)),
    "marks ahead": Mutant(_marks_ahead, (1,)),
    "answers before commit": Mutant(_answers_before_commit, (1,)),
    "no dedupe": Mutant(_no_dedupe, (1, 2)),
    "sequence from the clock": Mutant(_sequence_from_the_clock, (2, "liveness")),
    "never retries": Mutant(_never_retries, ("liveness",), ("cut",)),
    "outbox in memory": Mutant(_outbox_in_memory, (5,)),
    "message before its cause": Mutant(_message_before_its_cause, (5,)),
    "sent again after unknown": Mutant(_sent_again_after_unknown, (5,), ("carrier",), seed=2),
    "lease sends again": Mutant(_lease_sends_again, (5,), ("kill_worker",)),
    "refused blocks": Mutant(_refused_blocks, ("liveness",), ("foreign",)),
    "refused is dropped": Mutant(_refused_is_dropped, (1, 2), ("foreign",)),
    "cursor before apply": Mutant(_cursor_before_apply, ("agreement",), ("kill_agent",)),
    "mirror after event": Mutant(_mirror_after_event, (4,), ("kill_agent",), factor=20.0),
    "beeps on a full card": Mutant(_beeps_on_a_full_card, (1,), ("disk_full",)),
    "folds as it comes": Mutant(_folds_as_it_comes, (4, 6)),
    "shared tag unseen": Mutant(_shared_tag_unseen, (3, "none"), ("cut",), seed=2),
    "fork unnoticed": Mutant(_fork_unnoticed, ("agreement",), ("image",), factor=20.0),
    "plate in the log": Mutant(_plate_in_the_log, (7,)),
}


class _Undo(Exception):
    """Ends a transaction without keeping what it did."""
