"""What a driver says on the page besides asking for the car. Each is an event of the cloud's own
journal, and saying the same again makes no second one."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import driver_words, events
from schemas.canonical import canonical_json
from schemas.catalog import LANGUAGES
from schemas.guest import new_salt
from schemas.photo import AWAITED, STORED, PhotoRef
from schemas.problems import Refusal
from server import cloud_journal, follow_up, links, visits
from server.cloud_journal import Deed
from server.config import Config
from server.database import insert_missing
from server.district import get_booth, next_version
from server.master_key import MasterKey
from server.models import DriverNoteRow, EventRow, PhotoRow, VisitRow

_PURPOSE = "driver-note"
_WORDS_MIN = 3


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a driver said: when, and the event's own data."""

    event_id: str
    at: datetime
    data: dict[str, Any]

    @property
    def about(self) -> str:
        """One of `schemas.driver_words.TOLD`."""
        return str(self.data["about"])


@dataclass(frozen=True, slots=True)
class Teller:
    """Who says something, and with what it is written down."""

    session: Session
    config: Config
    key: MasterKey
    visit_id: str
    now: datetime


def said_of(session: Session, visit_id: str) -> Sequence[Said]:
    """Everything that was said of a visit, in the order in which it was."""
    rows = session.execute(
        select(EventRow.event_id, EventRow.at, EventRow.line)
        .where(EventRow.visit_id == visit_id, EventRow.type == events.VISIT_TOLD)
        .order_by(EventRow.seq)
    )
    return [Said(event_id, at, json.loads(line)["data"]) for event_id, at, line in rows]


def choose_language(teller: Teller, language: str) -> None:
    """Be written to in this language from now on. Raises `Refusal("bad_choice")`."""
    if language not in LANGUAGES:
        raise Refusal("bad_choice")
    version, visit = _begin(teller)
    if visit.language != language:
        _tell(teller, visit, version, driver_words.LANGUAGE, language=language)


def plan(teller: Teller, booth_id: str | None) -> None:
    """The driver will ask later, and then probably at this booth (None: no plan any more)."""
    version, visit = _begin(teller)
    if not visit.is_open:
        raise Refusal("wrong_state")
    booth = None if booth_id is None else get_booth(teller.session, booth_id).id
    if planned_booth(said_of(teller.session, visit.id)) != booth:
        _tell(teller, visit, version, driver_words.PLAN, booth_id=booth)


def planned_booth(said: Sequence[Said]) -> str | None:
    """The booth of the plan that counts: the last one."""
    plans = [one.data.get("booth_id") for one in said if one.about == driver_words.PLAN]
    return plans[-1] if plans else None


def car_is_fine(teller: Teller) -> None:
    """The driver has looked at the car, and it is as it was."""
    version, visit = _begin_after(teller)
    if not any(one.about == driver_words.CAR_OK for one in said_of(teller.session, visit.id)):
        _tell(teller, visit, version, driver_words.CAR_OK)


def rate(teller: Teller, stars: int) -> None:
    """So many stars, 1 to 5; the last rating counts. Raises `Refusal("bad_choice")`."""
    if not 1 <= stars <= driver_words.STARS_MAX:
        raise Refusal("bad_choice")
    version, visit = _begin_after(teller)
    if rating(said_of(teller.session, visit.id)) != stars:
        _tell(teller, visit, version, driver_words.RATING, stars=stars)


def rating(said: Sequence[Said]) -> int | None:
    """The stars that count."""
    given = [one.data["stars"] for one in said if one.about == driver_words.RATING]
    return given[-1] if given else None


