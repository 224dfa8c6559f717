"""Stations: letting one in, changing its key, and shutting one out."""

from __future__ import annotations

import re
from datetime import datetime

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from schemas.signing import is_next_key_signed
from server.database import insert_missing
from server.district import get_place
from server.models import StationCodeRow, StationKeyRow, StationLifeRow, StationRow

log = structlog.get_logger()
_REASON_LETTERS_MIN = 3


def check_station_id(station_id: str) -> None:
    """Raises `Refusal("bad_request")` for what cannot be a station's id."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,38}", station_id):
        raise Refusal("bad_request", detail="the id: lower-case letters, digits and dashes, to 39")


def add_station(
    session: Session, station_id: str, place_id: str, public_key: str, now: datetime
) -> StationRow:
    """Let a station speak for a place under its Ed25519 public key (64 hex digits).

    A station that is known keeps its id and gets the new key; what it was shut out for, and
    whoever else used its old key, is over.
    """
    check_station_id(station_id)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", public_key):
        raise Refusal("bad_request", detail="the public key must be 64 hex digits")
    place = get_place(session, place_id)
    station = session.get(StationRow, station_id)
    if station is None:
        station = StationRow(id=station_id, enrolled_at=now, depth=0, version="", seen_at=None)
        session.add(station)
    station.place_id, station.public_key = place.id, public_key.lower()
    station.key_since, station.next_public_key = now, None
    station.is_revoked, station.turned_away_at = False, None
    station.revoked_at = station.revoked_by = station.revoked_reason = None
    station.boot_id = station.journal_id = station.cloned_at = None
    session.execute(delete(StationLifeRow).where(StationLifeRow.station_id == station_id))
    _remember_key(session, station_id, station.public_key, now)
    return station


def revoke_station(
    session: Session,
    station_id: str,
    *,
    by: str | None = None,
    reason: str | None = None,
    now: datetime | None = None,
) -> None:
    """Refuse everything that this station sends from now on, and every code made for it."""
    station = session.get(StationRow, station_id)
    if station is None:
        raise Refusal("unknown_station")
    station.is_revoked, station.turned_away_at = True, None
    station.revoked_at, station.revoked_by, station.revoked_reason = now, by, reason
    unused = StationCodeRow.used_at.is_(None)
    session.execute(delete(StationCodeRow).where(StationCodeRow.station_id == station_id, unused))
    log.warning("station_revoked", station=station_id, by=by)


def check_reason(reason: str) -> str:
    """The reason as it is kept. Raises `Refusal("reason_needed")`."""
    reason = " ".join(reason.split())[:300]
    if sum(map(str.isalpha, reason)) < _REASON_LETTERS_MIN:
        raise Refusal("reason_needed")
    return reason


def announce_key(
    session: Session, station_id: str, public_key: str, proof: str, now: datetime
) -> StationRow:
    """Listen to a station under another key too, which takes the place of the present one with
    the first request that it signs.

    Announcing again changes nothing; the key that is in use already is no news either. Raises
    `Refusal`: `bad_signature` where the sender does not have that key, `key_in_use` for one that
    was some station's before, `cloned_station` while two machines use the present key: which of
    the two speaks here, nobody knows.
    """
    station = session.get(StationRow, station_id, with_for_update=True)
    if station is None:
        raise Refusal("unknown_station")
    if public_key in (station.public_key, station.next_public_key):
        return station
    present = bytes.fromhex(station.public_key)
    if not is_next_key_signed(bytes.fromhex(public_key), proof, station_id, present):
        raise Refusal("bad_signature")
    if station.cloned_at is not None:
        raise Refusal("cloned_station")
    if is_known_key(session, public_key):
        raise Refusal("key_in_use")
    station.next_public_key = public_key
    _remember_key(session, station_id, public_key, now)
    log.info("station_key_announced", station=station_id)
    return station


def promote_key(session: Session, station_id: str, public_key: str, now: datetime) -> None:
    """A station has used the key that it announced: the one before it is no longer good."""
    station = session.get(StationRow, station_id, with_for_update=True)
    if station is not None and station.next_public_key == public_key:
        station.public_key, station.next_public_key, station.key_since = public_key, None, now
        log.info("station_key_changed", station=station_id)


def is_known_key(session: Session, public_key: str) -> bool:
    """Whether a station has or had this key."""
    known = select(StationKeyRow.station_id).where(StationKeyRow.public_key == public_key)
    return session.scalar(known.limit(1)) is not None


def _remember_key(session: Session, station_id: str, public_key: str, now: datetime) -> None:
    insert_missing(session, StationKeyRow, station_id=station_id, public_key=public_key, since=now)
