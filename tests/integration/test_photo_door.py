"""Photos into the cloud's folder: only what an event names, whole, by whom it was asked of."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.photo import OFFSET_HEADER, PHOTO_BYTES_MAX
from server import clock
from server.models import PhotoRow
from server.photo_store import Photo, PhotoFolder
from server.photo_stores import drop_old_parts, open_photo_store
from tests.jpeg_file import jpeg
from tests.photo_stage import PhotoStage, ref_of
from tests.station_door import StationDoors, refused
from tests.station_kit import refusal_of
from tests.visit_story import settings


@pytest.fixture
def stage(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PhotoStage]:
    """A booth and a cloud on each database."""
    doors = StationDoors(settings(tmp_path, database_url), monkeypatch)
    yield PhotoStage(doors)
    doors.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the cloud keeps photos."""
    return tmp_path / "photos"


def files(folder: Path) -> list[str]:
    """The endings of all files that are kept."""
    return sorted("".join(path.suffixes) for path in folder.rglob("*") if path.is_file())


def test_a_photo_is_awaited_from_its_event_on_and_stored_when_it_came(stage: PhotoStage) -> None:
    stage.photographed(jpeg(seed=1), jpeg(seed=2))
    rows = sorted(stage.doors.kit.rows(PhotoRow), key=lambda row: row.ordinal)
    assert [(row.sha256, row.state) for row in rows] == [
        (ref_of(jpeg(seed=seed)).sha256, "awaited") for seed in (1, 2)
    ]

    stage.doors.wait(minutes=3)
    assert stage.bring(jpeg(seed=1)) == "stored"

    row = stage.row(jpeg(seed=1))
    assert (row.state, row.stored_at, row.stored_by) == ("stored", stage.doors.now, "herrera-1")
    assert stage.row(jpeg(seed=2)).state == "awaited"


def test_all_of_it_may_be_done_again(stage: PhotoStage) -> None:
    stage.photographed(jpeg())
    place = stage.place(jpeg())
    for _ in range(2):
        assert stage.put(place, jpeg()).status_code == 204
    assert stage.place(jpeg())["offset"] == len(jpeg())
    for _ in range(2):
        assert stage.stored(jpeg()).get_json()["state"] == "stored"
    stored_at = stage.row(jpeg()).stored_at

    stage.doors.wait(minutes=5)
    assert stage.ask(jpeg()).get_json() == {"state": "stored", "put": None}
    assert stage.stored(jpeg()).get_json()["state"] == "stored"

    assert stage.row(jpeg()).stored_at == stored_at


def test_a_cut_photo_goes_on_where_it_was(stage: PhotoStage, folder: Path) -> None:
    stage.photographed(jpeg())
    place = stage.place(jpeg())
    # The line ends in the middle: the body is shorter than it said.
    cut = stage.doors.client.put(
        place["url"],
        headers=place["headers"],
        input_stream=io.BytesIO(jpeg()[:1_500]),
        environ_overrides={"CONTENT_LENGTH": str(len(jpeg()))},
    )
    assert cut.status_code == 400
    assert stage.stored(jpeg()).get_json()["state"] == "awaited"

    place = stage.place(jpeg())
    assert place["offset"] == 1_500
    assert place["headers"][OFFSET_HEADER] == "1500"
    assert stage.put(place, jpeg()[1_500:]).status_code == 204

    assert stage.stored(jpeg()).get_json()["state"] == "stored"
    assert files(folder) == [".jpg"]


def test_a_photo_that_is_not_the_one_is_altered_until_the_one_comes(
    stage: PhotoStage, folder: Path
) -> None:
    stage.photographed(jpeg())
    other = jpeg(seed=7)[: len(jpeg())].ljust(len(jpeg()), b"!")

    assert stage.bring(jpeg(), other) == "altered"

    row = stage.row(jpeg())
    assert (row.state, row.found_sha256) == ("altered", ref_of(other).sha256)
    assert files(folder) == []
    assert stage.bring(jpeg()) == "stored"
    assert stage.row(jpeg()).found_sha256 is None


