"""The district as this station knows it: open visits, places, people and tags, all in memory.

It is what lets a booth that is cut off still receive, request and hand over. A visit is the fold
of its events: the cloud's, which came with the changes, and this station's own, which the cloud
may not have yet. Guarded by the station's lock: writes happen in a transaction, and memory
follows only after the commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from marshmallow import ValidationError

from reader_agent import roster
from reader_agent.guests import Guests
from reader_agent.mirror_store import MirrorStore
from reader_agent.roster import Roster
from reader_agent.station_db import StationDB, Transaction
from reader_agent.tag_facts import TAG_TYPES, TagFact, fact_of
from reader_agent.terms import Terms, check_terms, terms_of
from schemas import events, sync
from schemas.events import Event, EventError, read_event
from schemas.plain_events import plain_event
from schemas.visit import Fact, Visit, fold
from schemas.visit_order import BESIDE_THE_CAR, standing

_log = structlog.get_logger(__name__)
_NOT_UNDERSTOOD = (ValidationError, EventError, KeyError, TypeError, ValueError)


class Mirror:
    """Loads everything at once; afterwards all questions are answered from memory.

    `cursor` is where the cloud's changes were last read up to. `on_drop` is told the plate and the
    reception of every visit that is forgotten.
    """

    def __init__(self, db: StationDB, guests: Guests, journal_id: str) -> None:
        self._store = MirrorStore(db)
        self._guests = guests
        self._journal_id = journal_id
        self.roster = Roster()
        self.cursor = self._store.cursor()
        self._facts: defaultdict[str, dict[str, Fact]] = defaultdict(dict)
        self._visits: dict[str, Visit] = {}
        self._by_tag: defaultdict[str, set[str]] = defaultdict(set)
        self._terms: dict[str, Terms] = {}
        self._closed: set[str] = set()
        self._last_own_seq: dict[str, int] = {}
        self._own_guests = guests.known()
        self.on_drop: Callable[[Transaction, str, Fact], None] = lambda *_: None
        self._on_pin: Callable[[Transaction, str, object], None] = lambda *_: None
        self._load()

    def hear_pins(
        self, tell: Callable[[Transaction, str, object], None], *, is_damaged: bool
    ) -> None:
        """Give `tell` what the cloud says of a person's PIN, which lies in no document here.
        `is_damaged`: some of it was lost, so the cloud has to tell all of it once more."""
        self._on_pin = tell
        if is_damaged:
            self.cursor = 0

    def visits(self) -> list[Visit]:
        """Every open visit."""
        return [visit for visit in self._visits.values() if visit.is_open]

    def visit(self, visit_id: str) -> Visit | None:
        """The visit of this id; one that has just closed is still known for a while."""
        return self._visits.get(visit_id)

    def terms(self, visit_id: str) -> Terms | None:
        """What the cloud says of the visit; None while it has said nothing."""
        return self._terms.get(visit_id)

    def facts(self, visit_id: str) -> list[Fact]:
        """Everything that is known to have happened to the visit and was not taken back, as it
        is folded."""
        return standing(self._facts.get(visit_id, {}).values())

    def last_moved(self, visit_id: str) -> Fact:
        """What moved the car or its key last."""
        return next(
            fact for fact in reversed(self.facts(visit_id)) if fact.event.type not in BESIDE_THE_CAR
        )

    def is_tag_shared(self, visit_id: str) -> bool:
        """Whether the cloud says that another open visit has the same tag."""
        terms = self._terms.get(visit_id)
        return terms is not None and terms.tag_shared

    def plate(self, visit_id: str) -> str:
        """The plate; empty where it is not known here (a visit that came without its terms)."""
        terms, guest = self._terms.get(visit_id), self._own_guests.get(visit_id)
        return (terms.plate if terms else "") or (guest.plate if guest else "")

    def has_phone(self, visit_id: str) -> bool:
        """Whether the driver gets text messages."""
        terms, guest = self._terms.get(visit_id), self._own_guests.get(visit_id)
        return terms.has_phone if terms else bool(guest and guest.has_phone)

    def since(self, visit_id: str) -> datetime:
        """When the car or its key was last moved."""
        return self.last_moved(visit_id).at

    def with_tag(self, tag_id: str) -> list[Visit]:
        """The open visits that have this key or claim tag: none, one, or (two booths that were
        cut off from each other) more."""
        return [self._visits[visit_id] for visit_id in sorted(self._by_tag.get(tag_id, ()))]

    def is_unsent(self, visit_id: str, acked_seq: int) -> bool:
        """Whether the cloud lacks something that this station recorded of the visit."""
        return self._last_own_seq.get(visit_id, 0) > acked_seq

    def record(self, work: Transaction, fact: Fact) -> None:
        """Add an event of this station's own journal."""
        self._store.put_fact(work, fact)
        work.after_commit(partial(self._add, [fact]))

    def record_tag(self, work: Transaction, fact: TagFact) -> None:
        """Add what this station did to a tag: true here at once, see `tag_facts`."""
        self._store.put_tag_fact(work, fact)
        work.after_commit(partial(self.roster.add_own, fact))

    def begin_anew(
        self, work: Transaction, journal_id: str, again: Iterable[Event], now: datetime
    ) -> None:
        """This station's journal is `journal_id` from now on; `again` are its first events."""

        def remember() -> None:
            self._journal_id = journal_id
            self._last_own_seq.clear()

        work.after_commit(remember)
        for event in again:
            if event.visit_id is not None:
                known = self._facts[event.visit_id].get(event.id)
                self.record(work, Fact(journal_id, event, known.at if known else now))
            elif event.type in TAG_TYPES:
                self.record_tag(work, fact_of(event))

    def own_tag_facts(self, ack_seq: int, refused: Collection[int]) -> list[int]:
        """The numbers of what this station did to tags up to `ack_seq`, or is among `refused`."""
        return self.roster.own_among(ack_seq, refused)

    def forget_tag_facts(self, work: Transaction, seqs: Collection[int]) -> None:
        """The cloud has answered these: what it tells of their tags is true from now on."""
        self._store.drop_tag_facts(work, seqs)
        work.after_commit(partial(self.roster.drop_own, seqs))

    def learn_guests(self, work: Transaction) -> None:
        """A guest record is being stored in `work`: know it afterwards."""

        def remember() -> None:
            self._own_guests = self._guests.known()

        work.after_commit(remember)

    def apply(
        self,
        work: Transaction,
        changes: Iterable[Mapping[str, Any]],
        cursor: int,
        acked_seq: int = -1,
    ) -> None:
        """Take over loaded `ChangeSchema`s. One that cannot be understood is logged and passed
        over: it must not stop those behind it.

        A visit that has closed is dropped at once, unless this station has something of it that
        the cloud, which has everything up to `acked_seq`, has not.
        """
        facts: list[Fact] = []
        gone: list[str] = []
        for change in changes:
            try:
                if change["kind"] == sync.CHANGE_EVENT:
                    facts += self._read_fact(work, change["body"])
                elif change["kind"] == sync.CHANGE_VISIT:
                    gone += self._read_terms(work, change, acked_seq)
                else:
                    self._read_doc(work, change)
            except _NOT_UNDERSTOOD as error:
                kind, error_name = change["kind"], type(error).__name__
                _log.error("change.passed_over", kind=kind, id=change["id"], error=error_name)
        self._store.put_cursor(work, cursor)
        work.after_commit(partial(self._applied, facts, cursor))
        if gone:
            self.drop(work, gone)

    def closed(self, acked_seq: int) -> list[str]:
        """The visits that nobody here needs any more: closed in the cloud, and nothing that this
        station did to them is still unsent."""
        return [visit_id for visit_id in self._closed if not self.is_unsent(visit_id, acked_seq)]

    def drop(self, work: Transaction, visit_ids: Iterable[str]) -> None:
        """Forget these visits."""
        gone = tuple(visit_ids)
        for visit_id in gone:
            for fact in self._facts.get(visit_id, {}).values():
                if fact.event.type == events.VISIT_RECEIVED:
                    self.on_drop(work, self.plate(visit_id), fact)
        self._store.drop_visits(work, gone)
        self._guests.drop(work, gone)
        work.after_commit(partial(self._dropped, gone))

    def _load(self) -> None:
        for kind in roster.KINDS:
            list(self._store.docs(kind, partial(self.roster.put, kind)))
        for tag_fact in self._store.tag_facts():
            self.roster.add_own(tag_fact)
        for doc_id, terms in self._store.docs(sync.CHANGE_VISIT, terms_of):
            self._set_terms(doc_id, terms)
        by_visit: defaultdict[str | None, list[Fact]] = defaultdict(list)
        for fact in self._store.facts():
            by_visit[fact.event.visit_id].append(fact)
        damaged = self._store.damaged
        for visit_id, facts in by_visit.items():
            try:
                self._add(facts)
            except _NOT_UNDERSTOOD as error:
                damaged += 1
                self._facts.pop(str(visit_id), None)
                _log.error("mirror.visit_damaged", id=visit_id, error=type(error).__name__)
        if damaged:
            # The cloud tells all of it once more, and each row is written over.
            self.cursor = 0

    def _read_fact(self, work: Transaction, body: Mapping[str, Any]) -> list[Fact]:
        said, journal_id = body["event"], str(body["journal_id"])
        at = datetime.fromisoformat(body["at"])
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        known = self._known(said, journal_id)
        if known is not None:
            if at == known.at:
                return []
            self._store.put_time(work, known.event.id, at)
            return [Fact(journal_id, known.event, at)]
        event = plain_event(said) or read_event(said)
        if event.type not in events.VISIT_TYPES:
            return []
        fact = Fact(journal_id, event, at)
        self._store.put_fact(work, fact)
        return [fact]

    def _known(self, said: Mapping[str, Any], journal_id: str) -> Fact | None:
        """The fact that is here already: this station's own, which the cloud tells of again."""
        facts = self._facts.get(said["visit_id"])
        known = facts.get(said["id"]) if facts is not None else None
        return known if known is not None and known.journal_id == journal_id else None

    def _read_terms(
        self, work: Transaction, change: Mapping[str, Any], acked_seq: int
    ) -> list[str]:
        """Store what the cloud says of a visit; its id instead where it can be dropped."""
        visit_id, doc = change["id"], check_terms(change["body"])
        if not doc["is_open"] and not self.is_unsent(visit_id, acked_seq):
            return [visit_id]
        self._store.put_doc(work, sync.CHANGE_VISIT, visit_id, doc)
        work.after_commit(partial(self._set_terms, visit_id, terms_of(doc)))
        return []

    def _set_terms(self, visit_id: str, terms: Terms) -> None:
        self._terms[visit_id] = terms
        if terms.is_open:
            self._closed.discard(visit_id)
        else:
            self._closed.add(visit_id)

    def _read_doc(self, work: Transaction, change: Mapping[str, Any]) -> None:
        doc = roster.check(change["kind"], change["body"])
        self._store.put_doc(work, change["kind"], change["id"], doc)
        work.after_commit(partial(self.roster.put, change["kind"], doc))
        if change["kind"] == sync.CHANGE_PERSON and "pin" in change["body"]:
            self._on_pin(work, change["id"], change["body"]["pin"])

    def _add(self, facts: Iterable[Fact]) -> None:
        touched = set()
        for fact in facts:
            visit_id = fact.event.visit_id
            assert visit_id is not None
            self._facts[visit_id][fact.event.id] = fact
            touched.add(visit_id)
            if fact.journal_id == self._journal_id:
                seq = max(self._last_own_seq.get(visit_id, 0), fact.event.seq)
                self._last_own_seq[visit_id] = seq
        for visit_id in touched:
            self._refold(visit_id)

    def _applied(self, facts: list[Fact], cursor: int) -> None:
        self.cursor = cursor
        self._add(facts)

    def _refold(self, visit_id: str) -> None:
        self._unindex(visit_id)
        visit = fold(self._facts[visit_id].values())
        if visit is None:
            return
        self._visits[visit_id] = visit
        if visit.is_open:
            for tag_id in filter(None, (visit.key_tag, visit.claim_tag)):
                self._by_tag[tag_id].add(visit_id)

    def _unindex(self, visit_id: str) -> None:
        visit = self._visits.pop(visit_id, None)
        if visit is None:
            return
        for tag_id in filter(None, (visit.key_tag, visit.claim_tag)):
            self._by_tag[tag_id].discard(visit_id)
            if not self._by_tag[tag_id]:
                del self._by_tag[tag_id]

    def _dropped(self, visit_ids: Iterable[str]) -> None:
        for visit_id in visit_ids:
            self._unindex(visit_id)
            self._closed.discard(visit_id)
            for table in (self._facts, self._terms, self._last_own_seq, self._own_guests):
                table.pop(visit_id, None)
