"""Photos on the station's card: whole or not there, never without room for events, never lost."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reader_agent.config import Limits
from reader_agent.photo_store import DRAFT, KeptPhoto, PhotoStore
from schemas.photo import PhotoRef
from tests.jpeg_file import SECRETS, chatty_jpeg, jpeg
from tests.station_kit import EVENING, refusal_of

VISIT = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"


def store_of(folder: Path, **limits: int) -> PhotoStore:
    """A store with these limits."""
    return PhotoStore(folder, Limits(**limits))


def files(folder: Path) -> list[str]:
    """Every file under `photos`, by folder and the beginning of its name."""
    paths = (folder / "photos").rglob("*")
    return sorted(
        f"{path.parent.name}/{path.name.partition('.')[0]}" for path in paths if path.is_file()
    )


def kept(store: PhotoStore, content: bytes, owner: str = VISIT) -> KeptPhoto:
    """Keep a photo; its name."""
    return KeptPhoto(owner, store.keep(owner, content).sha256)


def test_a_photo_is_hashed_without_what_is_no_picture(tmp_path: Path) -> None:
    store = store_of(tmp_path)

    ref = store.keep(VISIT, chatty_jpeg())

    content = store.read(KeptPhoto(VISIT, ref.sha256))
    assert content is not None
    assert ref == PhotoRef(hashlib.sha256(content).hexdigest(), len(content))
    assert not any(secret in content for secret in SECRETS)
    assert store.new() == [KeptPhoto(VISIT, ref.sha256)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad_photo"),
        (b"<script>", "bad_photo"),
        (jpeg()[:-2], "bad_photo"),
        (jpeg(30_000), "photo_too_large"),
        (jpeg(width=4_000, height=1_000), "photo_too_large"),
        (jpeg(width=65_535, height=65_535), "photo_too_large"),
    ],
)
def test_what_must_not_be_kept_leaves_nothing_behind(
    tmp_path: Path, content: bytes, code: str
) -> None:
    store = store_of(tmp_path, photo_bytes=20_000, photo_megapixels=3)

    assert refusal_of(store.keep, VISIT, content) == code
    assert files(tmp_path) == []


def test_what_is_kept_for_events_is_not_filled_with_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path, photo_room_mb=100)
    old = kept(store, jpeg(seed=1))
    room = SimpleNamespace(free=100_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: room)

    assert refusal_of(store.keep, VISIT, jpeg(seed=2)) == "photo_no_room"
    assert store.read(old) is not None

    room.free += 10_000
    assert kept(store, jpeg(seed=2)) in store.new()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "photo_no_room"),
        (errno.EDQUOT, "photo_no_room"),
        (errno.EFBIG, "photo_no_room"),
        (errno.EIO, "storage_fault"),
        (errno.EROFS, "storage_fault"),
    ],
)
def test_a_disk_that_fails_is_said_and_costs_nothing_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    store = store_of(tmp_path)
    old = kept(store, jpeg(seed=1))

    def fail(_descriptor: int) -> None:
        raise OSError(number, "as on a bad card")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        assert refusal_of(store.keep, VISIT, jpeg(seed=2)) == code

    assert files(tmp_path) == [f"new/{VISIT}"]
    assert store.read(old) == jpeg(seed=1)
    # It works again by itself.
    kept(store, jpeg(seed=2))


def test_the_name_comes_after_the_bytes_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        done.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().name[-5:])
        real_fsync(descriptor)

    def rename(path: Path, target: Any) -> Path:
        done.append("name")
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    store_of(tmp_path).keep(VISIT, jpeg())

    assert done == ["sync .part", "name", "sync new"]


def test_a_photo_goes_from_new_to_waiting_to_sent_and_then_away(tmp_path: Path) -> None:
    store = store_of(tmp_path, photo_keep_days=7)
    draft = kept(store, jpeg(), DRAFT)

    store.begin_waiting(draft, VISIT)
    photo = KeptPhoto(VISIT, draft.sha256)
    assert (store.new(), store.waiting()) == ([], [photo])

    store.was_stored(photo, EVENING)
    assert store.waiting() == []
    store.drop_old(EVENING + timedelta(days=6, hours=23))
    assert store.read(photo) == jpeg()
    store.drop_old(EVENING + timedelta(days=7, seconds=1))
    assert store.read(photo) is None


def test_what_the_cloud_does_not_have_is_never_dropped(tmp_path: Path) -> None:
    store = store_of(tmp_path, photo_keep_days=0)
    store.begin_waiting(kept(store, jpeg()), VISIT)

    store.drop_old(EVENING + timedelta(days=10_000))

    assert len(store.waiting()) == 1


def test_the_same_photo_again_is_not_brought_to_the_cloud_again(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    photo = kept(store, jpeg())
    store.begin_waiting(photo, VISIT)
    store.was_stored(photo, EVENING)

    store.begin_waiting(kept(store, jpeg()), VISIT)

    assert (store.new(), store.waiting()) == ([], [])
    assert files(tmp_path) == [f"sent/{VISIT}"]


def test_the_oldest_waits_first_whatever_its_name(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    photos = [kept(store, jpeg(seed=seed), visit) for seed, visit in ((1, OTHER), (2, VISIT))]
    for age, photo in enumerate(photos):
        store.begin_waiting(photo, photo.owner)
        path = tmp_path / "photos" / "waiting" / photo.name
        os.utime(path, (1_000 + age, 1_000 + age))

    assert store.waiting() == photos


def test_what_was_being_written_when_the_agent_ended_is_gone(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    photo = kept(store, jpeg())
    half = tmp_path / "photos" / "new" / f"{VISIT}.{'a' * 64}.jpg.part"
    half.write_bytes(jpeg()[:1_000])
    assert store.new() == [photo]

    store.forget_unfinished()

    assert not half.exists()
    assert store.new() == [photo]
