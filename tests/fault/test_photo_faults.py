"""Photos on a bad evening: cut lines, kills, full and lying disks. None is lost, no event waits."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reader_agent import uplink
from schemas.signing import public_key_of
from server import clock
from server.models import PhotoRow
from server.stations import add_station
from tests.cloud_kit import CloudKit, open_cloud
from tests.fault.served_process import ServedProcess, served_process
from tests.fault.thin_line import ThinLine
from tests.jpeg_file import jpeg
from tests.photo_booth import PRIVATE_KEY, STATION, PhotoBooth, until
from tests.station_kit import refusal_of
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300
MEGABYTE = 1_000_000
# What a break may cost beside the photo itself: heads, and what lay in Linux's receive buffer (its
# default is 128 KiB) when nobody read it any more.
SLACK = 200_000


@pytest.fixture
def kit(tmp_path: Path, sqlite_url: str) -> Iterator[CloudKit]:
    """A cloud that knows the booth."""
    with open_cloud(tmp_path / "cloud", sqlite_url) as kit:
        public_key = public_key_of(PRIVATE_KEY).hex()
        kit.database.write(
            lambda session: add_station(session, STATION, "herrera", public_key, clock.now())
        )
        yield kit


@pytest.fixture
def server(kit: CloudKit, tmp_path: Path) -> Iterator[ServedProcess]:
    """The cloud's door as a real process."""
    with served_process(kit.config, tmp_path) as server:
        yield server


@pytest.fixture
def line(server: ServedProcess) -> Iterator[ThinLine]:
    """The line between them."""
    with ThinLine(server.port) as line:
        yield line


