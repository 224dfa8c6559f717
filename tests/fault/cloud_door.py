"""The real cloud behind its real door, in this process: a station's `Cloud` without sockets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flask import Flask

from reader_agent import cloud
from reader_agent.cloud import Answer, Asked, CloudLost
from reader_agent.cloud_client import SYNC_PATH, read_answer
from reader_agent.station import Station
from schemas.canonical import canonical_json
from schemas.district import District
from schemas.signing import public_key_of, sign
from schemas.sync import CONTENT_TYPE
from server import clock
from server.app import Services, create_app
from server.district import load_district
from server.stations import add_station
from tests.visit_story import settings

PRIVATE_KEY = bytes(range(32))
MOST_ROUNDS = 50


class CloudDoor:
    """One cloud on a migrated database; every station signs with the same key."""

    def __init__(self, data_dir: Path, database_url: str) -> None:
        self.app: Flask = create_app(settings(data_dir, database_url))
        self.services: Services = self.app.extensions["valet"]

    def load(self, district: District, *stations: tuple[str, str]) -> None:
        """Load a district and let these stations in: id and place."""
        database, public = self.services.database, public_key_of(PRIVATE_KEY).hex()
        database.write(lambda session: load_district(session, district))
        for station_id, place_id in stations:
            database.write(
                lambda session, name=station_id, place=place_id: add_station(  # type: ignore[misc]
                    session, name, place, public, clock.now()
                )
            )

    def post(self, station_id: str, asked: Asked) -> Answer:
        """One round trip of a station whose clock is right. Raises `CloudLost`."""
        body = asked.body(canonical_json(asked.header))
        headers = sign(
            PRIVATE_KEY, station_id, "POST", SYNC_PATH, body, int(clock.now().timestamp())
        )
        answer = self.app.test_client().post(
            SYNC_PATH, data=body, headers=headers, content_type=CONTENT_TYPE
        )
        if answer.status_code != 200:
            problem = (answer.get_json() or {}).get("code")
            raise CloudLost(cloud.SERVER_ERROR, problem=problem or str(answer.status_code))
        return read_answer(answer.get_data())

    def meet(self, station_id: str, station: Station) -> None:
        """Exchange until the station has sent everything and read everything."""
        exchange = station.exchange
        for _ in range(MOST_ROUNDS):
            asked = exchange.ask(limit_events=500, limit_bytes=262_144)
            asked = replace(asked, header={**asked.header, "wait_s": 0})
            answer = self.post(station_id, asked)
            exchange.take(answer, asked)
            if not exchange.has_unsent() and not answer["more"] and not answer["changes"]:
                return
        raise AssertionError(f"{station_id} and the cloud do not come to an end")

    def close(self) -> None:
        """Let the database go."""
        self.services.database.close()
