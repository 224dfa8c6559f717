"""`POST /v1/sync` over HTTP: who is let in, what is taken, and how long it waits."""

from __future__ import annotations

import gzip
import json
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from schemas.signing import SIGNATURE_HEADER, STATION_HEADER, sign
from schemas.sync import CONTENT_TYPE, SyncAnswerSchema
from server import clock
from server.app import create_app, services
from server.config import Config
from server.database import Database
from server.district import load_district
from server.models import EventRow, GuestRow, StationRow
from server.stations import add_station, revoke_station
from tests.cloud_kit import CloudKit
from tests.station_lines import StationLines
from tests.visit_story import settings, small_district

PRIVATE = bytes(range(32))
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
BODY_MAX = 60_000
# Where a wait is expected it is this long; a test that is slower than this has failed.
WAIT_S = 1
LONG_S = 20


def now_s() -> int:
    """The cloud's time in Unix seconds."""
    return int(clock.now().timestamp())


@dataclass
class Door:
    """One station's way in, and the cloud behind it."""

    kit: CloudKit
    client: FlaskClient
    station: StationLines

    def header(self, **changes: Any) -> dict[str, Any]:
        """The first line of a request."""
        return {
            "v": 1,
            "journal_id": self.station.journal_id,
            "cursor": None,
            "boot_id": "boot-1",
            "mono_ns": 10**15,
            **changes,
        }

    def post(
        self,
        lines: list[bytes] | None = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **changes: Any,
    ) -> TestResponse:
        """One signed request with these lines, or with these bytes as its body."""
        if raw is None:
            raw = b"\n".join([json.dumps(self.header(**changes)).encode(), *(lines or [])])
        signed = sign(PRIVATE, self.station.station_id, "POST", "/v1/sync", raw, now_s())
        return self.client.post(
            "/v1/sync", data=raw, content_type=CONTENT_TYPE, headers={**signed, **(headers or {})}
        )

    def code(self, **arguments: Any) -> tuple[int, str]:
        """The status and the problem's code of a request that is refused."""
        answer = self.post(**arguments)
        assert answer.mimetype == "application/problem+json"
        return answer.status_code, answer.get_json()["code"]


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Config:
    """Small limits, on each database."""
    limits = {"body_bytes_max": BODY_MAX, "events_per_batch_max": 10, "poll_wait_s_max": LONG_S}
    return replace(settings(tmp_path, database_url), **limits)  # type: ignore[arg-type]


@pytest.fixture
def door(config: Config) -> Iterator[Door]:
    """A booth's door to a cloud with the small district."""
    database = Database(config.database_url)
    database.write(lambda session: load_district(session, small_district()))
    station = StationLines("herrera")
    database.write(
        lambda session: add_station(session, station.station_id, "herrera", PUBLIC, clock.now())
    )
    app = create_app(config)
    yield Door(CloudKit(database, config), app.test_client(), station)
    with app.app_context():
        services().database.close()
    database.close()


def test_a_signed_request_is_taken_in_and_answered(door: Door) -> None:
    answer = door.post([door.station.received(1)], records=[door.station.guests[0].to_wire()])
    assert answer.status_code == 200
    content = SyncAnswerSchema().load(answer.get_json())
    assert (content["ack_seq"], content["verdicts"], content["changes"]) == (1, [], [])
    assert (door.kit.count(EventRow), door.kit.count(GuestRow)) == (1, 1)
    row = next(row for row in door.kit.rows(StationRow) if row.id == door.station.station_id)
    assert row.seen_at is not None


def test_the_answer_brings_the_district_and_the_events_that_were_just_sent(door: Door) -> None:
    answer = door.post([door.station.received(1)], cursor=0).get_json()
    kinds = {change["kind"] for change in answer["changes"]}
    assert kinds == {"place", "person", "tag", "event", "visit"}
    assert (answer["from_cursor"], answer["more"]) == (0, False)
    again = door.post(cursor=answer["cursor"]).get_json()
    assert (again["changes"], again["ack_seq"]) == ([], 1)