@pytest.fixture
def booth(tmp_path: Path, line: ThinLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[PhotoBooth]:
    """The booth, whose lines are open; one that comes back counts at once."""
    monkeypatch.setattr(uplink, "STEADY_S", 0)
    booth = PhotoBooth(tmp_path / "booth", line.url)
    booth.start()
    yield booth
    booth.close()


def states(kit: CloudKit) -> list[str]:
    """What the cloud says of every photo."""
    return [row.state for row in kit.rows(PhotoRow)]


def stored_bytes(kit: CloudKit) -> list[bytes]:
    """The files in the cloud's folder."""
    return [path.read_bytes() for path in kit.config.photo_folder.rglob("*.jpg")]


def test_a_photo_that_is_cut_twice_and_whose_server_dies_goes_on_each_time(
    kit: CloudKit, server: ServedProcess, line: ThinLine, booth: PhotoBooth
) -> None:
    line.bytes_per_s = 3 * MEGABYTE
    # So late that to begin anew even once would cost more than three breaks may.
    line.cut_photo_after = 800_000
    content = jpeg(15 * MEGABYTE // 10)
    booth.photograph(booth.receive(), content)
    until(lambda: line.cut_photo_after is None, "it was cut once")
    line.cut_photo_after = 200_000
    until(lambda: line.cut_photo_after is None, "it was cut twice")
    until(lambda: line.photo_bytes > 1_200_000, "it goes on")
    server.kill()
    server.start()

    until(booth.has_brought_all, "the photo is in the cloud")

    assert (states(kit), stored_bytes(kit)) == (["stored"], [content])
    assert line.photos >= 4
    assert line.photo_bytes < len(content) + 3 * SLACK


def test_events_pass_a_slow_photo(kit: CloudKit, line: ThinLine, booth: PhotoBooth) -> None:
    visit_id = booth.receive()
    line.bytes_per_s = 500_000
    booth.photograph(visit_id, jpeg(15 * MEGABYTE // 10))
    for number in range(2, 6):
        until(lambda seen=number: line.photo_bytes > 100_000 * seen, "the photo comes")  # type: ignore[misc]
        booth.receive(number)
        until(lambda: not booth.station.exchange.has_unsent(), "the event is in the cloud")
        # It did not have to wait for the photo's end.
        assert states(kit) == ["awaited"]

    # While events do not get through, the photo stands still: the line is theirs.
    line.flows.clear()
    before = line.photo_bytes
    booth.receive(6)
    time.sleep(1.0)
    assert line.photo_bytes - before < SLACK
    line.flows.set()
    line.bytes_per_s = None

    until(booth.has_brought_all, "the photo is in the cloud")
    assert states(kit) == ["stored"]


def test_an_agent_that_is_killed_under_a_photo_goes_on_with_it(
    kit: CloudKit, line: ThinLine, tmp_path: Path
) -> None:
    line.bytes_per_s = 2 * MEGABYTE
    size = 800_000

    def begin() -> subprocess.Popen[str]:
        arguments = [str(tmp_path / "booth"), line.url, "3", str(size)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.photo_booth", *arguments],
            cwd=ROOT,
            env=unmeasured(),
            stdout=subprocess.PIPE,
            text=True,
        )

    with begin() as life:
        until(lambda: line.photo_bytes > 1_100_000, "the second photo is coming")
        life.send_signal(signal.SIGKILL)
    with begin() as life:
        assert life.stdout is not None
        told = life.stdout.read().splitlines()
        assert life.wait(DEADLINE_S) == 0
    said = [json.loads(each) for each in told if each.startswith("{")]

    assert said[-1] == {"done": True}
    rows = kit.rows(PhotoRow)
    assert sorted(row.sha256 for row in rows) == sorted(said[0]["taken"])
    assert states(kit) == ["stored"] * 3
    assert line.photo_bytes < 3 * size * 1.1 + SLACK


def test_a_line_that_goes_quiet_under_a_photo_is_given_up(kit: CloudKit, tmp_path: Path) -> None:
    settings = {"PHOTO_STALL_S": "1", "PHOTO_PUTS_AT_ONCE": "1"}
    content = jpeg(MEGABYTE)
    with served_process(kit.config, tmp_path, **settings) as server, ThinLine(server.port) as line:
        booth = PhotoBooth(tmp_path / "booth", line.url)
        booth.start()
        line.stall_photo_after = 300_000
        booth.photograph(booth.receive(), content)
        until(lambda: line.photos == 1 and line.photo_bytes >= 300_000, "it stands still")
        # Nobody ends that connection; the one place for photos is free again all the same.
        booth.close()
        again = PhotoBooth(tmp_path / "booth", f"http://127.0.0.1:{server.port}")
        again.start()
        until(again.has_brought_all, "the photo is in the cloud")
        again.close()

    assert stored_bytes(kit) == [content]


def test_a_full_disk_refuses_a_photo_and_keeps_the_old_ones(
    kit: CloudKit, booth: PhotoBooth
) -> None:
    visit_id = booth.receive()
    old = booth.photograph(visit_id, jpeg(1_000, seed=1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As a file system without room; what is written meanwhile beside it is smaller.
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, limits[1]))
    try:
        refused = refusal_of(booth.photograph, visit_id, jpeg(15 * MEGABYTE // 10, seed=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert refused == "photo_no_room"
    assert [ref.sha256 for ref in booth.station.photos.of(visit_id)] == [old]
    assert not list((booth.config.data_dir / "photos").rglob("*.part"))
    booth.photograph(visit_id, jpeg(15 * MEGABYTE // 10, seed=2))
    until(booth.has_brought_all, "both are in the cloud")
    assert states(kit) == ["stored"] * 2


def test_a_photo_that_was_changed_on_the_card_shows_as_altered(
    kit: CloudKit, line: ThinLine, booth: PhotoBooth
) -> None:
    line.flows.clear()
    visit_id = booth.receive()
    sha256 = booth.photograph(visit_id, jpeg(seed=1))
    other = booth.photograph(visit_id, jpeg(seed=2))
    folder = booth.config.data_dir / "photos" / "waiting"
    os.truncate(folder / f"{visit_id}.{sha256}.jpg", 1_000)
    line.flows.set()

    until(lambda: sorted(states(kit)) == ["altered", "stored"], "the cloud knows of both")

    altered = {row.sha256: row.state for row in kit.rows(PhotoRow)}
    assert altered == {sha256: "altered", other: "stored"}
    (waiting,) = booth.upload.waiting()
    assert (waiting.photo.sha256, waiting.code) == (sha256, "photo_altered")


@pytest.mark.parametrize(("case", "named", "stride"), [("capture", 1, 3), ("receive", 2, 6)])
def test_photos_taken_when_the_agent_is_killed_at_any_line_are_whole_or_were_never_taken(
    tmp_path: Path, sqlite_url: str, case: str, named: int, stride: int
) -> None:
    *killed, spared = killed_everywhere(tmp_path, sqlite_url, case, stride)

    assert (spared["is_killed"], spared["named"], spared["kept"]) == (False, named, named)
    assert len(killed) >= 30
    for life in killed:
        # The event and the bytes, or neither; a reception keeps its photos until it is one.
        assert life["named"] == life["kept"]
        assert life["named"] in (0, named)
        assert life["in_draft"] == (2 - life["named"] if case == "receive" else 0)
        assert life["others"] == 0
    assert {life["named"] for life in killed} == {0, named}
    looked_at = [life for life in killed if life["finally_stored"] is not None]
    assert [life["finally_stored"] for life in looked_at] == [life["named"] for life in looked_at]


def test_photos_brought_when_the_agent_is_killed_at_any_line_all_arrive(
    tmp_path: Path, sqlite_url: str
) -> None:
    *killed, spared = killed_everywhere(tmp_path, sqlite_url, "bring", 8)

    assert (spared["stored"], spared["kept"]) == (2, 2)
    assert len(killed) >= 30
    assert {life["kept"] for life in killed} == {2}
    assert {life["others"] for life in killed} == {0}
    assert {life["stored"] for life in killed} == {0, 1, 2}
    assert {life["finally_stored"] for life in killed} <= {2, None}


def killed_everywhere(
    folder: Path, sqlite_url: str, case: str, stride: int
) -> list[dict[str, int]]:
    """What was left after each kill, and after the one life that was spared. `stride`: how many
    lines lie between two kills."""
    template = sqlite_url.removeprefix("sqlite:///")
    arguments = [str(folder), template, case, str(stride)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fault.photo_killer", *arguments],
        cwd=ROOT,
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"n"')]
