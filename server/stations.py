"""Stations: letting one in, and shutting one out."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.district import get_place
from server.models import StationRow


def add_station(
    session: Session, station_id: str, place_id: str, public_key: str, now: datetime
) -> StationRow:
    """Let a station speak for a place under its Ed25519 public key (64 hex digits).

    A station that is known keeps its id and gets the new key.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,38}", station_id):
        raise Refusal("bad_request", detail="the id: lower-case letters, digits and dashes, to 39")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", public_key):
        raise Refusal("bad_request", detail="the public key must be 64 hex digits")
    place = get_place(session, place_id)
    station = session.get(StationRow, station_id)
    if station is None:
        station = StationRow(id=station_id, enrolled_at=now, depth=0, version="", seen_at=None)
        session.add(station)
    station.place_id, station.public_key = place.id, public_key.lower()
    station.is_revoked = False
    return station


def revoke_station(session: Session, station_id: str) -> None:
    """Refuse everything that this station sends from now on."""
    station = session.get(StationRow, station_id)
    if station is None:
        raise Refusal("unknown_station")
    station.is_revoked = True