def test_a_long_answer_is_packed_for_who_takes_that(door: Door) -> None:
    plain = door.post([door.station.received(1)], cursor=0)
    packed = door.post(cursor=0, headers={"Accept-Encoding": "gzip"})
    short = door.post(headers={"Accept-Encoding": "gzip"})
    refused = door.post(cursor=0, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.content_encoding == "gzip"
    assert {plain.content_encoding, short.content_encoding, refused.content_encoding} == {None}
    assert all("Accept-Encoding" in answer.vary for answer in (plain, packed, short))
    assert len(packed.data) < len(plain.data) / 3
    assert json.loads(gzip.decompress(packed.data))["changes"] == plain.get_json()["changes"]


def test_a_stranger_is_not_let_in(door: Door) -> None:
    other = {STATION_HEADER: "station-nowhere"}
    assert door.code(headers=other) == (401, "unknown_station")
    answer = door.client.post("/v1/sync", data=b"{}")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "unknown_station")


@pytest.mark.parametrize("signature", ["", "00" * 64, "no hex", "é" * 64])
def test_a_wrong_signature_is_not_let_in(door: Door, signature: str) -> None:
    assert door.code(headers={SIGNATURE_HEADER: signature}) == (401, "bad_signature")


def test_a_body_that_was_changed_on_the_way_is_not_let_in(door: Door) -> None:
    raw = json.dumps(door.header()).encode()
    signed = sign(PRIVATE, door.station.station_id, "POST", "/v1/sync", raw, 1)
    answer = door.client.post("/v1/sync", data=raw + b" ", headers=signed)
    assert answer.get_json()["code"] == "bad_signature"


def test_a_station_that_was_shut_out_is_told_so_and_a_new_key_lets_it_in(door: Door) -> None:
    station_id = door.station.station_id
    door.kit.database.write(lambda session: revoke_station(session, station_id))
    assert door.code(lines=[door.station.line()]) == (403, "revoked_station")
    assert door.kit.count(EventRow) == 0
    door.kit.database.write(
        lambda session: add_station(session, station_id, "herrera", PUBLIC, clock.now())
    )
    assert door.post().status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"journal_id": "no"},
        {"journal_id": 5},
        {"journal_id": None},
        {"cursor": -1},
        {"cursor": "0"},
        {"cursor": 2**60},
        {"boot_id": ""},
        {"mono_ns": -1},
        {"wait_s": 56},
        {"depth": 10**30},
        {"version": "1\x00"},
        {"first_seq": 0},
        {"records": {}},
    ],
    ids=str,
)
def test_a_header_that_cannot_be_used_is_named_by_its_member(
    door: Door, changes: dict[str, Any]
) -> None:
    answer = door.post(lines=[door.station.line()], **changes)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_header")
    assert next(iter(changes)) in answer.get_json()["detail"]
    assert door.kit.count(EventRow) == 0


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"no json", b"[]", b"5", b"\xff\xfe", b"[" * 50_000, b'{"v":1}\n{"v":1}']
)
def test_a_first_line_that_is_no_header_is_refused(door: Door, raw: bytes) -> None:
    assert door.code(raw=raw) == (400, "bad_header")


def test_a_guest_record_that_cannot_be_read_does_not_keep_the_events_out(door: Door) -> None:
    line = door.station.received(1)
    good = door.station.guests[0].to_wire()
    records = [{**good, "plate": "ab 12", "ref": good["visit_id"]}, good, 5, None]
    answer = door.post([line], records=records)
    assert (answer.status_code, answer.get_json()["ack_seq"]) == (200, 1)
    assert [row.ref for row in door.kit.rows(GuestRow)] == [good["ref"]]


def test_a_compressed_body_is_unpacked(door: Door) -> None:
    raw = json.dumps(door.header()).encode() + b"\n" + b"\n".join(door.station.lines(3))
    packed = gzip.compress(raw)
    answer = door.post(raw=packed, headers={"Content-Encoding": "gzip"})
    assert answer.get_json()["ack_seq"] == 3


def test_a_body_that_is_not_what_it_says_is_refused(door: Door) -> None:
    whole = gzip.compress(json.dumps(door.header()).encode() * 50)
    spoiled = whole[:12] + bytes([whole[12] ^ 0xFF]) + whole[13:]
    for raw in (b"", b"no gzip", whole[:-9], spoiled, zlib.compress(b"{}"), whole[:11]):
        status, code = door.code(raw=raw, headers={"Content-Encoding": "gzip"})
        assert status == 400
        assert code in ("bad_request", "bad_header")


