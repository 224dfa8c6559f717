"""The one way into the journal: event and mirror in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable

from reader_agent.cloud_time import CloudTime
from reader_agent.journal import Journal, NewEvent
from reader_agent.mirror import Mirror
from reader_agent.station_db import StationDB, Transaction
from reader_agent.tag_facts import TAG_TYPES, fact_of
from schemas.events import Event
from schemas.visit import Fact


class Recorder:
    """Records what happened at `place_id`."""

    def __init__(
        self,
        db: StationDB,
        journal: Journal,
        mirror: Mirror,
        cloud_time: CloudTime,
        place_id: str,
    ) -> None:
        self._db = db
        self._journal = journal
        self._mirror = mirror
        self._cloud_time = cloud_time
        self._place_id = place_id

    def record(
        self,
        build: Callable[[Transaction], NewEvent],
        actor_id: str | None,
        also: Callable[[Transaction, Event], None] | None = None,
    ) -> Event:
        """Durable when it returns. `build` makes the event inside the transaction, `also` writes
        what belongs to it. Raises `Refusal` when storage is full or failing; nothing is recorded
        then, on disk or in memory."""
        with self._db.transaction() as work:
            event = self.add(work, build(work), actor_id)
            if also is not None:
                also(work, event)
        return event

    def add(self, work: Transaction, new: NewEvent, actor_id: str | None) -> Event:
        """One event more as part of `work`."""
        event = self._journal.append(
            work,
            new,
            actor=actor_id,
            place_id=self._place_id,
            agrees=self._cloud_time.agrees,
        )
        if event.visit_id is not None:
            fact = Fact(self._journal.journal_id, event, self._cloud_time.now())
            self._mirror.record(work, fact)
        elif event.type in TAG_TYPES:
            self._mirror.record_tag(work, fact_of(event))
        return event
