"""The stations' doors to a cloud with the small district, whose clock moves only when told to.

doors = StationDoors(config, monkeypatch)
code = doors.code("herrera-1", "herrera")
key = new_private_key()
assert doors.enroll(code, key).status_code == 200
assert doors.sync(key).status_code == 200
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from schemas.enrolment import ENROLL_PATH, KEY_PATH
from schemas.signing import new_private_key, public_key_of, sign, sign_next_key
from server import clock
from server.app import create_app, services
from server.config import Config
from server.district import load_district
from server.models import StationRow
from server.station_codes import make_code
from server.stations import add_station
from tests.cloud_kit import CloudKit
from tests.visit_story import EVENING, small_district, steady_uuid

STATION, PLACE = "herrera-1", "herrera"
JOURNAL = steady_uuid("doors", "journal")


class StationDoors:
    """The application, its database, and requests as stations make them."""

    def __init__(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = EVENING
        monkeypatch.setattr(clock, "now", lambda: self.now)
        self.app = create_app(config)
        self.client = self.app.test_client()
        with self.app.app_context():
            self.services = services()
        self.kit = CloudKit(self.services.database, config)
        self.kit.database.write(lambda session: load_district(session, small_district()))

    def wait(self, **duration: float) -> None:
        """Let time pass in the cloud."""
        self.now += timedelta(**duration)

    @property
    def now_s(self) -> int:
        """The cloud's time in Unix seconds."""
        return int(self.now.timestamp())

    def code(self, station: str = STATION, place: str = PLACE) -> str:
        """A code from the office."""
        config, key = self.kit.config, self.services.key
        return self.kit.database.write(
            lambda session: make_code(session, config, key, station, place, "luis", self.now)
        ).code

    def add(self, station: str = STATION, place: str = PLACE) -> bytes:
        """Let a station in by hand; its private key."""
        key = new_private_key()
        public_key = public_key_of(key).hex()
        self.kit.database.write(
            lambda session: add_station(session, station, place, public_key, self.now)
        )
        return key

    def row(self, station: str = STATION) -> StationRow:
        """What the cloud knows of a station."""
        row = self.kit.database.read(lambda session: session.get(StationRow, station))
        assert row is not None
        return row

    def enroll(
        self, code: str, key: bytes, *, address: str = "10.0.0.1", **changes: str
    ) -> TestResponse:
        """A station brings a code and its key."""
        said = {
            "code": code,
            "public_key": public_key_of(key).hex(),
            "station_id": STATION,
            "place_id": PLACE,
            "role": "booth",
            "letter": "H",
            **changes,
        }
        body = json.dumps(said).encode()
        # A station that was never connected does not know the time.
        headers = sign(key, said["station_id"], "POST", ENROLL_PATH, body, 5)
        return self.send(ENROLL_PATH, body, headers, address=address)

    def change_key(self, key: bytes, coming: bytes, signed_by: bytes) -> TestResponse:
        """A station announces the key that is to come."""
        proof = sign_next_key(coming, STATION, public_key_of(key))
        body = json.dumps({"public_key": public_key_of(coming).hex(), "proof": proof}).encode()
        headers = sign(signed_by, STATION, "POST", KEY_PATH, body, self.now_s)
        return self.send(KEY_PATH, body, headers)

    def sync(
        self,
        key: bytes,
        lines: list[bytes] | None = None,
        *,
        station: str = STATION,
        unix_s: int | None = None,
        **header: Any,
    ) -> TestResponse:
        """One sync request of somebody who has `key`."""
        body, headers = self.signed(key, lines, station=station, unix_s=unix_s, **header)
        return self.send("/v1/sync", body, headers)

    def signed(
        self,
        key: bytes,
        lines: list[bytes] | None = None,
        *,
        station: str = STATION,
        unix_s: int | None = None,
        **header: Any,
    ) -> tuple[bytes, dict[str, str]]:
        """A sync request as it travels: its body and its headers."""
        said = {
            "v": 1,
            "journal_id": JOURNAL,
            "cursor": None,
            "boot_id": "boot-1",
            "mono_ns": 10**12,
            **header,
        }
        body = b"\n".join([json.dumps(said).encode(), *(lines or [])])
        at_s = self.now_s if unix_s is None else unix_s
        return body, sign(key, station, "POST", "/v1/sync", body, at_s)

    def send(
        self, path: str, body: bytes, headers: dict[str, str], *, address: str = "10.0.0.1"
    ) -> TestResponse:
        """One request as it is."""
        return self.client.post(
            path,
            data=body,
            headers=headers,
            content_type="application/json",
            environ_overrides={"REMOTE_ADDR": address},
        )

    def close(self) -> None:
        """Let the database go."""
        self.kit.database.close()


def refused(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert answer.mimetype == "application/problem+json", answer.text
    return answer.status_code, answer.get_json()["code"]
