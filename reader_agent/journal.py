"""The station's journal: every event it ever recorded, in order, chained by hash.

`seq` is dense because it is assigned in the transaction that stores
the event. Nothing is evicted and nothing is deleted; what the cloud has acknowledged stays here
too, so that a cloud that lost something can ask for it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reader_agent.clock import Clock
from reader_agent.guests import Guests
from reader_agent.station_db import StationDB, StationDBError, Transaction
from schemas import chain, sync
from schemas.events import WIRE_VERSION, Event, read_event
from schemas.guest import Guest
from schemas.ids import uuid7
from schemas.problems import Refusal


class JournalAhead(Exception):
    """The cloud has events of this journal that the journal itself does not have: the card was
    restored from an old copy, or copied to a second station."""

    def __init__(self, cloud_seq: int, head_seq: int) -> None:
        super().__init__(f"the cloud has seq {cloud_seq}, this journal ends at {head_seq}")
        self.cloud_seq = cloud_seq
        self.head_seq = head_seq


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
    the cloud was once found ahead of this journal, and a person has to look before it is sent.
    """

    def __init__(self, db: StationDB, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.guests = Guests(db)
        self.appended = threading.Event()
        self.journal_id = self._create_or_read_id()
        self.acked_seq = int(self._meta("acked_seq") or 0)
        self.is_overtaken = self._meta("overtaken_by") is not None

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
        event = read_event(body)
        line, digest = chain.seal(body)
        work.execute(
            "INSERT INTO event (seq, id, visit_id, line, hash, boot_id, mono_ns, wall)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (seq, event.id, new.visit_id, line, digest, *_times(body)),
        )
        work.after_commit(self.appended.set)
        return event

    def pending(self, limit_events: int, limit_bytes: int) -> list[tuple[int, bytes]]:
        """The next unacknowledged `(seq, line)` in order, within both limits; the first one
        always, because an event that is alone too large must still get its verdict."""
        batch: list[tuple[int, bytes]] = []
        size = 0
        for row in self._db.rows(
            "SELECT seq, line FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
            (self.acked_seq, limit_events),
        ):
            size += len(row["line"]) + 1
            if batch and size > limit_bytes:
                break
            batch.append((row["seq"], row["line"]))
        return batch

    def settle(self, ack_seq: int, verdicts: Iterable[Mapping[str, Any]], now: datetime) -> None:
        """Take over the cloud's word on everything up to `ack_seq`; an older word changes nothing.

        `verdicts` are loaded `VerdictSchema`s. Phones of what the cloud now has are wiped, except
        those of refused events: a person will need them. Raises `JournalAhead` and `Refusal`.
        """
        self._check_not_ahead(ack_seq)
        has_wiped = False
        with self._db.transaction() as work:
            for verdict in verdicts:
                _note_verdict(work, verdict, now)
            if ack_seq > self.acked_seq:
                self._set_acked(work, ack_seq)
                has_wiped = self.guests.wipe(work, ack_seq)
        if has_wiped:
            self._db.forget_log()

    def go_back(self, expected_seq: int) -> None:
        """Send again from `expected_seq` on. Raises `JournalAhead` and `Refusal`."""
        self._check_not_ahead(expected_seq - 1)
        with self._db.transaction() as work:
            self._set_acked(work, max(0, expected_seq - 1))
        self.appended.set()

    def records(self, first_seq: int, last_seq: int) -> list[Guest]:
        """The guest records that belong to the events of a batch and are not yet wiped."""
        return self.guests.between(first_seq, last_seq)

    def head_seq(self) -> int:
        """The last event's number; 0 in an empty journal."""
        (row,) = self._db.rows("SELECT coalesce(max(seq), 0) AS head FROM event")
        return int(row["head"])

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

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every event as it is stored, from the first; for export and for checking."""
        after = 0
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

    def _check_not_ahead(self, cloud_seq: int) -> None:
        head = self.head_seq()
        if cloud_seq <= head:
            return
        with self._db.transaction() as work:
            work.execute("INSERT OR REPLACE INTO meta VALUES ('overtaken_by', ?)", (cloud_seq,))
        self.is_overtaken = True
        raise JournalAhead(cloud_seq, head)

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


def _times(body: Mapping[str, Any]) -> tuple[str, int, str]:
    return body["boot_id"], body["mono_ns"], body["wall"]


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
