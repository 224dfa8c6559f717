"""The doors beside the sync: a station is let in by a code, changes its key, and makes a card."""

from __future__ import annotations

from dataclasses import replace

from reader_agent.cloud_client import CloudClient
from reader_agent.station_key import KeyRing
from schemas.district import SUPERVISOR, District
from server.app import create_app, services
from server.station_codes import make_code
from tests.station_kit import config_of
from tests.wire.stage import Stage

_PLACE = "lote-sur"
_CARD = "nfca:04112233445566"


def knock(stage: Stage) -> None:
    """Go through each of them once, with the station's own client."""
    config = replace(config_of(stage.folder, _PLACE), letter="S", cloud_url=stage.cloud_url)
    config.data_dir.mkdir(parents=True)
    keys = KeyRing(config.data_dir)
    client = CloudClient(config, keys, lambda: stage.now)
    stage.step = "a station is let in by a code"
    client.enroll(_code(stage, config.station_id), config, keys.current)
    stage.step = "a station changes its key"
    client.change_key()
    stage.step = "a station makes a card"
    client.card_keys(_CARD, _supervisor(stage.district))
    client.close()


def _code(stage: Stage, station_id: str) -> str:
    app = create_app(stage.config)
    with app.app_context():
        found = services()
    try:
        return found.database.write(
            lambda session: make_code(
                session, stage.config, found.key, station_id, _PLACE, "luis", stage.now
            )
        ).code
    finally:
        found.database.close()


def _supervisor(district: District) -> str:
    return next(person.id for person in district.people if SUPERVISOR in person.roles)
