"""A station's round trip, watched: its id on both sides, its verdicts and its lag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Response, request_finished
from prometheus_client.parser import text_string_to_metric_families
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from reader_agent.cloud import Asked, CloudLost
from reader_agent.cloud_client import CloudClient
from schemas.chain import genesis
from schemas.request_ids import REQUEST_ID_HEADER
from server import clock
from server.notices import Notices
from tests.served_cloud import served
from tests.station_door import JOURNAL, STATION, StationDoors
from tests.station_kit import config_of
from tests.station_lines import StationLines
from tests.visit_story import settings

WAIT_S = 20


@pytest.fixture
def doors(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StationDoors]:
    doors = StationDoors(settings(tmp_path / "cloud", database_url), monkeypatch)
    yield doors
    doors.services.database.close()


@pytest.fixture
def lines() -> StationLines:
    """The journal of the doors' station."""
    lines = StationLines("herrera")
    lines.journal_id, lines.head = JOURNAL, genesis(JOURNAL)
    return lines


def figures(doors: StationDoors, name: str, label: str) -> dict[str, float]:
    """What a metric says, by a label."""
    text = doors.client.get("/metrics").get_data(as_text=True)
    return {
        sample.labels[label]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_each_verdict_is_counted_once(doors: StationDoors, lines: StationLines) -> None:
    key = doors.add()
    good, bad = lines.lines(3), lines.line(kind="no.such.kind")
    assert doors.sync(key, [*good, bad], depth=10).get_json()["ack_seq"] == 4
    assert doors.sync(key, good).status_code == 200
    lines.line()
    assert doors.sync(key, [lines.line()]).get_json()["gap"] is not None

    found = figures(doors, "valet_verdicts_total", "verdict")
    assert found == {"accepted": 3, "duplicate": 3, "refused": 1, "held": 0}
    assert figures(doors, "valet_events_total", "station") == {STATION: 4}
    waiting = figures(doors, "valet_station_waiting_events", "station")
    assert waiting == {STATION: 0}


def test_how_far_behind_a_station_is_shows(doors: StationDoors, lines: StationLines) -> None:
    key = doors.add()
    assert figures(doors, "valet_station_sync_lag_seconds", "station") == {}
    doors.wait(hours=1)
    doors.sync(key, lines.lines(2), depth=7)
    assert figures(doors, "valet_station_waiting_events", "station") == {STATION: 5}
    # The second line was written 20 s into the evening.
    delay = figures(doors, "valet_station_event_delay_seconds", "station")
    assert delay[STATION] == pytest.approx(3580, abs=1)
    doors.wait(seconds=45)
    assert figures(doors, "valet_station_sync_lag_seconds", "station") == {STATION: 45}


def test_what_a_long_poll_waits_is_no_slow_answer(
    doors: StationDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing takes time but waiting.
    passed_s = [1000.0]

    def wait(_notices: Notices, seen: int, wait_s: float) -> int:
        passed_s[0] += wait_s
        return seen

    monkeypatch.setattr(clock, "mono_s", lambda: passed_s[0])
    monkeypatch.setattr(clock, "mono_ns", lambda: round(passed_s[0] * 10**9))
    monkeypatch.setattr(Notices, "wait", wait)
    key = doors.add()
    cursor = doors.sync(key, cursor=0).get_json()["cursor"]
    assert doors.sync(key, cursor=cursor, wait_s=WAIT_S).status_code == 200

    assert passed_s[0] >= 1000 + WAIT_S
    assert figures(doors, "valet_http_request_seconds_count", "route")["/v1/sync"] == 2
    assert figures(doors, "valet_http_request_seconds_sum", "route")["/v1/sync"] < 0.001


def test_the_station_s_id_is_in_the_cloud_s_log_and_answer(
    doors: StationDoors, lines: StationLines, tmp_path: Path
) -> None:
    key = doors.add()
    answered: list[str] = []

    def see(_app: object, response: Response) -> None:
        answered.append(response.headers[REQUEST_ID_HEADER])

    config = replace(config_of(tmp_path, "herrera"), station_id=STATION)
    with (
        served(doors.app) as url,
        request_finished.connected_to(see, doors.app),
        capture_logs(processors=[merge_contextvars]) as logged,
    ):
        client = CloudClient(replace(config, cloud_url=url), key, lambda: doors.now)
        header = {"v": 1, "journal_id": JOURNAL, "boot_id": "boot-1", "mono_ns": 1, "cursor": None}
        client.exchange(Asked(header, (lines.line(kind="no.such.kind"),), 0, 0, 0))
        with pytest.raises(CloudLost):
            client.ask("/v1/nothing", {})
        client.close()

    first, second = answered
    assert first != second
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in answered)
    refused = [entry for entry in logged if entry["event"] == "event_refused"]
    assert [entry["request_id"] for entry in refused] == [first]
