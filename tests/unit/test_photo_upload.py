"""Photos on their way to the cloud: one at a time, behind every event, and never given up."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reader_agent import cloud as fault
from reader_agent.cloud import CloudLost
from reader_agent.photo_cloud import PhotoCloud
from reader_agent.photo_store import KeptPhoto
from reader_agent.photo_upload import BLOCK_BYTES, LOOK_EVERY_S, PhotoUpload
from schemas.photo import PhotoRef
from tests.jpeg_file import jpeg
from tests.station_kit import ANA, KEY_1, KEY_2, StationKit

PLACE = "/v1/photos/here?seal=x"


class OneCloud(PhotoCloud):
    """What the upload may ask, without a line. `has` are the bytes that came, by photo."""

    def __init__(self) -> None:
        self.has: dict[str, bytes] = {}
        self.found: list[str] = []
        self.fails: list[CloudLost] = []
        self.refused: dict[str, CloudLost] = {}
        self.cut_after: int | None = None
        self.flips = False
        self.asked = 0

    def ask(
        self, photo: KeptPhoto, ref: PhotoRef, found_sha256: str | None = None
    ) -> Mapping[str, Any]:
        """Where to put it."""
        self.asked += 1
        if self.fails:
            raise self.fails.pop(0)
        if photo.sha256 in self.refused:
            raise self.refused[photo.sha256]
        if found_sha256 is not None:
            self.found.append(found_sha256)
            return {"state": "altered", "put": None}
        if hashlib.sha256(self.has.get(photo.sha256, b"")).hexdigest() == photo.sha256:
            return {"state": "stored", "put": None}
        offset = len(self.has.get(photo.sha256, b""))
        return {
            "state": "awaited",
            "put": {"url": photo.sha256, "headers": {}, "offset": offset},
        }

    def put(self, place: Mapping[str, Any], body: Iterable[bytes], size_bytes: int) -> None:
        """Take what comes until the line is cut."""
        sha256, came = place["url"], b""
        for block in body:
            came += block
            self.has[sha256] = self.has.get(sha256, b"") + block
            if self.cut_after is not None and len(came) >= self.cut_after:
                self.cut_after = None
                raise CloudLost(fault.UNREACHABLE)
        assert len(came) == size_bytes
        if self.flips:
            self.has[sha256] = b"!" + self.has[sha256][1:]

    def stored(self, photo: KeptPhoto) -> Mapping[str, Any]:
        """Look at what came."""
        came = self.has[photo.sha256]
        if hashlib.sha256(came).hexdigest() == photo.sha256:
            return {"state": "stored", "put": None}
        del self.has[photo.sha256]
        return {"state": "altered", "put": None}


class Stage:
    """A booth with a cloud, and an upload that goes step by step."""

    def __init__(self, folder: Path) -> None:
        self.kit = StationKit(folder, photo_retry_s=600)
        self.kit.tap(ANA)
        self.cloud = OneCloud()
        self.is_free = True
        self.turns: list[bool] = []
        self.changes = 0
        self.begin()

    def begin(self) -> None:
        """A new upload, as after a restart of the agent."""
        self.upload = PhotoUpload(
            self.kit.station.photos,
            self.cloud,
            self.kit.config.limits,
            self.kit.clock,
            may_go=self.may_go,
            now=self.kit.station.now,
            on_change=self.changed,
            jitter=lambda: 1.0,
        )

    def may_go(self) -> bool:
        """The next of `turns`, then `is_free`."""
        return self.turns.pop(0) if self.turns else self.is_free

    def changed(self) -> None:
        """Something happened that a screen may show."""
        self.changes += 1

    def photograph(self, seed: int = 1, size_bytes: int = 4_000, key: str = KEY_1) -> KeptPhoto:
        """A car and a photo of it."""
        holders = self.kit.station._mirror.with_tag(key)
        visit_id = holders[0].id if holders else self.kit.receive(key, plate=key[-3:]).visit_id
        content = jpeg(size_bytes, seed=seed)
        self.kit.station.photos.add(visit_id, content)
        return KeptPhoto(visit_id, hashlib.sha256(content).hexdigest())

    def waits(self) -> list[tuple[KeptPhoto, int, str | None]]:
        """What waits, with its tries and why it is not taken."""
        return [(each.photo, each.tries, each.code) for each in self.upload.waiting()]

    def path(self, photo: KeptPhoto) -> Path:
        """Where a photo waits."""
        return self.kit.config.data_dir / "photos" / "waiting" / photo.name


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A booth with Ana."""
    stage = Stage(tmp_path)
    yield stage
    stage.kit.station.close()


def test_photos_go_up_one_at_a_time_the_oldest_first(stage: Stage) -> None:
    photos = [stage.photograph(seed) for seed in (1, 2)]

    assert stage.upload.step() == 0
    assert list(stage.cloud.has) == [photos[0].sha256]
    assert [photo for photo, *_ in stage.waits()] == photos[1:]
    assert stage.upload.step() == 0

    assert (stage.waits(), stage.changes) == ([], 2)
    assert stage.kit.station.photos.content(photos[0].owner, photos[0].sha256) == jpeg(seed=1)
    assert stage.upload.step() == LOOK_EVERY_S


