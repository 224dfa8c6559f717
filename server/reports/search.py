"""Finding visits: by code or tag, by plate or phone, by booth and time.

Plates and phones are sealed; they are found by their keyed index alone, so only as a whole. What
was typed of them goes no further than here: `asked_for` makes of it a token that names the index,
sealed for the person who typed it and for one session's length. Every way goes by an index of its
own; a search by time looks at a stretch of bounded length.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from schemas import states
from schemas.guest import Guest
from schemas.phones import normalise_phone
from schemas.plates import normalise_plate
from schemas.problems import Refusal
from schemas.tag_ids import TagIDError, parse_tag_id
from server import guests
from server.config import Config
from server.masking import masked_phone, masked_plate
from server.master_key import KeyFileError, MasterKey
from server.models import GuestRow, TagRow, VisitRow

CODE = "code"
TAG = "tag"
_PURPOSE = "search"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is None or empty lets all through. `from_at`, `until_at`: when the
    car was received. `plates`, `phones`: keyed indexes, see `server.guests.index_of`."""

    code: str | None = None
    tag_id: str | None = None
    plates: Sequence[str] = ()
    phones: Sequence[str] = ()
    booth_id: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None

    @property
    def is_personal(self) -> bool:
        """Whether it says of a person where their car was."""
        return bool(self.plates or self.phones)

    @property
    def is_by_time(self) -> bool:
        """Whether nothing but booth and time says which."""
        return self.code is None and self.tag_id is None and not self.is_personal


@dataclass(frozen=True, slots=True)
class Found:
    """One visit of the answer. `plate` and `phone` are masked, None where there is no record."""

    id: str
    code: str
    state: str
    booth_id: str
    place_id: str
    received_at: datetime
    handed_over_at: datetime | None
    plate: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The newest visits first; `is_cut`: there are more. `since`: how far back was looked."""

    visits: Sequence[Found]
    is_cut: bool
    since: datetime | None


def named(session: Session, text: str) -> tuple[str, str] | None:
    """The code or the tag that this text is, if there is one: `CODE` or `TAG` and its value."""
    word = text.strip()
    code = word.upper()
    if session.scalar(select(VisitRow.id).where(VisitRow.code == code).limit(1)) is not None:
        return CODE, code
    try:
        tag_id = parse_tag_id(word)
    except TagIDError:
        label = select(TagRow.id).where(TagRow.label.in_((word, code))).order_by(TagRow.id)
        found = session.scalar(label.limit(1))
        return None if found is None else (TAG, found)
    return TAG, tag_id


def asked_for(key: MasterKey, person_id: str, text: str, until: datetime) -> str | None:
    """A token for the plate, or the phone, that this text may be; None if it can be neither.

    It is of use to this person alone, until then.
    """
    plates, phones = _plates(key, text), _phones(key, text)
    if not plates and not phones:
        return None
    content = json.dumps({"plates": plates, "phones": phones, "until": until.isoformat()})
    sealed = key.seal(_PURPOSE, person_id, content.encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def opened(
    key: MasterKey, person_id: str, token: str, now: datetime
) -> tuple[Sequence[str], Sequence[str]]:
    """The indexes of plates and of phones that a token names. Raises `Refusal("search_over")` for
    a token that is too old, somebody else's, or none."""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        content = json.loads(key.unseal(_PURPOSE, person_id, sealed))
    except (ValueError, binascii.Error, KeyFileError):
        raise Refusal("search_over") from None
    if datetime.fromisoformat(content["until"]) <= now:
        raise Refusal("search_over")
    return content["plates"], content["phones"]


def _plates(key: MasterKey, text: str) -> list[str]:
    try:
        return [guests.index_of(key, "plate", normalise_plate(text))]
    except Refusal:
        return []


def _phones(key: MasterKey, text: str) -> list[str]:
    try:
        return [guests.index_of(key, "phone", normalise_phone(text))]
    except Refusal:
        return []


def search(
    session: Session, config: Config, key: MasterKey, wanted: Wanted, now: datetime
) -> Answer:
    """The visits that are wanted, the newest first, `page_rows` at most. Two queries."""
    since, until = wanted.from_at, wanted.until_at
    if wanted.is_by_time:
        most = timedelta(days=config.search_days_max)
        since = max(since or (until or now) - most, (until or now) - most)
    conditions = list(_conditions(wanted, since))
    rows = session.scalars(
        select(VisitRow)
        .where(*conditions)
        .order_by(VisitRow.received_at.desc(), VisitRow.id.desc())
        .limit(config.page_rows + 1)
    ).all()
    shown = rows[: config.page_rows]
    known = guests.load_many(session, key, [row.guest_ref for row in shown])
    return Answer(
        visits=[_found(row, known.get(row.guest_ref)) for row in shown],
        is_cut=len(rows) > len(shown),
        since=since if wanted.is_by_time else None,
    )


def _conditions(wanted: Wanted, since: datetime | None) -> Iterable[ColumnElement[bool]]:
    if wanted.code is not None:
        yield VisitRow.code == wanted.code
    if wanted.tag_id is not None:
        # A union, so that each of its parts may go by its own index.
        yield _one_of(VisitRow.key_tag == wanted.tag_id, VisitRow.claim_tag == wanted.tag_id)
    if wanted.is_personal:
        of_guest = [GuestRow.plate_index.in_(wanted.plates)] if wanted.plates else []
        of_guest += [GuestRow.phone_index.in_(wanted.phones)] if wanted.phones else []
        picks = [select(GuestRow.visit_id).where(each) for each in of_guest]
        yield VisitRow.id.in_(picks[0] if len(picks) == 1 else picks[0].union(*picks[1:]))
    if wanted.booth_id is not None:
        yield or_(VisitRow.booth_id == wanted.booth_id, VisitRow.place_id == wanted.booth_id)
    if since is not None:
        yield VisitRow.received_at >= since
    if wanted.until_at is not None:
        yield VisitRow.received_at < wanted.until_at


def _one_of(one: ColumnElement[bool], other: ColumnElement[bool]) -> ColumnElement[bool]:
    return VisitRow.id.in_(select(VisitRow.id).where(one).union(select(VisitRow.id).where(other)))


def _found(row: VisitRow, guest: Guest | None) -> Found:
    phone = None if guest is None else guest.phone
    return Found(
        id=row.id,
        code=row.code,
        state=row.shown_state,
        booth_id=row.booth_id,
        place_id=row.place_id,
        received_at=row.received_at,
        handed_over_at=row.handed_over_at if row.car == states.HANDED_OVER else None,
        plate=None if guest is None else masked_plate(guest.plate),
        phone=None if phone is None else masked_phone(phone),
    )
