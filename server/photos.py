"""Photos: awaited from the moment their event is taken in, stored once their bytes are the ones
that the event names.

The cloud takes bytes only for what an event names, and only of the length and the hash in there.
So there are no bytes without an event to look after.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas import events
from schemas.photo import ALTERED, AWAITED, STORED, PhotoRef
from schemas.problems import Refusal
from server.config import Config
from server.database import insert_missing
from server.models import EventRow, JournalRow, PersonRow, PhotoRow, PlaceRow
from server.photo_store import Found, Photo, PhotoStore
from server.recorded import Recorded

log = structlog.get_logger()
ERASED = "erased"
"""Shown to people in the place of a state of `schemas.photo`: its time was over."""

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PhotoLine:
    """A photo as people read of it. `is_late`: its bytes came, or are still missing, so long
    after it was taken that it may be asked where they have been."""

    visit_id: str
    sha256: str
    size_bytes: int
    state: str
    is_late: bool
    taken_at: datetime
    taken_by: str | None
    place_name: str | None
    stored_at: datetime | None
    stored_by: str | None


def told_state(row: PhotoRow) -> str:
    """The state that a station is told. Of an erased photo nobody wants the bytes: as of one that
    the cloud has, so the station may let its own go."""
    return row.state if row.erase_from is None else STORED


def note(session: Session, rows: Iterable[Recorded]) -> None:
    """Expect the photos that new events name, in the transaction that takes the events in."""
    for row in rows:
        if row.type != events.VISIT_PHOTOGRAPHED:
            continue
        for ordinal, photo in enumerate(row.event.data["photos"]):
            ref = PhotoRef.from_wire(photo)
            insert_missing(
                session,
                PhotoRow,
                visit_id=row.visit_id,
                sha256=ref.sha256,
                event_id=row.event_id,
                ordinal=ordinal,
                size_bytes=ref.size_bytes,
                media_type=ref.media_type,
                state=AWAITED,
            )


def expected(session: Session, station_id: str, visit_id: str, sha256: str) -> PhotoRow:
    """The photo that an event of this station names. Raises `Refusal("unknown_photo")`."""
    row = session.scalar(
        select(PhotoRow)
        .join(EventRow, EventRow.event_id == PhotoRow.event_id)
        .join(JournalRow, JournalRow.id == EventRow.journal_id)
        .where(
            PhotoRow.visit_id == visit_id,
            PhotoRow.sha256 == sha256,
            JournalRow.station_id == station_id,
        )
    )
    if row is None:
        raise Refusal("unknown_photo")
    return row


def ask(
    session: Session,
    config: Config,
    station_id: str,
    visit_id: str,
    ref: PhotoRef,
    found: str | None,
) -> PhotoRow:
    """What the cloud has of a photo that a station wants to bring. `found`: what the station's
    file hashes to by now, if that is something else. Raises `Refusal`."""
    row = expected(session, station_id, visit_id, ref.sha256)
    if found is None and ref != PhotoRef(row.sha256, row.size_bytes, row.media_type):
        raise Refusal("bad_request", detail="not as the event says")
    if ref.size_bytes > config.photo_bytes_max:
        raise Refusal("too_large", limit=config.photo_bytes_max)
    if found not in (None, row.sha256):
        _judge(row, station_id, Found(str(found), row.size_bytes), row.stored_at)
    return row


def stored_photo(session: Session, visit_id: str, sha256: str) -> Photo:
    """A photo of the visit whose bytes have come. Raises `Refusal("unknown_photo")`."""
    row = session.get(PhotoRow, (visit_id, sha256)) if _SHA256.fullmatch(sha256) else None
    if row is None or row.state != STORED or row.erase_from is not None:
        raise Refusal("unknown_photo")
    return Photo(visit_id, sha256, row.size_bytes)


def content_of(store: PhotoStore, photo: Photo) -> bytes:
    """The bytes, which are looked at once more: what somebody has changed since is not shown.
    Raises `Refusal` `unknown_photo` and `photo_altered`."""
    content = store.read(photo)
    if content is None:
        log.error("photo_gone", visit=photo.visit_id, photo=photo.sha256)
        raise Refusal("unknown_photo")
    if hashlib.sha256(content).hexdigest() != photo.sha256:
        log.error("photo_altered", visit=photo.visit_id, photo=photo.sha256, station=None)
        raise Refusal("photo_altered")
    return content


def settle(
    session: Session,
    station_id: str,
    visit_id: str,
    sha256: str,
    found: Found | None,
    now: datetime,
) -> PhotoRow:
    """Note what was found where a station says that it has put a photo; None: not the whole of
    it. Raises `Refusal("unknown_photo")`."""
    row = expected(session, station_id, visit_id, sha256)
    if found is not None:
        _judge(row, station_id, found, now)
    return row


def _judge(row: PhotoRow, station_id: str, found: Found, now: datetime | None) -> None:
    """Stored is for good: what was once found whole, no later word takes back; and erased, too."""
    if row.state == STORED or row.erase_from is not None:
        return
    if found == Found(row.sha256, row.size_bytes):
        row.state, row.stored_at, row.stored_by, row.found_sha256 = STORED, now, station_id, None
        return
    row.state, row.stored_by, row.found_sha256 = ALTERED, station_id, found.sha256
    log.error("photo_altered", visit=row.visit_id, photo=row.sha256, station=station_id)


def count(session: Session, visit_id: str) -> int:
    """How many photos were taken of a visit."""
    found = select(func.count()).select_from(PhotoRow).where(PhotoRow.visit_id == visit_id)
    return session.scalar(found) or 0


def photos_of(
    session: Session, config: Config, visit_id: str, now: datetime
) -> Sequence[PhotoLine]:
    """The photos of a visit in the order in which they were taken."""
    rows = session.execute(
        select(PhotoRow, EventRow.at, EventRow.actor, PersonRow.name, EventRow.place_id)
        .add_columns(PlaceRow.name)
        .join(EventRow, EventRow.event_id == PhotoRow.event_id)
        .outerjoin(PersonRow, PersonRow.id == EventRow.actor)
        .outerjoin(PlaceRow, PlaceRow.id == EventRow.place_id)
        .where(PhotoRow.visit_id == visit_id)
        .order_by(EventRow.at, PhotoRow.event_id, PhotoRow.ordinal)
    )
    late = timedelta(seconds=config.photo_late_s)
    return [
        PhotoLine(
            visit_id=row.visit_id,
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            state=row.state if row.erase_from is None else ERASED,
            is_late=row.erase_from is None and (row.stored_at or now) - at > late,
            taken_at=at,
            taken_by=person or actor,
            place_name=place or place_id,
            stored_at=row.stored_at,
            stored_by=row.stored_by,
        )
        for row, at, actor, person, place_id, place in rows
    ]