def report_problem(teller: Teller, words: str, photos: Sequence[PhotoRef]) -> None:
    """Something is wrong with the car. What was written is sealed beside the chain, and its
    photos are awaited until `keep_photos`. A form that was sent twice is one report.

    Raises `Refusal`: `reason_needed`, `too_many_tries` after `driver_reports_max`.
    """
    if says_nothing(words) and not photos:
        raise Refusal("reason_needed")
    words = words.strip()
    version, visit = _begin_after(teller)
    known = [one for one in said_of(teller.session, visit.id) if one.about == driver_words.PROBLEM]
    told = words[: teller.config.driver_note_chars]
    wire = [photo.to_wire() for photo in photos]
    notes = notes_of(teller.session, teller.key, visit.id)
    if any(one.data["photos"] == wire and notes.get(one.event_id) == told for one in known):
        return
    if len(known) >= teller.config.driver_reports_max:
        raise Refusal("too_many_tries")
    salt = new_salt()
    digest = hmac.digest(bytes.fromhex(salt), canonical_json({"words": told}), "sha256").hex()
    event = _tell(teller, visit, version, driver_words.PROBLEM, note_digest=digest, photos=wire)
    note = json.dumps({"words": told, "salt": salt}).encode()
    sealed = teller.key.seal(_PURPOSE, event.event_id, note)
    teller.session.add(DriverNoteRow(event_id=event.event_id, visit_id=visit.id, sealed=sealed))
    for ordinal, photo in enumerate(photos):
        insert_missing(
            teller.session,
            PhotoRow,
            visit_id=visit.id,
            sha256=photo.sha256,
            event_id=event.event_id,
            ordinal=ordinal,
            size_bytes=photo.size_bytes,
            media_type=photo.media_type,
            state=AWAITED,
        )


def says_nothing(words: str) -> bool:
    """Whether so few letters are no report by themselves."""
    return len(words.strip()) < _WORDS_MIN


def photos_are_kept(teller: Teller, photos: Sequence[PhotoRef]) -> None:
    """The bytes of a report's photos are where they belong."""
    for photo in photos:
        row = teller.session.get(PhotoRow, (teller.visit_id, photo.sha256))
        if row is not None and row.state == AWAITED:
            row.state, row.stored_at = STORED, teller.now


def notes_of(session: Session, key: MasterKey, visit_id: str) -> dict[str, str]:
    """What the driver wrote, by event; without what was erased."""
    rows = session.scalars(select(DriverNoteRow).where(DriverNoteRow.visit_id == visit_id))
    return {
        row.event_id: json.loads(key.unseal(_PURPOSE, row.event_id, row.sealed))["words"]
        for row in rows
        if row.sealed is not None
    }


def share(teller: Teller, *, may_fetch: bool) -> None:
    """A second link, for whoever fetches the car; the same again leaves the one there is."""
    version, visit = _begin(teller)
    if not visit.is_open:
        raise Refusal("wrong_state")
    known = links.shared_link(teller.session, visit.id)
    if known is None or known.may_fetch != may_fetch:
        links.share(teller.session, teller.key, visit.id, teller.now, may_fetch=may_fetch)
        _tell(teller, visit, version, driver_words.SHARED, may_fetch=may_fetch)


def withdraw(teller: Teller) -> None:
    """Nobody but the driver has a link any more."""
    version, visit = _begin(teller)
    if links.shared_link(teller.session, visit.id) is not None:
        links.withdraw(teller.session, visit.id, teller.now)
        _tell(teller, visit, version, driver_words.UNSHARED)


def note_erased(teller: Teller) -> None:
    """The driver's record was erased at the driver's own word."""
    version, visit = _begin_after(teller)
    _tell(teller, visit, version, driver_words.ERASED)


def _begin(teller: Teller) -> tuple[int, VisitRow]:
    return next_version(teller.session), visits.get_row(teller.session, teller.visit_id)


def _begin_after(teller: Teller) -> tuple[int, VisitRow]:
    """As `_begin`, for what may be said once the driver has the car back."""
    version, visit = _begin(teller)
    if visit.is_open:
        raise Refusal("wrong_state")
    return version, visit


def _tell(teller: Teller, visit: VisitRow, version: int, about: str, **more: object) -> EventRow:
    deed = Deed(events.VISIT_TOLD, visit.id, visit.step + 1, None, {"about": about, **more})
    row = cloud_journal.record(teller.session, deed, version, teller.now)
    refolded = visits.refold(teller.session, [visit.id], version)
    follow_up.after(teller.session, teller.config, teller.key, refolded.changes, teller.now)
    return row
