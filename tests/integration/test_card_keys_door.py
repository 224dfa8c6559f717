"""`POST /v1/cards/keys`: who gets the keys of a card, and that they are kept nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from schemas.card_keys import CardKeys
from schemas.signing import NONCE_HEADER, SIGNATURE_HEADER, sign
from server import clock
from server.app import create_app, services
from server.card_keys import card_secret
from server.config import Config
from server.database import Database
from server.district import load_district
from server.master_key import load_master_key
from server.models import CardKeyRow, PersonRow
from server.stations import add_station, revoke_station
from tests.cloud_kit import CloudKit
from tests.driver_phone import dump
from tests.visit_story import EVENING, MANAGER, SUPERVISOR, settings, small_district

PRIVATE = bytes(range(32))
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
STATION, PATH = "station-herrera", "/v1/cards/keys"
UID = "04A1B2C3D4E5F6"


@dataclass
class Door:
    """One station's way in, and the cloud behind it."""

    kit: CloudKit
    client: FlaskClient

    def post(
        self, tag: str = f"nfca:{UID}", actor: str = SUPERVISOR, **changes: Any
    ) -> TestResponse:
        """One signed request."""
        body = json.dumps({"tag": tag, "actor": actor, **changes}).encode()
        return self.send(body, self.signed(body))

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers that sign a body."""
        return sign(PRIVATE, STATION, "POST", PATH, body, int(clock.now().timestamp()))

    def send(self, body: bytes, headers: dict[str, str]) -> TestResponse:
        """One request as it is."""
        return self.client.post(PATH, data=body, headers=headers, content_type="application/json")

    def given(self) -> list[CardKeyRow]:
        """Who had keys."""
        return self.kit.rows(CardKeyRow)


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Config:
    """Three cards an hour, on each database."""
    base = settings(tmp_path, database_url)
    return replace(base, card_keys_per_hour=3, public_url="https://valet.test")


@pytest.fixture
def door(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A booth's door to a cloud with the small district."""
    monkeypatch.setattr(clock, "now", lambda: EVENING)
    database = Database(config.database_url)
    database.write(lambda session: load_district(session, small_district()))
    database.write(lambda session: add_station(session, STATION, "herrera", PUBLIC, EVENING))
    app = create_app(config)
    yield Door(CloudKit(database, config), app.test_client())
    with app.app_context():
        services().database.close()
    database.close()


def problem(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]


@pytest.mark.parametrize("actor", [SUPERVISOR, MANAGER])
def test_a_station_gets_the_keys_of_one_card(door: Door, config: Config, actor: str) -> None:
    answer = door.post(actor=actor)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    keys = CardKeys.from_wire(answer.get_json())
    secret = card_secret(load_master_key(config.key_file))
    assert keys == secret.card(UID, "https://valet.test/t")
    (row,) = door.given()
    assert (row.station_id, row.actor, row.tag_id) == (STATION, actor, f"nfca:{UID}")


def test_no_key_is_in_the_database_or_in_a_log(
    door: Door, config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as logged:
        keys = CardKeys.from_wire(door.post().get_json())

    output = capsys.readouterr()
    kept = str(dump(door.kit.database)) + str(logged) + output.out + output.err
    secret = card_secret(load_master_key(config.key_file)).secret
    for key in (*keys.app, secret):
        assert key.hex() not in kept.lower()
        assert repr(key) not in kept


@pytest.mark.parametrize("actor", ["ana", "rosa", "nobody"])
def test_only_a_supervisor_or_manager_makes_cards(door: Door, actor: str) -> None:
    assert problem(door.post(actor=actor)) == (403, "not_allowed")
    assert door.given() == []


def test_somebody_who_no_longer_works_here_makes_no_cards(door: Door) -> None:
    def leave(person: PersonRow | None) -> None:
        assert person is not None
        person.is_active = False

    door.kit.database.write(lambda session: leave(session.get(PersonRow, SUPERVISOR)))
    assert problem(door.post()) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("tag", "status", "code"),
    [
        ("nfca:08A1B2C3", 422, "tag_random"),
        ("nfca:88A1B2C3", 422, "tag_cut"),
        ("nfca:00000000000000", 422, "tag_blank"),
        ("nfca:12345678", 422, "tag_not_secure"),
        ("nfca:0011223344556677889A", 422, "tag_not_secure"),
        ("em4100:0100630001", 422, "tag_not_secure"),
        ("nfca:04A1", 400, "bad_request"),
        ("card:04A1B2C3D4E5F6", 400, "bad_request"),
        ("", 422, "bad_query"),
        ("nfca:04A1\u0000", 422, "bad_query"),
    ],
)
def test_a_tag_that_cannot_hold_keys_gets_none(
    door: Door, tag: str, status: int, code: str
) -> None:
    assert problem(door.post(tag=tag)) == (status, code)
    assert door.given() == []


def test_a_small_letter_names_the_same_card(door: Door) -> None:
    assert door.post(tag=f"nfca:{UID.lower()}").get_json() == door.post().get_json()


def test_nobody_else_is_let_in(door: Door) -> None:
    body = json.dumps({"tag": f"nfca:{UID}", "actor": SUPERVISOR}).encode()
    good = door.signed(body)

    assert problem(door.send(body, {})) == (401, "unknown_station")
    assert problem(door.send(b"{}", {})) == (401, "unknown_station")
    assert problem(door.send(body, {**good, SIGNATURE_HEADER: "00" * 64})) == (
        401,
        "bad_signature",
    )
    assert problem(door.send(body.replace(b"sofia", b"luis"), good)) == (401, "bad_signature")
    # Signed for another door.
    other = sign(PRIVATE, STATION, "POST", "/v1/sync", body, 1)
    assert problem(door.send(body, other)) == (401, "bad_signature")
    door.kit.database.write(lambda session: revoke_station(session, STATION))
    assert problem(door.send(body, good)) == (403, "revoked_station")
    assert door.given() == []


def test_a_request_that_somebody_recorded_is_not_answered_again(door: Door) -> None:
    body = json.dumps({"tag": f"nfca:{UID}", "actor": SUPERVISOR}).encode()
    signed = door.signed(body)

    assert door.send(body, signed).status_code == 200
    assert problem(door.send(body, signed)) == (401, "replayed")
    assert len(door.given()) == 1


def test_a_signature_without_a_nonce_is_refused(door: Door) -> None:
    body = json.dumps({"tag": f"nfca:{UID}", "actor": SUPERVISOR}).encode()
    answer = door.send(body, {**door.signed(body), NONCE_HEADER: "short"})
    assert answer.status_code in (400, 401)


def test_a_station_gets_so_many_an_hour(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        assert door.post(tag=f"nfca:04000000000{number}AA").status_code == 200
    assert problem(door.post()) == (429, "too_many_tries")
    assert len(door.given()) == 3

    monkeypatch.setattr(clock, "now", lambda: EVENING + timedelta(minutes=61))
    assert door.post().status_code == 200


@pytest.mark.parametrize("changes", [{"more": 1}, {"actor": "Sofía"}, {"tag": 7}])
def test_a_body_that_says_something_else_is_refused(door: Door, changes: dict[str, Any]) -> None:
    assert problem(door.post(**changes)) == (422, "bad_query")