def test_a_station_tells_of_its_own_file_that_has_changed(stage: PhotoStage) -> None:
    stage.photographed(jpeg())

    answer = stage.ask(jpeg(), found_sha256="b" * 64, bytes=7).get_json()

    assert answer == {"state": "altered", "put": None}
    assert stage.row(jpeg()).found_sha256 == "b" * 64


def test_what_was_stored_no_later_word_takes_back(stage: PhotoStage) -> None:
    stage.photographed(jpeg())
    assert stage.bring(jpeg()) == "stored"

    assert stage.ask(jpeg(), found_sha256="b" * 64).get_json()["state"] == "stored"

    assert stage.row(jpeg()).state == "stored"


def test_there_is_a_place_only_for_what_an_event_of_this_station_names(stage: PhotoStage) -> None:
    stage.photographed(jpeg())
    elsewhere = stage.doors.add("bolivar-1", "bolivar")

    unknown = (404, "unknown_photo")
    assert refused(stage.ask(jpeg(seed=2))) == unknown
    assert refused(stage.stored(jpeg(seed=2))) == unknown
    other_visit = "01900000-0000-7000-8000-0000000000ff"
    assert refused(stage.ask(jpeg(), visit_id=other_visit)) == unknown
    assert refused(stage.ask(jpeg(), bytes=len(jpeg()) + 1)) == (400, "bad_request")
    assert refused(stage.post("/v1/photos/nothing/stored", {"visit_id": other_visit})) == unknown
    assert refused(stage.post("/v1/photos", {}, elsewhere)) == (401, "bad_signature")
    assert stage.ask(jpeg(), sha256="../../x").status_code == 422
    assert stage.ask(jpeg(), media_type="image/svg+xml").status_code == 422
    assert stage.ask(jpeg(), bytes=PHOTO_BYTES_MAX + 1).status_code == 422
    assert stage.row(jpeg()).state == "awaited"


def test_another_station_has_nothing_to_say_of_a_photo(stage: PhotoStage) -> None:
    stage.photographed(jpeg())
    stage.doors.kit.database.write(_give_the_journal_away)

    assert refused(stage.ask(jpeg(), found_sha256="b" * 64)) == (404, "unknown_photo")

    assert stage.row(jpeg()).state == "awaited"


def test_an_address_is_good_for_one_photo_and_a_while(stage: PhotoStage, folder: Path) -> None:
    stage.photographed(jpeg(seed=1), jpeg(seed=2))
    place = stage.place(jpeg(seed=1))
    not_allowed = (403, "not_allowed")
    first, second = (ref_of(jpeg(seed=seed)).sha256 for seed in (1, 2))

    for wrong in (
        {**place, "url": place["url"].replace(first, second)},
        {**place, "url": place["url"].replace(stage.visit_id, stage.visit_id[:-1] + "f")},
        {**place, "url": place["url"].replace("bytes=", "bytes=1")},
        {**place, "url": place["url"].replace("until=", "until=1")},
    ):
        assert refused(stage.put(wrong, jpeg(seed=1))) == not_allowed
    stage.doors.wait(seconds=stage.doors.kit.config.photo_put_s + 1)
    assert refused(stage.put(place, jpeg(seed=1))) == not_allowed
    assert files(folder) == []


def test_only_the_bytes_that_were_asked_for_are_taken(stage: PhotoStage, folder: Path) -> None:
    stage.photographed(jpeg())
    place = stage.place(jpeg())

    for body, headers in (
        (jpeg() + b"more", {}),
        (jpeg()[:-1], {}),
        (b"", {}),
        (jpeg(), {"Content-Type": "text/html"}),
        (jpeg(), {OFFSET_HEADER: "-1"}),
        (jpeg(), {OFFSET_HEADER: "one"}),
        (jpeg()[100:], {OFFSET_HEADER: "100"}),
    ):
        assert refused(stage.put(place, body, **headers)) == (400, "bad_request")
    assert files(folder) == []