def test_a_small_body_that_would_become_a_large_one_is_refused(door: Door) -> None:
    bomb = gzip.compress(b" " * (BODY_MAX * 500))
    assert len(bomb) < BODY_MAX
    tracemalloc.start()
    try:
        answer = door.post(raw=bomb, headers={"Content-Encoding": "gzip"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < BODY_MAX * 50
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert answer.get_json()["limit"] == BODY_MAX


def test_a_body_over_the_limit_is_refused_before_it_is_read(door: Door) -> None:
    assert door.post(raw=b" " * (BODY_MAX + 1)).status_code == 413


def test_more_events_than_the_limit_are_refused_and_the_limit_is_named(door: Door) -> None:
    answer = door.post(door.station.lines(11))
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_many_events")
    assert answer.get_json()["limit"] == 10
    assert door.kit.count(EventRow) == 0


def test_the_journal_of_another_station_is_refused(door: Door) -> None:
    door.post([door.station.line()])
    door.kit.database.write(
        lambda session: add_station(session, "station-bolivar", "bolivar", PUBLIC, clock.now())
    )
    other = StationLines("bolivar")
    other.journal_id = door.station.journal_id
    thief = replace(door, station=other)
    assert thief.code(lines=[other.line()]) == (400, "bad_header")


def test_a_batch_that_comes_twice_over_the_line_is_answered_twice_and_stored_once(
    door: Door,
) -> None:
    lines = door.station.lines(3)
    assert door.post(lines).get_json()["ack_seq"] == 3
    again = door.post(lines).get_json()
    assert {verdict["verdict"] for verdict in again["verdicts"]} == {"duplicate"}
    assert door.kit.count(EventRow) == 3


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_another_method_is_told_which_one_is_right(door: Door, method: str) -> None:
    answer = getattr(door.client, method)("/v1/sync")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_without_news_the_answer_waits_as_long_as_asked(door: Door) -> None:
    cursor = door.post(cursor=0).get_json()["cursor"]
    started = time.monotonic()
    answer = door.post(cursor=cursor, wait_s=WAIT_S).get_json()
    assert WAIT_S <= time.monotonic() - started < LONG_S
    assert (answer["changes"], answer["cursor"]) == ([], cursor)


def test_with_news_there_already_the_answer_does_not_wait(door: Door) -> None:
    started = time.monotonic()
    answer = door.post(cursor=0, wait_s=LONG_S).get_json()
    assert time.monotonic() - started < LONG_S
    assert answer["changes"]


def test_who_brings_events_or_wants_no_news_is_not_made_to_wait(door: Door) -> None:
    cursor = door.post(cursor=0).get_json()["cursor"]
    started = time.monotonic()
    answer = door.post([door.station.line()], cursor=cursor, wait_s=LONG_S).get_json()
    assert answer["ack_seq"] == 1
    assert door.post(cursor=None, wait_s=LONG_S).get_json()["cursor"] is None
    assert time.monotonic() - started < LONG_S


def test_news_that_come_while_it_waits_are_answered_at_once(door: Door) -> None:
    cursor = door.post(cursor=0).get_json()["cursor"]
    answers: list[dict[str, Any]] = []

    def wait() -> None:
        client = door.client.application.test_client()
        answers.append(replace(door, client=client).post(cursor=cursor, wait_s=LONG_S).get_json())

    started = time.monotonic()
    waiting = threading.Thread(target=wait)
    waiting.start()
    door.post([door.station.received(1)], records=[door.station.guests[0].to_wire()])
    waiting.join()
    assert time.monotonic() - started < LONG_S
    assert {change["kind"] for change in answers[0]["changes"]} == {"event", "person", "visit"}


def test_an_id_that_another_event_has_is_refused_alone(door: Door) -> None:
    first = door.station.line()
    assert door.post([first]).status_code == 200
    event_id = json.loads(first)["id"]
    lines = [door.station.line(id=event_id), door.station.line()]
    answer = door.post(lines).get_json()
    assert answer["ack_seq"] == 3
    assert [(word["seq"], word["code"]) for word in answer["verdicts"]] == [(2, "id_used")]
    assert door.kit.count(EventRow) == 2
