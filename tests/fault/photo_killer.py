"""Takes or brings photos again and again, and is killed at another line of it each time.

    python -m tests.fault.photo_killer <folder> <migrated SQLite file> <case> [<stride>]

As `tests.fault.tap_killer`, over the lines that move photos. After each kill the station is opened
again from what lies on the disk, and everything that an event names must be there, or be in the
cloud; then it is brought, by the real upload into the real cloud. Prints one JSON object
(`Outcome`) a line.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import reader_agent
from reader_agent.clock import FakeClock
from reader_agent.cloud import BAD_REQUEST, CloudLost
from reader_agent.photo_cloud import PhotoCloud
from reader_agent.photo_store import DRAFT
from reader_agent.photo_upload import PhotoUpload
from reader_agent.station import Station
from schemas.canonical import canonical_json
from schemas.photo import STORED
from schemas.signing import sign
from server import clock as cloud_clock
from server.models import PhotoRow
from tests.cloud_kit import CloudKit
from tests.fault.cloud_door import PRIVATE_KEY, CloudDoor
from tests.fault.tap_killer import STATION_ID, Killer, received, tap, with_draft
from tests.jpeg_file import jpeg
from tests.station_kit import ANA, HERRERA, config_of
from tests.visit_story import EVENING, small_district

_NAMES = ("photo_desk", "photo_store", "photo_upload", "recorder", "intake")
TRACED = frozenset(str(Path(reader_agent.__path__[0]) / f"{name}.py") for name in _NAMES)
CONTENTS = [jpeg(40_000, seed=seed) for seed in (1, 2)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kill left. `named`: how many photos events name; `kept`: of those, how many are on
    the card, whole; `stored`: how many the cloud had at that moment; `in_draft`: how many wait in
    an open reception, whole; `others`: files of no use; `finally_stored`: how many the cloud has
    at last, where this was looked at."""

    n: int
    is_killed: bool
    named: int
    kept: int
    stored: int
    in_draft: int
    others: int
    finally_stored: int | None


class DoorAsker:
    """Signs and posts, without a line."""

    def __init__(self, door: CloudDoor) -> None:
        self._door = door

    def ask(self, path: str, said: Mapping[str, Any]) -> bytes:
        """See `Asker`."""
        body = canonical_json(said)
        unix_s = int(cloud_clock.now().timestamp())
        headers = sign(PRIVATE_KEY, STATION_ID, "POST", path, body, unix_s)
        client = self._door.app.test_client()
        answer = client.post(path, data=body, headers=headers, content_type="application/json")
        if answer.status_code != 200:
            raise CloudLost(BAD_REQUEST, problem=answer.get_json()["code"])
        return answer.get_data()


class DoorCloud(PhotoCloud):
    """The real cloud, without a line."""

    def __init__(self, door: CloudDoor) -> None:
        super().__init__(config_of(Path()), DoorAsker(door))
        self._door = door

    def put(self, place: Mapping[str, Any], body: Iterable[bytes], size_bytes: int) -> None:
        """The bytes, all at once."""
        headers = dict(place["headers"])
        client = self._door.app.test_client()
        assert client.put(place["url"], data=b"".join(body), headers=headers).status_code == 204


def upload_of(station: Station, door: CloudDoor, clock: FakeClock) -> PhotoUpload:
    """The real upload to the cloud behind this door."""
    return PhotoUpload(
        station.photos,
        DoorCloud(door),
        config_of(Path()).limits,
        clock,
        may_go=lambda: True,
        now=station.now,
    )


def photographed(station: Station, clock: FakeClock) -> None:
    """A car with two photos that wait."""
    received(station, clock)
    for content in CONTENTS:
        station.photos.add(station._mirror.visits()[0].id, content)


def photographed_draft(station: Station, clock: FakeClock) -> None:
    """A reception with two photos."""
    with_draft(station, clock)
    for content in CONTENTS:
        station.photos.add_to_draft(content)


Deed = Callable[[Station, FakeClock, CloudDoor], object]


def capture(station: Station, _clock: FakeClock, _door: CloudDoor) -> None:
    """One photo of a car."""
    station.photos.add(station._mirror.visits()[0].id, CONTENTS[0])


def receive(station: Station, _clock: FakeClock, _door: CloudDoor) -> None:
    """The reception is recorded, and its photos are brought where they wait."""
    station.receive()
    station.photos.settle()


def bring(station: Station, clock: FakeClock, door: CloudDoor) -> None:
    """Two photos go up."""
    upload = upload_of(station, door, clock)
    for _ in CONTENTS:
        upload.step()


