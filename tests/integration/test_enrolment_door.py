"""`POST /v1/stations/enroll`: a code lets one station in, once, and tells nobody anything else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from schemas.signing import new_private_key, public_key_of
from server.models import StationCodeRow, StationRow
from server.station_codes import ALPHABET
from server.stations import revoke_station
from tests.station_door import STATION, StationDoors, refused
from tests.visit_story import settings

WRONG = (422, "bad_station_code")


@pytest.fixture
def doors(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StationDoors]:
    """A cloud with low limits, on each database."""
    config = replace(
        settings(tmp_path, database_url), enrol_tries_per_address=3, enrol_tries_in_all=5
    )
    found = StationDoors(config, monkeypatch)
    yield found
    found.close()


def test_a_code_lets_a_station_in_which_then_may_speak(doors: StationDoors) -> None:
    key = new_private_key()
    answer = doors.enroll(doors.code(), key)

    assert answer.status_code == 200
    assert answer.get_json() == {
        "station_id": STATION,
        "place_id": "herrera",
        "place_name": "Plaza Herrera",
        "role": "booth",
        "letter": "H",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert doors.row().public_key == public_key_of(key).hex()
    assert doors.sync(key).status_code == 200


def test_a_code_can_be_typed_as_people_type(doors: StationDoors) -> None:
    code = doors.code()
    assert set(code) <= set(ALPHABET) | {"-"}
    assert (len(code), code[4]) == (9, "-")
    sloppy = code.replace("0", "o").replace("1", "l").replace("-", " ").lower()
    assert doors.enroll(f" {sloppy} ", new_private_key()).status_code == 200


def test_the_code_itself_is_nowhere_in_the_database(doors: StationDoors) -> None:
    code = doors.code()
    with doors.kit.database.engine.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM station_codes")).all())
    assert code not in kept
    assert code.replace("-", "") not in kept


def test_wrong_used_and_expired_get_one_answer(doors: StationDoors) -> None:
    used = doors.code()
    assert doors.enroll(used, new_private_key()).status_code == 200
    old = doors.code("bolivar-1", "bolivar")
    doors.wait(minutes=10)
    answers = [
        doors.enroll(code, new_private_key(), address=f"10.0.1.{number}")
        for number, code in enumerate((used, old, "2222-2222", "nonsense!", "22222222222"))
    ]
    assert {refused(answer) for answer in answers} == {WRONG}
    said = [{**answer.get_json(), "request_id": ""} for answer in answers]
    assert said == said[:1] * len(said)


def test_a_code_is_good_for_ten_minutes(doors: StationDoors) -> None:
    code = doors.code()
    doors.wait(minutes=9, seconds=59)
    assert doors.enroll(code, new_private_key()).status_code == 200


def test_a_new_code_voids_the_one_before_and_so_does_shutting_the_station_out(
    doors: StationDoors,
) -> None:
    first, second = doors.code(), doors.code()
    assert refused(doors.enroll(first, new_private_key())) == WRONG
    doors.add()
    doors.kit.database.write(lambda session: revoke_station(session, STATION))
    assert refused(doors.enroll(second, new_private_key())) == WRONG


def test_of_many_that_bring_one_code_at_once_one_is_let_in(doors: StationDoors) -> None:
    code = doors.code()
    keys = [new_private_key() for _ in range(3)]
    found: list[int] = []

    def bring(number: int) -> None:
        client = doors.app.test_client()
        one = replace_client(doors, client)
        found.append(one.enroll(code, keys[number], address=f"10.0.2.{number}").status_code)

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(len(keys))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 422, 422]
    assert [row.used_key for row in doors.kit.rows(StationCodeRow)] == [doors.row().public_key]


def replace_client(doors: StationDoors, client: object) -> StationDoors:
    """The same doors by another connection."""
    other = object.__new__(StationDoors)
    other.__dict__.update(doors.__dict__, client=client)
    return other


def test_whose_answer_was_lost_asks_again_with_the_same_key(doors: StationDoors) -> None:
    code, key = doors.code(), new_private_key()
    first, second = doors.enroll(code, key), doors.enroll(code, key)
    assert (first.status_code, second.get_json()) == (200, first.get_json())


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"place_id": "bolivar"}, "herrera"),
        ({"station_id": "bolivar-1"}, STATION),
        ({"role": "lot"}, "booth"),
        ({"letter": "B"}, "H"),
    ],
    ids=str,
)
def test_settings_that_say_something_else_are_told_and_the_code_stays_good(
    doors: StationDoors, changes: dict[str, str], meant: str
) -> None:
    code, key = doors.code(), new_private_key()
    answer = doors.enroll(code, key, **changes)

    assert refused(answer) == (409, "station_mismatch")
    (name,) = changes
    assert answer.get_json()[name] == meant
    assert f"{name} is {meant} by the code" in answer.get_json()["detail"]
    assert doors.kit.count(StationRow) == 0
    assert doors.enroll(code, key).status_code == 200


def test_whoever_does_not_have_the_key_is_not_let_in(doors: StationDoors) -> None:
    code = doors.code()
    theirs = public_key_of(new_private_key()).hex()
    assert refused(doors.enroll(code, new_private_key(), public_key=theirs)) == (
        401,
        "bad_signature",
    )
    assert doors.kit.count(StationRow) == 0


def test_a_key_that_a_station_had_is_not_enrolled_again(doors: StationDoors) -> None:
    key = new_private_key()
    assert doors.enroll(doors.code(), key).status_code == 200
    again = doors.code()
    assert refused(doors.enroll(again, key)) == (409, "key_in_use")
    fresh = new_private_key()
    assert doors.enroll(again, fresh).status_code == 200
    # From then on the old one opens nothing.
    assert refused(doors.sync(key)) == (401, "bad_signature")
    assert doors.sync(fresh).status_code == 200


def test_a_new_code_lets_a_station_in_that_was_shut_out(doors: StationDoors) -> None:
    key, fresh = doors.add(), new_private_key()
    doors.kit.database.write(lambda session: revoke_station(session, STATION))
    assert refused(doors.sync(key)) == (403, "revoked_station")
    assert doors.enroll(doors.code(), fresh).status_code == 200
    assert doors.sync(fresh).status_code == 200


def test_an_address_has_so_many_tries_and_then_waits(doors: StationDoors) -> None:
    code = doors.code()
    for _ in range(3):
        assert refused(doors.enroll("2222-2222", new_private_key())) == WRONG
    assert refused(doors.enroll(code, new_private_key())) == (429, "too_many_tries")
    assert doors.enroll(code, new_private_key(), address="10.0.0.2").status_code == 200
    doors.wait(minutes=10)
    assert doors.enroll(doors.code("bolivar-1"), new_private_key()).status_code == 409


def test_all_addresses_together_have_so_many_tries(doors: StationDoors) -> None:
    code = doors.code()
    for number in range(5):
        address = f"2001:db8:{number}::1"
        assert refused(doors.enroll("2222-2222", new_private_key(), address=address)) == WRONG
    assert refused(doors.enroll(code, new_private_key())) == (429, "too_many_tries")


def test_many_good_codes_from_one_address_are_no_offence(doors: StationDoors) -> None:
    for number in range(6):
        station = f"herrera-{number}"
        code = doors.code(station)
        assert doors.enroll(code, new_private_key(), station_id=station).status_code == 200


def test_a_body_that_says_something_else_is_refused(doors: StationDoors) -> None:
    assert refused(doors.enroll("", new_private_key())) == (422, "bad_query")
    assert refused(doors.enroll("x" * 50_000, new_private_key())) == (413, "too_large")
    assert doors.client.post("/v1/stations/enroll", data=b"{").status_code in (400, 415, 422)
