"""Who may speak, request by request: taken once, near in time, and by which key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.signing import NONCE_HEADER, TIME_HEADER, new_private_key, public_key_of
from server import station_nonces
from server.app import create_app, services
from server.models import EventRow, StationNonceRow
from server.stations import revoke_station
from tests.station_door import STATION, StationDoors, refused
from tests.station_lines import StationLines
from tests.visit_story import settings

BAD = (401, "bad_signature")


@pytest.fixture
def doors(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StationDoors]:
    """A cloud on each database."""
    found = StationDoors(settings(tmp_path, database_url), monkeypatch)
    yield found
    found.close()


@pytest.fixture
def key(doors: StationDoors) -> bytes:
    """The key of the one station."""
    return doors.add()


def test_a_request_that_somebody_recorded_is_not_taken_again(
    doors: StationDoors, key: bytes
) -> None:
    body, headers = doors.signed(key, cursor=0)
    assert doors.send("/v1/sync", body, headers).get_json()["changes"]
    again = doors.send("/v1/sync", body, headers)
    assert refused(again) == (401, "replayed")
    assert "changes" not in again.get_json()


def test_a_replay_is_refused_by_another_process_and_after_a_restart(
    doors: StationDoors, key: bytes
) -> None:
    body, headers = doors.signed(key)
    assert doors.send("/v1/sync", body, headers).status_code == 200
    other = create_app(doors.kit.config)
    answer = other.test_client().post("/v1/sync", data=body, headers=headers)
    assert refused(answer) == (401, "replayed")
    with other.app_context():
        services().database.close()


def test_events_that_are_sent_twice_over_the_line_are_taken_once(
    doors: StationDoors, key: bytes
) -> None:
    lines = StationLines("herrera")
    sealed = [lines.line()]
    body, headers = doors.signed(key, sealed, journal_id=lines.journal_id)
    assert doors.send("/v1/sync", body, headers).get_json()["ack_seq"] == 1
    assert refused(doors.send("/v1/sync", body, headers)) == (401, "replayed")
    # The station itself, whose answer was lost, signs anew.
    again = doors.sync(key, sealed, journal_id=lines.journal_id).get_json()
    assert [word["verdict"] for word in again["verdicts"]] == ["duplicate"]
    assert doors.kit.count(EventRow) == 1


@pytest.mark.parametrize("off_s", [-121, 121, -(10**9), 10**10])
def test_a_time_that_is_far_off_is_told_ours(doors: StationDoors, key: bytes, off_s: int) -> None:
    answer = doors.sync(key, unix_s=doors.now_s + off_s)
    assert refused(answer) == (401, "clock")
    server_time = answer.get_json()["server_time"]
    assert server_time == doors.now_s
    assert doors.sync(key, unix_s=server_time).status_code == 200


@pytest.mark.parametrize("off_s", [-120, 120])
def test_a_time_that_is_a_little_off_will_do(doors: StationDoors, key: bytes, off_s: int) -> None:
    assert doors.sync(key, unix_s=doors.now_s + off_s).status_code == 200


def test_only_a_station_is_told_our_time(doors: StationDoors, key: bytes) -> None:
    assert refused(doors.sync(new_private_key(), unix_s=5)) == BAD


@pytest.mark.parametrize(("name", "value"), [(NONCE_HEADER, "short"), (TIME_HEADER, "noon")])
def test_a_header_cannot_be_another(doors: StationDoors, key: bytes, name: str, value: str) -> None:
    body, headers = doors.signed(key)
    assert refused(doors.send("/v1/sync", body, {**headers, name: value})) == BAD


def test_old_nonces_are_forgotten_only_when_their_time_is_over(
    doors: StationDoors, key: bytes
) -> None:
    body, headers = doors.signed(key, unix_s=doors.now_s + 120)
    assert doors.send("/v1/sync", body, headers).status_code == 200
    for _ in range(4):
        doors.wait(seconds=59)
        assert doors.sync(key).status_code == 200
    assert refused(doors.send("/v1/sync", body, headers)) == (401, "replayed")
    doors.wait(seconds=10)
    assert refused(doors.send("/v1/sync", body, headers)) == (401, "clock")
    before = doors.kit.count(StationNonceRow)
    doors.kit.database.write(
        lambda session: station_nonces.forget_old(
            session, doors.kit.config, STATION, doors.now + timedelta(minutes=5)
        )
    )
    assert (before > 0, doors.kit.count(StationNonceRow)) == (True, 0)


def test_both_keys_are_good_until_the_next_one_speaks(doors: StationDoors, key: bytes) -> None:
    coming = new_private_key()
    answer = doors.change_key(key, coming, key)
    assert answer.get_json() == {
        "public_key": public_key_of(key).hex(),
        "next_public_key": public_key_of(coming).hex(),
    }
    assert doors.sync(key).status_code == 200
    doors.wait(minutes=1)
    assert doors.sync(coming).status_code == 200
    assert refused(doors.sync(key)) == BAD
    row = doors.row()
    assert (row.public_key, row.next_public_key) == (public_key_of(coming).hex(), None)
    assert row.key_since == doors.now


def test_announcing_again_changes_nothing(doors: StationDoors, key: bytes) -> None:
    coming = new_private_key()
    for signer in (key, key, coming, coming):
        assert doors.change_key(key, coming, signer).status_code == 200
    assert doors.row().public_key == public_key_of(coming).hex()


def test_nobody_else_announces_a_key(doors: StationDoors, key: bytes) -> None:
    coming = new_private_key()
    assert refused(doors.change_key(key, coming, coming)) == BAD
    # Signed by the station, for a key that it does not have.
    assert refused(doors.change_key(new_private_key(), coming, key)) == BAD
    doors.add("bolivar-1", "bolivar")
    assert doors.row().next_public_key is None


def test_a_key_that_was_somebodys_is_not_announced(doors: StationDoors, key: bytes) -> None:
    other = doors.add("bolivar-1", "bolivar")
    assert refused(doors.change_key(key, other, key)) == (409, "key_in_use")


def test_who_was_shut_out_is_told_so_and_seen_to_speak(doors: StationDoors, key: bytes) -> None:
    doors.kit.database.write(lambda session: revoke_station(session, STATION, now=doors.now))
    assert doors.row().turned_away_at is None
    doors.wait(minutes=5)
    assert refused(doors.sync(key)) == (403, "revoked_station")
    assert doors.row().turned_away_at == doors.now
    assert refused(doors.change_key(key, new_private_key(), key)) == (403, "revoked_station")
