"""A station that was shut out or copied: its own screen says so, and so does the office's page.

The agent is the real process with its screen, the cloud is served with a manager signed in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import urllib3
from flask.testing import FlaskClient

from reader_agent.clock import FakeClock
from reader_agent.cloud_client import CloudClient
from reader_agent.config import read_config
from reader_agent.station import Station
from reader_agent.station_key import load_or_create, public_key_hex
from server import clock
from server.accounts import set_password
from server.app import create_app, services
from server.database import Database
from server.district import load_district
from server.models import StationRow
from server.stations import add_station
from tests.agent_process import AgentProcess
from tests.booth_process import RunningBooth
from tests.served_cloud import served
from tests.visit_story import MANAGER, settings, small_district

PATIENCE_S = 60.0
STATION, PLACE = "herrera-1", "herrera"
OTHER_BOOT = "00000000-0000-4000-8000-00000000c09e"
HOUR_NS = 3_600 * 10**9
ANA = "em4100:0A00000001"
PASSWORD = "correcto-caballo"


def until(look: Callable[[], bool], what: str) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@dataclass
class Office:
    """A served cloud and its manager's browser."""

    url: str
    browser: FlaskClient
    database: Database

    def row(self) -> StationRow | None:
        """What the cloud knows of the station."""
        return self.database.read(lambda session: session.get(StationRow, STATION))

    def is_heard(self) -> bool:
        """Whether the station has spoken."""
        row = self.row()
        return row is not None and row.seen_at is not None

    def page(self) -> str:
        """The page of the stations."""
        return self.browser.get("/manage/stations").text

    def alarms(self) -> str:
        """What stands out on it; empty for nothing."""
        return self.page().partition('id="alarms"')[2].partition("</div>")[0]


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str) -> Iterator[Office]:
    """A cloud with the small district. Two lives of a station may not overlap by a second, so
    that it does not matter how long this machine has been up."""
    app = create_app(replace(settings(tmp_path / "cloud", sqlite_url), twin_overlap_s=1))
    with app.app_context():
        database = services().database
    database.write(lambda session: load_district(session, small_district()))
    database.write(lambda session: set_password(session, MANAGER, PASSWORD))
    browser = app.test_client()
    browser.post("/manage/sign-in", data={"person": MANAGER, "password": PASSWORD})
    with served(app) as url:
        yield Office(url, browser, database)
    database.close()


@pytest.fixture
def booth(office: Office, tmp_path: Path) -> Iterator[RunningBooth]:
    """A booth that the cloud listens to, as a process, once it has been heard."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    key = public_key_hex(data_dir)
    office.database.write(lambda session: add_station(session, STATION, PLACE, key, clock.now()))
    link = tmp_path / "coil"
    line = {"VALET_AGENT_CLOUD_URL": office.url, "VALET_AGENT_LONG_POLL_WAIT_S": "1"}
    with AgentProcess("emulate", "em125", "--link", str(link)) as reader:
        reader.said()
        with RunningBooth(tmp_path, VALET_AGENT_READERS=f"em125:{link}", **line) as booth:
            until(office.is_heard, "the station speaks")
            until(lambda: "En línea" in screen(booth), "the screen says that it is connected")
            # A locked screen shows the badge; what is behind it is for who works here.
            reader.tell(json.dumps({"tag": ANA, "hold_ms": 500}))
            until(lambda: "Ana Ríos" in screen(booth), "Ana is signed in")
            yield booth


def screen(booth: RunningBooth, path: str = "/") -> str:
    """What stands on the booth's screen."""
    return urllib3.request("GET", booth.url + path, timeout=10).data.decode()


@contextmanager
def other_machine(office: Office, folder: Path) -> Iterator[Station]:
    """A second computer with the key of the first: up for an hour, and with its own journal."""
    config = replace(
        read_config(folder / "agent.env"), cloud_url=office.url, data_dir=folder / "copy"
    )
    station = Station(config, FakeClock(mono_ns=HOUR_NS, wall=clock.now(), boot_id=OTHER_BOOT))
    sync = station.sync_with(CloudClient(config, load_or_create(folder / "data"), station.now))
    sync.start()
    try:
        yield station
    finally:
        sync.stop()
        station.close()


def test_a_station_that_is_shut_out_says_so_on_its_screen_and_is_an_alarm_when_it_speaks(
    office: Office, booth: RunningBooth, tmp_path: Path
) -> None:
    assert office.alarms() == ""
    form = {"station": STATION, "reason": "Se la llevaron"}
    assert office.browser.post("/manage/stations/revoke", data=form).status_code == 303

    until(lambda: "Estación sin permiso" in screen(booth), "every screen shows the badge")
    until(lambda: "fue dada de baja" in screen(booth, "/status"), "the status says why")
    until(lambda: STATION in office.alarms(), "the office sees that it still speaks")
    assert "Alarmas: 1" in office.browser.get("/manage/day").text

    key = public_key_hex(tmp_path / "data")
    office.database.write(lambda session: add_station(session, STATION, PLACE, key, clock.now()))
    until(lambda: "En línea" in screen(booth), "let in again, it goes on by itself")
    assert office.alarms() == ""


def test_a_station_that_was_copied_says_so_on_both_screens_and_is_an_alarm(
    office: Office, booth: RunningBooth, tmp_path: Path
) -> None:
    assert office.alarms() == ""
    with other_machine(office, tmp_path) as copy:
        until(lambda: copy.status().station_problem == "cloned", "the copy is told")
        until(lambda: "Estación duplicada" in screen(booth), "every screen shows the badge")
        until(lambda: "Otra máquina usa la" in screen(booth, "/status"), "the status says why")
        assert STATION in office.alarms()
        assert "Plaza Herrera" in office.alarms()