def test_nothing_is_asked_while_the_line_is_not_free(stage: Stage) -> None:
    photo = stage.photograph()
    stage.is_free = False

    assert stage.upload.step() == LOOK_EVERY_S

    assert stage.cloud.asked == 0
    assert stage.waits() == [(photo, 0, None)]


def test_a_cut_photo_goes_on_where_the_cloud_has_it(stage: Stage) -> None:
    photo = stage.photograph(size_bytes=5 * BLOCK_BYTES)
    stage.cloud.cut_after = 2 * BLOCK_BYTES

    assert stage.upload.step() > 0
    assert len(stage.cloud.has[photo.sha256]) == 2 * BLOCK_BYTES
    stage.begin()
    assert stage.upload.step() == 0

    assert stage.cloud.has[photo.sha256] == jpeg(5 * BLOCK_BYTES, seed=1)
    assert stage.waits() == []


def test_an_event_recorded_meanwhile_goes_first(stage: Stage) -> None:
    stage.photograph(size_bytes=3 * BLOCK_BYTES)
    # Free to begin and for the first block; then twice not.
    stage.turns = [True, True, False, False]

    assert stage.upload.step() == 0

    assert (stage.turns, stage.waits()) == ([], [])


def test_where_events_do_not_get_through_a_photo_gives_way(stage: Stage, tmp_path: Path) -> None:
    photo = stage.photograph(size_bytes=3 * BLOCK_BYTES)
    stage.upload._limits = stage.kit.config.limits.__class__(request_timeout_s=1)
    stage.turns, stage.is_free = [True, True], False

    assert stage.upload.step() > 0

    assert len(stage.cloud.has[photo.sha256]) == BLOCK_BYTES
    assert stage.waits() == [(photo, 1, None)]


def test_a_lost_answer_costs_nothing(stage: Stage) -> None:
    photo = stage.photograph()
    stage.cloud.has[photo.sha256] = jpeg(seed=1)

    assert stage.upload.step() == 0

    assert stage.waits() == []


def test_a_bad_line_is_sat_out_longer_and_longer_and_obeyed(stage: Stage) -> None:
    photo = stage.photograph()
    lost = [CloudLost(code) for code in (fault.UNREACHABLE, fault.SERVER_ERROR, fault.TURNED_AWAY)]
    stage.cloud.fails = [*lost, CloudLost(fault.BUSY, retry_after_s=90)]

    assert [stage.upload.step() for _ in range(4)] == [1, 2, 4, 90]

    assert stage.waits() == [(photo, 4, None)]
    assert stage.upload.step() == 0
    assert stage.waits() == []


def test_a_photo_that_is_refused_is_kept_and_named_and_stops_no_other(stage: Stage) -> None:
    bad, good = stage.photograph(1), stage.photograph(2, key=KEY_2)
    refusal = CloudLost(fault.BAD_REQUEST, problem="unknown_photo")
    stage.cloud.refused[bad.sha256] = refusal

    steps = [stage.upload.step() for _ in range(3)]

    assert steps == [0, 0, LOOK_EVERY_S]
    assert stage.waits() == [(bad, 1, "unknown_photo")]
    assert good.sha256 in stage.cloud.has
    # Somebody mends it, and after a while it goes by itself.
    stage.cloud.refused.clear()
    stage.kit.clock.advance(601)
    assert stage.upload.step() == 0
    assert stage.waits() == []


def test_a_photo_that_was_changed_on_the_card_is_told_and_not_brought(stage: Stage) -> None:
    photo, other = stage.photograph(1), stage.photograph(2)
    stage.path(photo).write_bytes(jpeg(seed=3))

    assert [stage.upload.step() for _ in range(2)] == [0, 0]

    assert stage.cloud.found == [hashlib.sha256(jpeg(seed=3)).hexdigest()]
    assert list(stage.cloud.has) == [other.sha256]
    assert stage.waits() == [(photo, 1, "photo_altered")]
    assert stage.path(photo).exists()


def test_a_photo_that_arrived_changed_is_brought_again(stage: Stage) -> None:
    photo = stage.photograph()
    stage.cloud.flips = True
    assert stage.upload.step() > 0
    assert stage.waits() == [(photo, 1, None)]

    stage.cloud.flips = False
    assert stage.upload.step() == 0
    assert stage.waits() == []


def test_a_photo_that_the_card_no_longer_reads_stops_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, other = stage.photograph(1), stage.photograph(2)
    real = Path.read_bytes

    def read(path: Path) -> bytes:
        if path.name == photo.name:
            raise OSError(5, "as on a bad card")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)

    assert [stage.upload.step() for _ in range(2)] == [0, 0]

    assert stage.waits() == [(photo, 1, "photo_unreadable")]
    assert other.sha256 in stage.cloud.has


def test_the_loop_brings_photos_by_itself_and_ends(stage: Stage) -> None:
    stage.photograph()

    stage.upload.start()
    deadline_s = time.monotonic() + 60
    while stage.waits() and time.monotonic() < deadline_s:
        stage.upload._stopping.wait(0.01)
    stage.upload.stop(60)

    assert stage.waits() == []
    assert not stage.upload._thread.is_alive()
