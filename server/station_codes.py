"""One-time codes that let a station in: made by a manager, typed at the station, good once.

Eight characters of Crockford's base 32 (no I, L, O, U), 40 bits: with so few minutes, and so few
tries in them (`server.enrol_tries`), guessing is hopeless, so that the fast keyed digest under
which a code is kept is enough. There is one answer for a code that is wrong, used or too old:
nobody learns which codes there are.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.district import get_place
from server.master_key import MasterKey
from server.models import PlaceRow, StationCodeRow
from server.stations import add_station, check_station_id, is_known_key

log = structlog.get_logger()
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
_PURPOSE = "station-code"
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
# Long enough that an answer that was lost can be asked for again.
_KEEP_USED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code as it is shown once, in two groups."""

    code: str
    station_id: str
    place_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrollment:
    """Whom a station says that it is, with the code and the key that it brings."""

    code: str
    public_key: str
    station_id: str
    place_id: str
    role: str
    letter: str


def make_code(
    session: Session,
    config: Config,
    key: MasterKey,
    station_id: str,
    place_id: str,
    made_by: str,
    now: datetime,
) -> NewCode:
    """A code with which `station_id` is let in at a place; any earlier one for it is void.

    Raises `Refusal`: `bad_request` for the id, `unknown_place`.
    """
    check_station_id(station_id)
    place = get_place(session, place_id)
    old = StationCodeRow.expires_at < now - _KEEP_USED
    unused = (StationCodeRow.station_id == station_id) & StationCodeRow.used_at.is_(None)
    session.execute(delete(StationCodeRow).where(or_(old, unused)))
    text = "".join(ALPHABET[secrets.randbelow(len(ALPHABET))] for _ in range(LENGTH))
    expires_at = now + timedelta(seconds=config.station_code_s)
    session.add(
        StationCodeRow(
            digest=_digest(key, text),
            station_id=station_id,
            place_id=place.id,
            made_by=made_by,
            made_at=now,
            expires_at=expires_at,
            used_at=None,
            used_key=None,
        )
    )
    log.info("station_code_made", station=station_id, place=place.id, by=made_by)
    return NewCode(f"{text[:4]}-{text[4:]}", station_id, place.id, expires_at)


def redeem(session: Session, key: MasterKey, wish: Enrollment, now: datetime) -> PlaceRow:
    """Let the station in that a code was made for; its place.

    The same key may ask again with the same code: its first answer may have been lost. Raises
    `Refusal`: `bad_station_code`; `station_mismatch`, with what the code is for, where the
    station's settings say something else (the code stays good); `key_in_use` for a key that is
    not new (the code stays good).
    """
    digest = _digest(key, wish.code)
    # Held until the end: of two that come at once, one is answered after the other.
    row = session.get(StationCodeRow, digest, with_for_update=True)
    is_again = row is not None and row.used_key == wish.public_key
    if row is None or row.expires_at <= now or (row.used_at is not None and not is_again):
        raise Refusal("bad_station_code")
    place = get_place(session, row.place_id)
    _compare(row, place, wish)
    if is_again:
        return place
    if is_known_key(session, wish.public_key):
        raise Refusal("key_in_use")
    taken = session.scalar(
        update(StationCodeRow)
        .where(
            StationCodeRow.digest == digest,
            StationCodeRow.used_at.is_(None),
            StationCodeRow.expires_at > now,
        )
        .values(used_at=now, used_key=wish.public_key)
        .returning(StationCodeRow.station_id),
        execution_options={"synchronize_session": False},
    )
    if taken is None:
        raise Refusal("bad_station_code")
    add_station(session, row.station_id, row.place_id, wish.public_key, now)
    log.info("station_enrolled", station=row.station_id, place=row.place_id, code_by=row.made_by)
    return place


def open_codes(session: Session, now: datetime) -> Mapping[str, datetime]:
    """Until when each station that has a code may use it."""
    rows = session.execute(
        select(StationCodeRow.station_id, StationCodeRow.expires_at).where(
            StationCodeRow.used_at.is_(None), StationCodeRow.expires_at > now
        )
    )
    return dict(rows.all())


def _compare(row: StationCodeRow, place: PlaceRow, wish: Enrollment) -> None:
    meant = {
        "station_id": row.station_id,
        "place_id": place.id,
        "role": place.kind,
        "letter": place.letter,
    }
    wrong = [name for name, value in meant.items() if getattr(wish, name) != value]
    if wrong:
        log.warning("station_mismatch", station=row.station_id, differs=",".join(wrong))
        detail = ", ".join(f"{name} is {meant[name]} by the code" for name in wrong)
        raise Refusal("station_mismatch", detail=detail, **meant)


def _digest(key: MasterKey, code: str) -> str:
    """Under which a code is kept, however it was typed. Raises `Refusal("bad_station_code")`."""
    text = re.sub(r"[\s-]", "", code).upper().translate(_LOOKALIKES)
    if len(text) != LENGTH or not set(text) <= set(ALPHABET):
        raise Refusal("bad_station_code")
    return key.derive(_PURPOSE, text).hex()
