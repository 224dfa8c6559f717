"""A PIN on its way: chosen at one station, sealed in the cloud, told to all the others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reader_agent import cloud
from reader_agent.cloud import CloudLost
from reader_agent.sign_in.pin_rows import PinChange
from reader_agent.sign_in.pin_upload import PinUpload, pin_upload_of
from schemas.ids import uuid7
from schemas.signing import sign
from schemas.staff_pin import PINS_PATH, PinCost, hash_pin
from schemas.sync import CHANGE_PERSON
from server.downlink import news
from server.models import ChangeRow, StaffPinRow
from tests.booth_evening import ANA, Evening
from tests.station_door import STATION, StationDoors, refused
from tests.visit_story import settings

PIN, OTHER = "402913", "618274"
CHEAP = PinCost(8, 1, 1)


@pytest.fixture
def doors(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StationDoors]:
    """The cloud as stations see it; on PostgreSQL the show of the browser tests has PINs."""
    doors = StationDoors(settings(tmp_path, sqlite_url), monkeypatch)
    yield doors
    doors.close()


def change_of(doors: StationDoors, **said: Any) -> dict[str, Any]:
    """Ana has chosen a PIN at a station."""
    return asdict(
        PinChange(
            **{
                "id": uuid7(doors.now),
                "person_id": "ana",
                "verifier": hash_pin(PIN, CHEAP),
                "is_temporary": False,
                "by": "ana",
                "reason": None,
                "at": doors.now.isoformat(),
                **said,
            }
        )
    )


def send(doors: StationDoors, key: bytes, change: Mapping[str, Any]) -> Any:
    """A station tells of it."""
    body = json.dumps(change).encode()
    headers = sign(key, STATION, "POST", PINS_PATH, body, doors.now_s)
    return doors.send(PINS_PATH, body, headers)


def told_of(doors: StationDoors, person_id: str) -> Mapping[str, Any]:
    """What a station that starts from nothing hears of somebody."""
    found = doors.services.database.read(lambda session: news(session, doors.services.key, 0, 500))
    (body,) = (
        each["body"]
        for each in found.changes
        if each["kind"] == CHANGE_PERSON and each["id"] == person_id
    )
    person: Mapping[str, Any] = body
    return person


def test_a_pin_is_sealed_here_told_to_stations_and_put_on_record(doors: StationDoors) -> None:
    key, change = doors.add(), change_of(doors)
    assert "pin" not in told_of(doors, "ana")
    cursor = doors.services.database.read(
        lambda session: news(session, doors.services.key, 0, 500).cursor
    )

    answer = send(doors, key, change)

    assert answer.status_code == 200
    assert answer.get_json() == {"since": doors.now.isoformat()}
    row = doors.kit.one(StaffPinRow)
    assert row.sealed is not None
    assert b"argon2" not in row.sealed
    pin = told_of(doors, "ana")["pin"]
    assert (pin["verifier"], pin["is_temporary"]) == (change["verifier"], False)
    later = doors.services.database.read(
        lambda session: news(session, doors.services.key, cursor, 500)
    )
    assert [each["id"] for each in later.changes] == ["ana"]
    (noted,) = doors.kit.rows(ChangeRow)
    assert (noted.person_id, noted.subject_id, noted.action) == ("ana", "ana", "pin")
    assert "argon2" not in str(noted.after)


def test_the_same_change_again_and_an_older_one_change_nothing(doors: StationDoors) -> None:
    key, change = doors.add(), change_of(doors)
    send(doors, key, change)
    doors.wait(minutes=5)
    newer = change_of(doors, verifier=hash_pin(OTHER, CHEAP))
    send(doors, key, newer)
    since = doors.now.isoformat()
    doors.wait(minutes=1)

    for late in (change, newer):
        assert send(doors, key, late).get_json() == {"since": since}

    assert told_of(doors, "ana")["pin"]["verifier"] == newer["verifier"]
    assert doors.kit.count(ChangeRow) == 2
    # A station whose clock runs ahead does not shut out all that comes after.
    ahead = change_of(doors, at=(doors.now + timedelta(days=400)).isoformat())
    assert send(doors, key, ahead).get_json() == {"since": doors.now.isoformat()}


WHO: list[tuple[dict[str, Any], tuple[int, str] | None]] = [
    ({"by": "rosa", "reason": "forgotten"}, (403, "not_allowed")),
    ({"by": "sofia"}, (403, "not_allowed")),
    ({"person_id": "luis", "by": "sofia", "reason": "forgotten"}, (403, "not_allowed")),
    ({"person_id": "nobody"}, (404, "unknown_person")),
    ({"verifier": "402913"}, (422, "bad_query")),
    ({"verifier": "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}, (422, "bad_query")),
    ({"verifier": hash_pin(PIN, CHEAP).replace("m=8", "m=99999999")}, (422, "bad_query")),
    ({"reason": "because"}, (422, "bad_query")),
    ({"by": "sofia", "reason": "forgotten"}, None),
]


def test_who_may_give_a_pin_and_what_is_one(doors: StationDoors) -> None:
    key = doors.add()
    for said, answer in WHO:
        got = send(doors, key, change_of(doors, **said))
        if answer is None:
            assert got.status_code == 200, said
        else:
            assert refused(got) == answer, said
            assert doors.kit.count(StaffPinRow) == 0


class Line:
    """What a station's requests meet."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.fault: CloudLost | None = None

    def ask(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Take a change, or fail."""
        assert path == PINS_PATH
        self.asked.append(body)
        if self.fault is not None:
            raise self.fault
        return json.dumps({"since": body["at"]}).encode()


def test_what_was_chosen_without_a_line_counts_and_is_sent_when_it_is_back(
    tmp_path: Path,
) -> None:
    evening, line = Evening(tmp_path), Line()
    evening.tap(ANA)
    evening.booth.pins.choose(PIN)
    PinUpload(evening.booth.pins, line, lambda: False).step()
    assert line.asked == []
    line.fault = CloudLost(cloud.UNREACHABLE)
    upload = pin_upload_of(evening.booth, line)
    upload.step()
    assert len(evening.booth.pins.rows.changes()) == 1

    evening.reopen()
    line.fault = None
    pin_upload_of(evening.booth, line).step()

    assert evening.booth.pins.rows.changes() == []
    assert [body["person_id"] for body in line.asked] == ["ana", "ana"]
    assert line.asked[0] == line.asked[1]
    assert PIN not in str(line.asked)
    assert evening.booth.pins.open("ana", PIN)
    evening.close()


def test_what_the_cloud_refuses_is_not_asked_for_ever_and_still_opens_here(tmp_path: Path) -> None:
    evening, line = Evening(tmp_path), Line()
    evening.tap(ANA)
    evening.booth.pins.choose(PIN)
    line.fault = CloudLost(cloud.BAD_REQUEST, problem="unknown_person")
    upload = pin_upload_of(evening.booth, line)

    upload.step()
    upload.step()

    assert len(line.asked) == 1
    assert evening.booth.pins.open("ana", PIN)
    upload.start()
    upload.stop(5)
    evening.close()
