"""Who a station's request comes from: its signature, checked before anything else is read."""

from __future__ import annotations

from flask import request

from schemas.problems import Refusal
from schemas.signing import STATION_HEADER, is_signed
from server.app import Services
from server.models import StationRow


def authenticate(found: Services) -> StationRow:
    """The station that signed this request.

    Raises `Refusal`: `unknown_station`, `bad_signature`, or `revoked_station` for one that was
    shut out.
    """
    station_id = request.headers.get(STATION_HEADER, "")
    station = found.database.read(lambda session: session.get(StationRow, station_id))
    if station is None:
        raise Refusal("unknown_station")
    signed = is_signed(
        bytes.fromhex(station.public_key),
        dict(request.headers.items()),
        request.method,
        request.path,
        request.get_data(cache=True),
    )
    if not signed:
        raise Refusal("bad_signature")
    if station.is_revoked:
        raise Refusal("revoked_station")
    return station
