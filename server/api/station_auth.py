"""Who a station's request comes from: its signature, checked before anything else is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from flask import request
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from schemas.signing import (
    NONCE_HEADER,
    NONCE_HEX_DIGITS,
    STATION_HEADER,
    TIME_HEADER,
    is_signed,
)
from server import clock, station_nonces
from server.app import Services
from server.bulk import table_of
from server.models import StationRow
from server.stations import promote_key

log = structlog.get_logger()
_NOTED_EVERY = timedelta(seconds=60)
_STATIONS = table_of(StationRow)
_STATION = select(_STATIONS).where(_STATIONS.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class Speaker:
    """A station whose request holds. Whatever is done for it begins with `spend`."""

    station: StationRow
    nonce: str

    def spend(self, session: Session, now: datetime) -> None:
        """Take this request in the caller's transaction. Raises `Refusal("replayed")`."""
        station_nonces.spend(session, self.station.id, self.nonce, now)


def authenticate(found: Services) -> Speaker:
    """The station that signed this request, with the key that it has or with the next one, which
    by that takes the place of the other.

    Raises `Refusal`: `unknown_station`, `bad_signature`, `bad_header` (the nonce or the time),
    `revoked_station` for one that was shut out, and `clock` with our time for a request that was
    signed too long before or after it.
    """
    now = clock.now()
    station_id = request.headers.get(STATION_HEADER, "")
    station = found.database.read(lambda session: _station(session, station_id))
    if station is None:
        raise Refusal("unknown_station")
    public_key = _key_that_signed(station)
    if station.is_revoked:
        _note_turned_away(found, station, now)
        raise Refusal("revoked_station")
    nonce = request.headers.get(NONCE_HEADER, "")
    if not re.fullmatch(f"[0-9a-f]{{{NONCE_HEX_DIGITS}}}", nonce):
        raise Refusal("bad_header", detail=f"{NONCE_HEADER}: {NONCE_HEX_DIGITS} hex digits")
    _check_time(found.config.clock_window_s, now)
    if public_key != station.public_key:
        found.database.write(lambda session: promote_key(session, station_id, public_key, now))
    return Speaker(station, nonce)


def _station(session: Session, station_id: str) -> StationRow | None:
    """The station's row, as an object that no session watches: every request asks for one."""
    row = session.connection().execute(_STATION, {"id": station_id}).mappings().one_or_none()
    return None if row is None else StationRow(**row)


def _key_that_signed(station: StationRow) -> str:
    headers, body = dict(request.headers.items()), request.get_data(cache=True)
    for public_key in (station.public_key, station.next_public_key):
        if public_key is not None and is_signed(
            bytes.fromhex(public_key), headers, request.method, request.path, body
        ):
            return public_key
    raise Refusal("bad_signature")


def _check_time(window_s: int, now: datetime) -> None:
    said = request.headers.get(TIME_HEADER, "")
    if not re.fullmatch(r"-?[0-9]{1,15}", said):
        raise Refusal("bad_header", detail=f"{TIME_HEADER}: Unix seconds")
    server_time = int(now.timestamp())
    if abs(int(said) - server_time) > window_s:
        raise Refusal("clock", server_time=server_time)


def _note_turned_away(found: Services, station: StationRow, now: datetime) -> None:
    """Let a manager see that a station that was shut out still speaks; seldom, as it costs a
    write."""
    last = station.turned_away_at
    if last is not None and now - last < _NOTED_EVERY:
        return

    def work(session: Session) -> None:
        row = session.get(StationRow, station.id, with_for_update=True)
        if row is not None and row.is_revoked:
            row.turned_away_at = now

    found.database.write(work)
    log.warning("revoked_station_speaks", station=station.id)