CASES: Mapping[str, tuple[Callable[[Station, FakeClock], None], Deed]] = {
    "capture": (received, capture),
    "receive": (photographed_draft, receive),
    "bring": (photographed, bring),
}


class Bench:
    """One case: its station and its cloud on the disk as they are before the deed."""

    def __init__(self, folder: Path, template: Path, case: str) -> None:
        before, self._deed = CASES[case]
        self._base, self._life = folder / "base", folder / "life"
        self._seen: set[tuple[int, ...]] = set()
        self._life.mkdir()
        shutil.copyfile(template, self._life / "cloud.sqlite3")
        url = f"sqlite:///{self._life / 'cloud.sqlite3'}"
        self._door = CloudDoor(self._life / "cloud", url)
        self._door.load(small_district(), (STATION_ID, HERRERA))
        clock = new_clock()
        station = Station(config_of(self._life), clock)
        self._door.meet(STATION_ID, station)
        before(station, clock)
        self._door.meet(STATION_ID, station)
        station.close()
        self._let_go()
        self._life.rename(self._base)

    def kill(self, n: int) -> Outcome:
        """One life that ends at its n-th line, and what is found afterwards."""
        shutil.rmtree(self._life, ignore_errors=True)
        shutil.copytree(self._base, self._life)
        is_killed = self._live(n)
        clock = new_clock()
        station = Station(config_of(self._life), clock)
        try:
            return self._look(n, station, clock, is_killed=is_killed)
        finally:
            station.close()
            self._let_go()

    def _let_go(self) -> None:
        # Neither a fork nor another life may have a connection to the file of this one.
        self._door.services.database.close()

    def _live(self, n: int) -> bool:
        child = os.fork()
        if child == 0:
            self._do(n)
        _, status = os.waitpid(child, 0)
        assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the deed itself failed"
        return os.WIFSIGNALED(status)

    def _do(self, n: int) -> None:
        status = 1
        try:
            clock = new_clock()
            station = Station(config_of(self._life), clock)
            tap(station, clock, ANA)
            sys.settrace(Killer(n, TRACED))
            self._deed(station, clock, self._door)
            sys.settrace(None)
            status = 0
        finally:
            # A fork must not come back into the loop of its parent, whatever it met.
            if status:
                traceback.print_exc()
            os._exit(status)

    def _look(self, n: int, station: Station, clock: FakeClock, *, is_killed: bool) -> Outcome:
        kit = CloudKit(self._door.services.database, self._door.services.config)
        visits = station._mirror.visits()
        named = [(visit.id, ref.sha256) for visit in visits for ref in visit.photos]
        draft = station.draft()
        drafted = [] if draft is None else [(DRAFT, ref.sha256) for ref in draft.photos]
        files = {path.name for path in station.photos.store._folder.rglob("*") if path.is_file()}
        found = (
            len(named),
            sum(_is_whole(station, *photo) for photo in named),
            sum(row.state == STORED for row in kit.rows(PhotoRow)),
            sum(_is_whole(station, *photo) for photo in drafted),
            len(files - {f"{owner}.{sha256}.jpg" for owner, sha256 in (*named, *drafted)}),
        )
        finally_stored = None
        if found not in self._seen:
            self._seen.add(found)
            self._door.meet(STATION_ID, station)
            upload = upload_of(station, self._door, clock)
            while upload.waiting():
                assert upload.step() == 0
            finally_stored = sum(row.state == STORED for row in kit.rows(PhotoRow))
        return Outcome(n, is_killed, *found, finally_stored)


def new_clock() -> FakeClock:
    """The same moment in every life."""
    return FakeClock(mono_ns=10**12, wall=EVENING, boot_id="00000000-0000-4000-8000-000000000001")


def _is_whole(station: Station, owner: str, sha256: str) -> bool:
    content = station.photos.content(owner, sha256)
    return content is not None and hashlib.sha256(content).hexdigest() == sha256


def main(folder: str, template: str, case: str, stride: str = "1") -> None:
    """Kill at every line, or every `stride` lines, until nothing is left to kill."""
    bench = Bench(Path(folder), Path(template), case)
    # A fork that collects garbage copies half of the process.
    gc.collect()
    gc.freeze()
    gc.disable()
    n, is_killed = 0, True
    while is_killed:
        n += int(stride)
        outcome = bench.kill(n)
        is_killed = outcome.is_killed
        print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
