"""`valet-agent enroll` and `rotate-key` against the real cloud, each in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from booth_ui.cli import main
from reader_agent.cloud import Asked
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config, Limits, read_config
from reader_agent.station_key import FILE_NAME, KeyRing, public_key_hex
from schemas.signing import public_key_of
from server.stations import revoke_station
from tests.booth_process import free_port, settings
from tests.served_cloud import served
from tests.station_door import JOURNAL, STATION, StationDoors
from tests.visit_story import settings as cloud_settings


@dataclass
class Site:
    """A cloud that is served, and a station's folder with settings for it."""

    doors: StationDoors
    folder: Path
    url: str

    @property
    def data_dir(self) -> Path:
        """Where the station keeps its keys."""
        return self.folder / "data"

    def run(self, *arguments: str, **changes: str) -> Result:
        """One command of the agent."""
        path = self.folder / "agent.env"
        path.write_text(settings(self.folder, free_port(), **{"CLOUD_URL": self.url, **changes}))
        try:
            return CliRunner().invoke(main, [*arguments, "--config", str(path)])
        finally:
            # The command logs to a stream that is gone by now.
            structlog.reset_defaults()

    def config(self, **limits: int) -> Config:
        """The station's settings."""
        config = read_config(self.folder / "agent.env")
        return replace(config, limits=replace(Limits(), **limits))

    def client(self, wall: datetime | None = None, **limits: int) -> CloudClient:
        """The agent's client, whose clock says what it says."""
        now = wall or self.doors.now
        return CloudClient(self.config(**limits), KeyRing(self.data_dir), lambda: now)

    def speaks(self) -> bool:
        """Whether the station, as it is on its card, is listened to."""
        client = self.client()
        try:
            return bool(client.exchange(asked())["ack_seq"] == 0)
        finally:
            client.close()

    @property
    def keys(self) -> tuple[str, str]:
        """The station's public key on its card and in the cloud."""
        return public_key_hex(self.data_dir), self.doors.row().public_key


