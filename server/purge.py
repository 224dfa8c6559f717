"""Erasing what is known of drivers once its time is over.

A visit's time is over `guest_keep_days` after the cloud heard its last word, if it was closed
cleanly: not one that is open or held, whose tag another visit claims, or of which an incident was
told that nobody has settled. Where the driver has told of a problem it is `claim_keep_days`:
nothing says when such a claim is settled.

1. In one transaction the records are emptied, the photos are given up (nobody is shown them from
   then on) and what was done is put on record.
2. The bytes of photos that were given up are erased, and then noted as gone. What a store that
   could not be reached still has is erased in a later round.

All of it may be done again, by several workers at once, and finds nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select, tuple_, union, update
from sqlalchemy.orm import Session

from schemas import driver_words, events
from schemas.ids import uuid7
from schemas.visit import Fact, fold
from server import clock
from server.config import Config
from server.database import Database
from server.erasure import erase_records, give_up_photos
from server.models import (
    DriverNoteRow,
    EventRow,
    GuestRow,
    MessageRow,
    OtherGuestRow,
    PhotoRow,
    PurgeRow,
    VisitRow,
)
from server.photo_store import Photo, PhotoStore
from server.sms import recording
from server.visits import load_facts

log = structlog.get_logger()

Forget = Callable[[Collection[str]], int]
"""Takes texts back that a carrier of ours has kept, by the ids of their messages; how many."""


@dataclass(slots=True)
class Purge:
    """Looks through all visits, a batch a round, and then rests for `purge_every_s`."""

    config: Config
    database: Database
    photos: PhotoStore
    forget: Forget
    worker: str
    mono_ns: Callable[[], int]
    _after: str = field(default="")
    _visits: int = field(default=0)
    _next_ns: int | None = field(default=None)

    def once(self, now: datetime) -> bool:
        """One round; whether there may be more to do at once."""
        if self.config.guest_keep_days == 0:
            return False
        if self._next_ns is not None and self.mono_ns() < self._next_ns:
            return False
        ids = self.database.read(lambda session: due(session, self.config, now, self._after))
        if ids:
            clean = self.database.read(lambda s: over(s, self.config, ids, now))
            if clean:
                self._erase(clean, now)
            self._after = ids[-1]
        gone = erase_photos(self.database, self.photos, self.config.purge_batch, now)
        if ids or gone:
            return True
        if self._visits:
            log.info("visits_purged", visits=self._visits, keep_days=self.config.guest_keep_days)
        self._after, self._visits = "", 0
        self._next_ns = self.mono_ns() + self.config.purge_every_s * 10**9
        return False

    def _erase(self, ids: Sequence[str], now: datetime) -> None:
        # Before the record of it: texts that are forgotten twice are no harm.
        texts = self.forget(self.database.read(lambda session: _messages(session, ids)))

        def work(session: Session) -> int:
            # Once more: somebody may have told of something meanwhile.
            clean = over(session, self.config, ids, now)
            return erase(session, clean, self.config.guest_keep_days, self.worker, texts, now)

        self._visits += self.database.write(work)


def open_purge(config: Config, database: Database, photos: PhotoStore, worker: str) -> Purge:
    """The purge of these settings, for one worker."""

    def forget(references: Collection[str]) -> int:
        # Any other carrier keeps its texts itself; ours are in no table.
        if config.sms_gateway != "recording":
            return 0
        return recording.forget(config.data_dir / recording.FILE_NAME, set(references))

    return Purge(config, database, photos, forget, worker, clock.mono_ns)


def due(session: Session, config: Config, now: datetime, after: str) -> list[str]:
    """The next visits, by id, that were closed long enough ago and of which there is something
    to erase: `purge_batch` at most."""
    kept = union(
        *(
            select(model.visit_id).where(there, model.visit_id > after)
            for model, there in (
                (GuestRow, GuestRow.sealed.is_not(None)),
                (OtherGuestRow, OtherGuestRow.sealed.is_not(None)),
                (DriverNoteRow, DriverNoteRow.sealed.is_not(None)),
                (PhotoRow, PhotoRow.erased_at.is_(None) & PhotoRow.erase_from.is_(None)),
            )
        )
    ).subquery()
    found = session.scalars(
        select(VisitRow.id)
        .join(kept, kept.c.visit_id == VisitRow.id)
        .where(
            ~VisitRow.is_open,
            ~VisitRow.tag_shared,
            VisitRow.handed_over_at <= now - timedelta(days=config.guest_keep_days),
        )
        .order_by(VisitRow.id)
        .limit(config.purge_batch)
    )
    return list(found)


def over(session: Session, config: Config, ids: Sequence[str], now: datetime) -> list[str]:
    """Those of these closed visits whose time is over."""
    if not ids:
        return []
    session.flush()
    last = session.execute(
        select(EventRow.visit_id, func.max(EventRow.received_at))
        .where(EventRow.visit_id.in_(ids))
        .group_by(EventRow.visit_id)
    )
    heard = {visit_id: at for visit_id, at in last if visit_id is not None}
    facts = load_facts(session.connection(), ids)
    return [
        visit_id
        for visit_id in ids
        if visit_id in facts
        and (days := _keep_days(config, facts[visit_id])) is not None
        and heard[visit_id] <= now - timedelta(days=days)
    ]


def erase(
    session: Session, ids: Sequence[str], keep_days: int, worker: str, texts: int, now: datetime
) -> int:
    """Erase what is known of the drivers of these visits and put it on record; how many visits.
    `texts`: messages that were forgotten with them."""
    if not ids:
        return 0
    guests, notes = erase_records(session, ids)
    photos = give_up_photos(session, ids, now)
    if not (guests or notes or texts or photos):
        # Another worker was here first.
        return 0
    session.add(
        PurgeRow(
            id=uuid7(now),
            at=now,
            by=worker,
            keep_days=keep_days,
            visits=len(ids),
            guests=guests,
            notes=notes,
            texts=texts,
            photos=photos,
        )
    )
    return len(ids)


def erase_photos(database: Database, store: PhotoStore, limit: int, now: datetime) -> int:
    """Erase the bytes of photos that were given up, `limit` at most; how many. Raises
    `Refusal("photo_store_lost")`: then they wait."""
    rows = database.read(
        lambda session: session.execute(
            select(PhotoRow.visit_id, PhotoRow.sha256, PhotoRow.size_bytes)
            .where(PhotoRow.erased_at.is_(None), PhotoRow.erase_from.is_not(None))
            .limit(limit)
        ).all()
    )
    if not rows:
        return 0
    for visit_id, sha256, size_bytes in rows:
        store.drop(Photo(visit_id, sha256, size_bytes))
    names = [(visit_id, sha256) for visit_id, sha256, _ in rows]

    def work(session: Session) -> None:
        session.execute(
            update(PhotoRow)
            .where(tuple_(PhotoRow.visit_id, PhotoRow.sha256).in_(names))
            .values(erased_at=now)
            .execution_options(synchronize_session=False)
        )

    database.write(work)
    return len(rows)


def _keep_days(config: Config, facts: Sequence[Fact]) -> int | None:
    """For how long after its last word a visit is kept; None while it must not be erased."""
    visit = fold(facts)
    if visit is None or visit.is_open or visit.reports:
        return None
    for fact in facts:
        event = fact.event
        if event.type == events.VISIT_TOLD and event.data["about"] == driver_words.PROBLEM:
            return max(config.guest_keep_days, config.claim_keep_days)
    return config.guest_keep_days


def _messages(session: Session, ids: Sequence[str]) -> list[str]:
    return list(session.scalars(select(MessageRow.id).where(MessageRow.visit_id.in_(ids))))
