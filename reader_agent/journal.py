"""The station's journal: every event it ever recorded, in order, chained by hash.

`seq` is dense because it is assigned in the transaction that stores
the event. Nothing is evicted and nothing is deleted; what the cloud has acknowledged stays here
too, so that a cloud that lost something can ask for it again.

A journal can be *overtaken*: the card was put back to an old copy, or copied to a second station,
and the cloud has other events at its numbers. It is sent to its end, so that the cloud answers
for each of its lines, and then renewed: see `renew`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog

from reader_agent.clock import Clock
from reader_agent.guests import Guests
from reader_agent.station_db import StationDB, StationDBError, Transaction
from schemas import chain, events, sync
from schemas.events import WIRE_VERSION, Event, read_event, restore_event
from schemas.ids import uuid7
from schemas.plain_events import plain_event
from schemas.problems import Refusal

_LATEST: Final = 100
"""More than this is never recorded in the seconds that matter to a repeated tap."""
_OLD_TABLE: Final = "old_event_"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact about to be recorded. `data` is JSON-ready (times as ISO text)."""

    type: str
    visit_id: str | None = None
    step: int = 0
    data: Mapping[str, Any] | None = None


class Journal:
    """The chain in `station_db`. `acked_seq`: the cloud has everything up to here.

    `appended` is set after each commit that appended; whoever sends clears it. `is_overtaken`:
    the cloud has other events of this journal, so it is to be renewed. `set_aside`: the ids of
    the journals that were, oldest first.
    """

    def __init__(self, db: StationDB, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.guests = Guests(db)
        self.appended = threading.Event()
        self.journal_id = self._create_or_read_id()
        self.acked_seq = int(self._meta("acked_seq") or 0)
        self.is_overtaken = self._meta("overtaken_by") is not None
        self.set_aside = self._set_aside()
        self._head_seq = self._read_head()
        self._has_wiped = False

    def append(
        self,
        work: Transaction,
        new: NewEvent,
        *,
        actor: str | None,
        place_id: str,
        agrees: Callable[[datetime], bool] = lambda _wall: True,
    ) -> Event:
        """Write the next event of the chain as part of `work`.

        `agrees` says whether a wall time is that of the cloud. One that is not is recorded as not
        set: a clock that stepped says of itself that it is right.
        """
        seq, prev = self._next(work)
        wall = self._clock.wall()
        body = {
            "v": WIRE_VERSION,
            "id": uuid7(wall),
            "type": new.type,
            "seq": seq,
            "prev": prev,
            "boot_id": self._clock.boot_id(),
            "mono_ns": self._clock.mono_ns(),
            "wall": wall.astimezone(UTC).isoformat(),
            "wall_synced": self._clock.wall_synced() and agrees(wall),
            "actor": actor,
            "place_id": place_id,
            "visit_id": new.visit_id,
            "step": new.step,
            "data": dict(new.data or {}),
        }
        event = plain_event(body) or read_event(body)
        self._write(work, body)
        return event

    def pending(
        self, limit_events: int, limit_bytes: int, after_seq: int | None = None
    ) -> list[tuple[int, bytes]]:
        """The next unacknowledged `(seq, line)` in order, or the next after `after_seq`, within
        both limits; the first one always, because an event that is alone too large must still get
        its verdict."""
        batch: list[tuple[int, bytes]] = []
        size = 0
        for seq, line in self._db.rows(
            "SELECT seq, line FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            (self.acked_seq if after_seq is None else after_seq, limit_events),
        ):
            size += len(line) + 1
            if batch and size > limit_bytes:
                break
            batch.append((seq, line))
        return batch

    def settle(self, ack_seq: int, verdicts: Iterable[Mapping[str, Any]], now: datetime) -> None:
        """Take over the cloud's word on everything up to `ack_seq`, all of which it was sent; an
        older word changes nothing.

        `verdicts` are loaded `VerdictSchema`s. Phones of what the cloud now has are wiped, except
        those of refused events: a person will need them. Raises `Refusal`.
        """
        with self._db.transaction() as work:
            for verdict in verdicts:
                _note_verdict(work, verdict, now)
                if verdict.get("code") == sync.FORKED:
                    self._note_overtaken(work, verdict["seq"] or 0)
            if ack_seq > self.acked_seq:
                self._set_acked(work, ack_seq)
                self._has_wiped |= self.guests.wipe(work, ack_seq)
        if self._has_wiped and self.depth() == 0:
            # Once for a whole catch-up: it writes far more than what was settled.
            self._db.forget_log()
            self._has_wiped = False

    def go_back(self, expected_seq: int) -> None:
        """Send again from `expected_seq` on. Raises `Refusal`."""
        with self._db.transaction() as work:
            self._set_acked(work, min(max(0, expected_seq - 1), self._head_seq))
        self.appended.set()

    def compare_head(self, cloud_seq: int) -> None:
        """Notice a cloud that has events of this journal which the journal itself has not."""
        if cloud_seq > self._head_seq:
            with self._db.transaction() as work:
                self._note_overtaken(work, cloud_seq)

    def renew(self, work: Transaction) -> tuple[str, list[Event]]:
        """Begin anew under another id, and record again, first of all, what the cloud has not
        taken in because it has other events at those numbers. The id and these events.

        They are the same facts with the same ids and times, so none can count twice. The journal
        that was stays in the file as it is. Only when everything is sent.
        """
        forked = work.execute(
            "SELECT line FROM event WHERE verdict = 'refused' AND code = ? ORDER BY seq",
            (sync.FORKED,),
        ).fetchall()
        journal_id = uuid7(self._clock.wall())
        _put_table_aside(work, self.journal_id)
        self.guests.put_aside(work)
        work.execute("DELETE FROM meta WHERE key IN ('journal_id', 'acked_seq', 'overtaken_by')")
        work.execute("INSERT INTO meta VALUES ('journal_id', ?)", (journal_id,))
        work.after_commit(partial(self._renewed, journal_id))
        again, prev = [], chain.genesis(journal_id)
        for seq, row in enumerate(forked, start=1):
            body = chain.unseal(row["line"])[0] | {"seq": seq, "prev": prev}
            prev = self._write(work, body)
            event = restore_event(body)
            if event.type == events.VISIT_RECEIVED:
                self.guests.move(work, event.data["guest"]["ref"], seq)
            again.append(event)
        return journal_id, again

    def records(self, first_seq: int, last_seq: int) -> list[dict[str, str | None]]:
        """The guest records of the events of a batch that are not yet wiped, as they travel."""
        return self.guests.between(first_seq, last_seq)

    def head_seq(self) -> int:
        """The last event's number; 0 in an empty journal."""
        return self._head_seq

    def depth(self) -> int:
        """How many events the cloud does not have."""
        return self.head_seq() - self.acked_seq

    def refused_count(self) -> int:
        """How many events the cloud refused; they are kept on both sides for a person."""
        (row,) = self._db.rows("SELECT count(*) AS n FROM event WHERE verdict = 'refused'")
        return int(row["n"])

    def oldest_unsent_age_s(self) -> int | None:
        """Seconds since the oldest unsent event; by the wall clock if it is of an earlier boot."""
        rows = self._db.rows(
            "SELECT boot_id, mono_ns, wall FROM event WHERE seq > ? ORDER BY seq LIMIT 1",
            (self.acked_seq,),
        )
        if not rows:
            return None
        row = rows[0]
        if row["boot_id"] == self._clock.boot_id():
            return int((self._clock.mono_ns() - row["mono_ns"]) // 1_000_000_000)
        age = self._clock.wall() - datetime.fromisoformat(row["wall"])
        return max(0, int(age.total_seconds()))

    def latest(self, since_mono_ns: int) -> Iterator[Event]:
        """What was recorded in this boot at or after a moment of its clock, the last one first."""
        rows = self._db.rows(
            "SELECT line FROM event WHERE seq > ? AND boot_id = ? AND mono_ns >= ?"
            " ORDER BY seq DESC",
            (self._head_seq - _LATEST, self._clock.boot_id(), since_mono_ns),
        )
        for row in rows:
            with suppress(chain.ChainError):
                yield restore_event(chain.unseal(row["line"])[0])

    def lines(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Every event as it is stored, from the first one behind the number `after`."""
        while rows := self._db.rows(
            "SELECT seq, line FROM event WHERE seq > ? ORDER BY seq LIMIT 500", (after,)
        ):
            for row in rows:
                yield row["seq"], row["line"]
            after = rows[-1]["seq"]

    def check_chain(self) -> int:
        """Walk the whole chain; the number of events in it. Raises `schemas.chain.ChainError`
        at a line that was changed and at one that does not follow the line before it."""
        prev, count = chain.genesis(self.journal_id), 0
        for seq, line in self.lines():
            body, digest = chain.unseal(line)
            if seq != count + 1 or body["seq"] != seq or body["prev"] != prev:
                raise chain.ChainError("bad_hash")
            prev, count = digest, count + 1
        return count

    def _next(self, work: Transaction) -> tuple[int, str]:
        row = work.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        if row is None:
            return 1, chain.genesis(self.journal_id)
        return row["seq"] + 1, row["hash"]

    def _set_acked(self, work: Transaction, seq: int) -> None:
        work.execute("INSERT OR REPLACE INTO meta VALUES ('acked_seq', ?)", (seq,))

        def remember() -> None:
            self.acked_seq = seq

        work.after_commit(remember)

    def _write(self, work: Transaction, body: dict[str, Any]) -> str:
        """Seal and store a checked body; its hash."""
        line, digest = chain.seal(body)
        work.execute(
            "INSERT INTO event (seq, id, visit_id, line, hash, boot_id, mono_ns, wall)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                body["seq"],
                body["id"],
                body["visit_id"],
                line,
                digest,
                body["boot_id"],
                body["mono_ns"],
                body["wall"],
            ),
        )
        work.after_commit(partial(self._appended, body["seq"]))
        return digest

    def _appended(self, seq: int) -> None:
        self._head_seq = seq
        self.appended.set()

    def _renewed(self, journal_id: str) -> None:
        self.set_aside = (*self.set_aside, self.journal_id)
        self.journal_id = journal_id
        self.acked_seq = self._head_seq = 0
        self.is_overtaken = False
        _log.critical("journal.renewed", journal=journal_id, set_aside=self.set_aside[-1])

    def _note_overtaken(self, work: Transaction, cloud_seq: int) -> None:
        if self.is_overtaken:
            return
        work.execute("INSERT OR REPLACE INTO meta VALUES ('overtaken_by', ?)", (cloud_seq,))

        def remember() -> None:
            if not self.is_overtaken:
                self.is_overtaken = True
                _log.critical("journal.forked", journal=self.journal_id, cloud_seq=cloud_seq)

        work.after_commit(remember)

    def _set_aside(self) -> tuple[str, ...]:
        rows = self._db.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ? ORDER BY rowid",
            (_OLD_TABLE + "*",),
        )
        return tuple(row["name"].removeprefix(_OLD_TABLE) for row in rows)

    def _read_head(self) -> int:
        (row,) = self._db.rows("SELECT coalesce(max(seq), 0) AS head FROM event")
        return int(row["head"])

    def _meta(self, key: str) -> str | int | None:
        rows = self._db.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return rows[0]["value"] if rows else None

    def _create_or_read_id(self) -> str:
        known = self._meta("journal_id")
        if known is not None:
            return str(known)
        journal_id = uuid7(self._clock.wall())
        try:
            with self._db.transaction() as work:
                work.execute("INSERT INTO meta VALUES ('journal_id', ?)", (journal_id,))
        except Refusal as refusal:
            # Without a name there is no journal to refuse anything.
            raise StationDBError("unreadable", f"{self._db.path}: {refusal.code}") from refusal
        return journal_id


def _put_table_aside(work: Transaction, journal_id: str) -> None:
    """The events of a journal under their own table's name, and an empty table in their place;
    however long the journal is, nothing of it is copied."""
    made = work.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = 'event' AND sql IS NOT NULL"
    ).fetchall()
    for row in made:
        if row["type"] == "index":
            work.execute(f'DROP INDEX "{row["name"]}"')
    work.execute(f'ALTER TABLE event RENAME TO "{_OLD_TABLE}{journal_id}"')
    for row in made:
        work.execute(row["sql"])


def _note_verdict(work: Transaction, verdict: Mapping[str, Any], now: datetime) -> None:
    if verdict["seq"] is None or verdict["verdict"] == sync.ACCEPTED:
        return
    # "Seen before" says nothing new about an event that was held or refused the first time.
    work.execute(
        "UPDATE event SET verdict = ?, code = ?, detail = ?, settled_at = ?"
        " WHERE seq = ? AND (verdict IS NULL OR ? != ?)",
        (
            verdict["verdict"],
            verdict.get("code"),
            verdict.get("detail"),
            now.isoformat(),
            verdict["seq"],
            verdict["verdict"],
            sync.DUPLICATE,
        ),
    )