def asked(wait_s: int = 0) -> Asked:
    """A question for news."""
    header = {"v": 1, "journal_id": JOURNAL, "cursor": None, "boot_id": "b", "mono_ns": 1}
    return Asked({**header, "wait_s": wait_s}, [], 0, 0, wait_s)


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site."""
    config = replace(cloud_settings(tmp_path / "cloud", sqlite_url), enrol_tries_per_address=3)
    (tmp_path / "cloud").mkdir()
    doors = StationDoors(config, monkeypatch)
    with served(doors.app) as url:
        yield Site(doors, tmp_path, url)
    doors.close()


def test_a_new_station_is_let_in_by_its_code(site: Site) -> None:
    done = site.run("enroll", *site.doors.code().lower().split("-"))

    assert (done.exit_code, done.stdout) == (
        0,
        "herrera-1 may speak for Plaza Herrera (herrera)\n",
    )
    assert site.keys[0] == site.keys[1]
    assert (site.data_dir / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert site.speaks()


def test_the_key_that_was_made_before_is_the_one_that_is_let_in(site: Site) -> None:
    key = site.run("key").output.strip()
    assert site.run("enroll", site.doors.code()).exit_code == 0
    assert site.keys == (key, key)


def test_a_second_enrolment_brings_a_new_key(site: Site) -> None:
    site.run("enroll", site.doors.code())
    first = site.keys[0]
    site.doors.kit.database.write(lambda session: revoke_station(session, STATION))

    assert site.run("enroll", site.doors.code()).exit_code == 0
    assert site.keys[0] == site.keys[1] != first
    assert [path.name for path in site.data_dir.iterdir()] == [FILE_NAME]
    assert site.run("enroll", site.doors.code()).exit_code == 0
    assert site.speaks()


def test_an_enrolment_whose_answer_was_lost_is_done_again_with_the_same_code(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.run("enroll", site.doors.code())
    code = site.doors.code()
    with monkeypatch.context() as patch:
        patch.setattr(KeyRing, "settle", lambda *_: (_ for _ in ()).throw(OSError(5, "killed")))
        assert site.run("enroll", code).exit_code == 1
    # Not even that is needed: the agent finds the key that the cloud knows.
    assert site.speaks()
    assert site.run("enroll", code).exit_code == 0
    assert site.keys[0] == site.keys[1]
    assert site.speaks()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PLACE_ID": "bolivar"}, "VALET_AGENT_PLACE_ID is bolivar here, but the code is for her"),
        ({"STATION_ID": "bolivar-1"}, "VALET_AGENT_STATION_ID is bolivar-1 here, but the code is"),
        ({"LETTER": "B"}, "VALET_AGENT_LETTER is B here, but the code is for H"),
        ({"ROLE": "lot"}, "VALET_AGENT_ROLE is lot here, but the code is for booth"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_the_code_are_named(
    site: Site, changes: dict[str, str], words: str
) -> None:
    code = site.doors.code()
    done = site.run("enroll", code, **changes)
    assert done.exit_code == 1
    assert words in done.output
    assert site.run("enroll", code).exit_code == 0


def test_what_went_wrong_is_said_with_what_to_do(site: Site) -> None:
    for _ in range(3):
        done = site.run("enroll", "2222-2222")
        assert (done.exit_code, "ask a manager for a new one" in done.output) == (1, True)
    done = site.run("enroll", site.doors.code())
    assert (done.exit_code, "wait ten minutes" in done.output) == (1, True)
    done = site.run("enroll", "2222-2222", CLOUD_URL="http://127.0.0.1:9")
    assert (done.exit_code, "the cloud does not answer" in done.output) == (1, True)
    done = site.run("enroll", "2222-2222", ROLE="kiosk")
    assert (done.exit_code, "VALET_AGENT_ROLE" in done.output) == (1, True)
    assert site.run("rotate-key").exit_code == 1


def test_a_running_agent_takes_over_the_key_that_another_process_made(site: Site) -> None:
    site.run("enroll", site.doors.code())
    running = site.client()
    running.exchange(asked())
    first = site.keys[0]

    done = site.run("rotate-key")

    assert (done.exit_code, done.stdout) == (0, "herrera-1 has a new key\n")
    assert site.keys[0] == site.keys[1] != first
    assert running.exchange(asked())["ack_seq"] == 0
    running.close()


def test_a_station_without_the_time_speaks_all_the_same(site: Site) -> None:
    site.run("enroll", site.doors.code())
    for wall in (datetime(1970, 1, 2, tzinfo=UTC), datetime(2061, 1, 1, tzinfo=UTC)):
        client = site.client(wall)
        assert client.exchange(asked())["server_time"] == site.doors.now
        # From then on without asking.
        site.doors.client.get("/healthz")
        assert client._ahead_s == site.doors.now_s - int(wall.timestamp())
        assert client.exchange(asked())["ack_seq"] == 0
        client.close()
    # With no clock at all, a code works too: its time is not looked at.
    assert site.run("enroll", site.doors.code()).exit_code == 0


def test_a_key_that_is_too_old_is_changed_by_itself_while_nothing_is_sent(site: Site) -> None:
    site.run("enroll", site.doors.code())
    first = site.keys[0]
    path = site.data_dir / FILE_NAME
    days_ago = (site.doors.now - timedelta(days=91)).timestamp()
    os.utime(path, (days_ago, days_ago))

    for days, wait_s in ((90, 0), (0, 1), (92, 1)):
        client = site.client(key_days=days)
        client.exchange(asked(wait_s))
        client.close()
        assert site.keys == (first, first)
    client = site.client(key_days=90)
    client.exchange(asked(1))
    client.close()
    assert site.keys[0] == site.keys[1] != first
    assert public_key_of(KeyRing(site.data_dir).current).hex() != first