def test_a_photo_is_not_larger_than_the_settings_allow(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALET_SERVER_PHOTO_BYTES_MAX", "1000")
    doors = StationDoors(settings(tmp_path, sqlite_url), monkeypatch)
    stage = PhotoStage(doors)
    stage.photographed(jpeg())

    answer = stage.ask(jpeg())

    assert (*refused(answer), answer.get_json()["limit"]) == (413, "too_large", 1000)
    doors.close()


def test_few_photos_come_at_once_so_that_events_can(stage: PhotoStage, tmp_path: Path) -> None:
    store = PhotoFolder(tmp_path, stage.doors.services.key, 60, puts_at_once=1)
    photo = Photo(stage.visit_id, "a" * 64, 10)
    refusals: list[str] = []

    class Slow(io.BytesIO):
        """While one comes, another tries."""

        def read(self, size: int | None = -1) -> bytes:
            refusals.append(refusal_of(store.take, photo, 0, io.BytesIO(b"0123456789")))
            return super().read(size)

    store.take(photo, 0, Slow(b"0123456789"))
    store.take(photo, 0, io.BytesIO(b"0123456789"))

    assert refusals == ["photos_busy"]


def test_a_line_that_goes_quiet_is_no_fault_of_the_disk(stage: PhotoStage, tmp_path: Path) -> None:
    store = PhotoFolder(tmp_path, stage.doors.services.key, 60, puts_at_once=1)
    photo = Photo(stage.visit_id, "a" * 64, 10)

    class Quiet(io.BytesIO):
        """Some bytes, then nothing for too long."""

        def read(self, _size: int | None = -1) -> bytes:
            if self.tell():
                raise TimeoutError
            return super().read(4)

    assert refusal_of(store.take, photo, 0, Quiet(b"0123456789")) == "bad_request"
    assert store.put(photo, stage.doors.now).offset == 4


@pytest.mark.parametrize(("number", "code"), [(28, "storage_full"), (5, "storage_fault")])
def test_a_full_disk_of_the_cloud_is_said(
    stage: PhotoStage, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    stage.photographed(jpeg())
    place = stage.place(jpeg())

    def fail(*_args: object) -> int:
        raise OSError(number, "as on a full disk")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fail)
        assert refused(stage.put(place, jpeg()))[1] == code

    assert stage.bring(jpeg()) == "stored"


def test_halves_that_nobody_adds_to_are_dropped_and_whole_photos_never(
    stage: PhotoStage, folder: Path
) -> None:
    config = stage.doors.kit.config
    store = open_photo_store(config, stage.doors.services.key)
    stage.photographed(jpeg(seed=1), jpeg(seed=2))
    stage.bring(jpeg(seed=1))
    half = Photo(stage.visit_id, ref_of(jpeg(seed=2)).sha256, len(jpeg(seed=2)))
    assert isinstance(store, PhotoFolder)
    store.take(half, 0, io.BytesIO(jpeg(seed=2)[:100]))
    for path in folder.rglob("*.*"):
        os.utime(path, (clock.now().timestamp(),) * 2)
    keep = timedelta(seconds=config.photo_part_keep_s)

    drop_old_parts(store, config, clock.now() + keep - timedelta(seconds=1))
    assert files(folder) == [".jpg", ".jpg.part"]
    drop_old_parts(store, config, clock.now() + keep + timedelta(seconds=1))

    assert files(folder) == [".jpg"]
    # Whoever has it begins anew.
    assert stage.bring(jpeg(seed=2)) == "stored"


def test_photos_are_for_nobody_else_on_the_machine(stage: PhotoStage, folder: Path) -> None:
    stage.photographed(jpeg())
    stage.bring(jpeg())

    modes = {path.stat().st_mode & 0o077 for path in folder.rglob("*")}
    assert modes == {0}


def test_the_folded_rows_say_nothing_of_photos(stage: PhotoStage) -> None:
    stage.photographed(jpeg())
    stage.bring(jpeg())

    assert stage.doors.kit.rebuilt() == []


def _give_the_journal_away(session: object) -> None:
    from sqlalchemy import update

    from server.models import JournalRow

    session.execute(update(JournalRow).values(station_id="bolivar-1"))  # type: ignore[attr-defined]
