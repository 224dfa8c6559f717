"""Photos at a station: each is named by an event, and what no event names is forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reader_agent.photo_store import DRAFT, KeptPhoto, PhotoStore
from schemas.photo import PhotoRef
from schemas.problems import Refusal
from tests.jpeg_file import jpeg
from tests.station_kit import (
    ANA,
    BOLIVAR,
    HERRERA,
    KEY_1,
    KEY_2,
    StationKit,
    event_change,
    ready_car,
    received_data,
    refusal_of,
    visit_change,
)

ELSEWHERE = "01900000-0000-7000-8000-0000000000aa"


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[StationKit]:
    """A booth where four photos are enough, with Ana signed in."""
    kit = StationKit(tmp_path, reception_photos=2, visit_photos=3)
    kit.tap(ANA)
    yield kit
    kit.station.close()


def ref_of(content: bytes) -> PhotoRef:
    """What an event says of these bytes."""
    return PhotoRef(hashlib.sha256(content).hexdigest(), len(content))


def named(kit: StationKit) -> list[list[str]]:
    """The hashes in each event that names photos."""
    return [
        [photo["sha256"] for photo in event["data"]["photos"]]
        for event in kit.recorded()
        if event["type"] == "visit.photographed"
    ]


def waiting(kit: StationKit) -> list[KeptPhoto]:
    """What would be brought to the cloud."""
    return kit.station.photos.store.waiting()


def files(folder: Path) -> list[str]:
    """Every photo file of every station below."""
    return sorted(path.parent.name for path in folder.rglob("*.jpg*"))


def test_a_photo_of_a_car_is_an_event_with_its_hash(kit: StationKit) -> None:
    visit_id = kit.receive().visit_id

    kit.station.photos.add(visit_id, jpeg())

    (event,) = [event for event in kit.recorded() if event["type"] == "visit.photographed"]
    assert event["data"] == {"photos": [ref_of(jpeg()).to_wire()]}
    assert (event["visit_id"], event["actor"], event["place_id"]) == (visit_id, "ana", HERRERA)
    assert kit.station.photos.of(visit_id) == [ref_of(jpeg())]
    assert waiting(kit) == [KeptPhoto(visit_id, ref_of(jpeg()).sha256)]


def test_the_photos_of_a_reception_come_with_it(kit: StationKit, tmp_path: Path) -> None:
    kit.tap(KEY_1)
    photos = kit.station.photos
    photos.add_to_draft(jpeg(seed=1))
    photos.add_to_draft(jpeg(seed=2))
    assert (named(kit), waiting(kit)) == ([], [])
    kit.restart()

    visit_id = kit.receive().visit_id

    assert kit.types()[-2:] == ["visit.received", "visit.photographed"]
    refs = [ref_of(jpeg(seed=1)), ref_of(jpeg(seed=2))]
    assert kit.station.photos.of(visit_id) == refs
    kit.station.photos.settle()
    assert waiting(kit) == [KeptPhoto(visit_id, ref.sha256) for ref in refs]
    assert files(tmp_path) == ["waiting", "waiting"]


def test_a_reception_is_recorded_with_its_photos_or_not_at_all(
    kit: StationKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.tap(KEY_1)
    kit.station.photos.add_to_draft(jpeg())
    before = kit.types()
    real = kit.station._recorder.add

    def fail(work: Any, new: Any, actor_id: str | None) -> Any:
        if new.type == "visit.photographed":
            raise Refusal("storage_full")
        return real(work, new, actor_id)

    monkeypatch.setattr(kit.station._recorder, "add", fail)

    assert refusal_of(kit.receive) == "storage_full"
    assert kit.types() == before
    draft = kit.station.draft()
    assert draft is not None
    assert draft.photos == (ref_of(jpeg()),)


def test_a_car_does_not_get_the_photos_of_a_reception_that_was_thrown_away(
    kit: StationKit, tmp_path: Path
) -> None:
    kit.tap(KEY_1)
    kit.station.photos.add_to_draft(jpeg())
    kit.station.reception.discard()

    visit_id = kit.receive().visit_id
    kit.station.photos.settle()

    assert kit.station.photos.of(visit_id) == []
    assert (named(kit), files(tmp_path)) == ([], [])


def test_a_photo_that_was_taken_back_is_gone(kit: StationKit, tmp_path: Path) -> None:
    kit.tap(KEY_1)
    for seed in (1, 2):
        kit.station.photos.add_to_draft(jpeg(seed=seed))

    kit.station.photos.drop_from_draft(ref_of(jpeg(seed=1)).sha256)

    draft = kit.station.draft()
    assert draft is not None
    assert draft.photos == (ref_of(jpeg(seed=2)),)
    assert files(tmp_path) == ["new"]


def test_a_photo_can_be_taken_in_every_state_and_changes_none(kit: StationKit) -> None:
    visit_id = ready_car(kit)
    before = kit.station.card(visit_id)

    kit.station.photos.add(visit_id, jpeg(seed=1))
    assert kit.station.card(visit_id).state == before.state == "ready"
    assert kit.station.card(visit_id).since == before.since

    kit.tell(
        event_change(visit_id, "visit.handed_over", 9, HERRERA, data={"proof": "code"}),
        visit_change(visit_id, is_open=True),
    )
    assert kit.station.card(visit_id).state == "handed_over"
    kit.station.photos.add(visit_id, jpeg(seed=2))
    assert kit.station.card(visit_id).state == "handed_over"
    assert len(kit.station.photos.of(visit_id)) == 2


def test_a_car_of_another_booth_is_photographed_here_too(kit: StationKit) -> None:
    kit.tell(
        event_change(ELSEWHERE, "visit.received", 1, BOLIVAR, data=received_data()),
        event_change(
            ELSEWHERE,
            "visit.photographed",
            2,
            BOLIVAR,
            data={"photos": [ref_of(jpeg(seed=9)).to_wire()]},
        ),
        visit_change(ELSEWHERE),
    )
    assert kit.station.photos.of(ELSEWHERE) == [ref_of(jpeg(seed=9))]
    assert kit.station.photos.content(ELSEWHERE, ref_of(jpeg(seed=9)).sha256) is None

    kit.station.photos.add(ELSEWHERE, jpeg())

    assert len(kit.station.photos.of(ELSEWHERE)) == 2
    assert [photo.owner for photo in waiting(kit)] == [ELSEWHERE]


def test_the_same_photo_twice_is_one_event(kit: StationKit) -> None:
    visit_id = kit.receive().visit_id

    kit.station.photos.add(visit_id, jpeg())
    kit.station.photos.add(visit_id, jpeg())

    assert len(named(kit)) == len(waiting(kit)) == 1


def test_the_same_photo_of_two_cars_is_two_photos(kit: StationKit) -> None:
    cars = [kit.receive(key, plate=plate).visit_id for key, plate in ((KEY_1, "A1"), (KEY_2, "B2"))]
    for visit_id in cars:
        kit.station.photos.add(visit_id, jpeg())

    assert {photo.owner for photo in waiting(kit)} == set(cars)


def test_there_are_limits(kit: StationKit) -> None:
    photos = kit.station.photos
    kit.tap(KEY_1)
    for seed in (1, 2):
        photos.add_to_draft(jpeg(seed=seed))
    assert refusal_of(photos.add_to_draft, jpeg(seed=3)) == "too_many_photos"
    visit_id = kit.receive().visit_id
    photos.add(visit_id, jpeg(seed=3))

    assert refusal_of(photos.add, visit_id, jpeg(seed=4)) == "too_many_photos"


def test_who_may_not_takes_no_photo(kit: StationKit, tmp_path: Path) -> None:
    photos = kit.station.photos
    visit_id = kit.receive().visit_id
    assert refusal_of(photos.add_to_draft, jpeg()) == "no_draft"
    assert refusal_of(photos.drop_from_draft, "a" * 64) == "no_draft"
    assert refusal_of(photos.add, ELSEWHERE, jpeg()) == "unknown_visit"
    kit.station.sign_off()
    assert refusal_of(photos.add, visit_id, jpeg()) == "not_signed_in"
    assert files(tmp_path) == []


def test_a_photo_whose_event_cannot_be_recorded_is_not_kept(
    kit: StationKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit_id = kit.receive().visit_id
    with monkeypatch.context() as patched:
        patched.setattr(kit.station._recorder, "record", _no_room)
        assert refusal_of(kit.station.photos.add, visit_id, jpeg()) == "storage_full"

    kit.station.photos.settle()

    assert files(tmp_path) == []


@pytest.mark.parametrize("is_recorded", [True, False])
def test_an_end_between_file_and_event_leaves_both_or_none(
    kit: StationKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    visit_id = kit.receive().visit_id
    with monkeypatch.context() as patched:
        # The process ends before the file is moved, and before or after the event is there.
        patched.setattr(kit.station.photos, "_settle", lambda: None)
        if not is_recorded:
            patched.setattr(kit.station._recorder, "record", _no_room)
        try:
            kit.station.photos.add(visit_id, jpeg())
        except Refusal:
            assert not is_recorded
    assert files(tmp_path) == ["new"]

    kit.restart()

    photo = KeptPhoto(visit_id, ref_of(jpeg()).sha256)
    assert waiting(kit) == ([photo] if is_recorded else [])
    assert files(tmp_path) == (["waiting"] if is_recorded else [])


def test_an_event_is_found_in_the_journal_where_the_mirror_has_forgotten_it(
    kit: StationKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit_id = kit.receive().visit_id
    with monkeypatch.context() as patched:
        patched.setattr(PhotoStore, "begin_waiting", _no_disk)
        kit.station.photos.add(visit_id, jpeg())
        kit.tell(visit_change(visit_id, is_open=False), acknowledge=True)
    assert kit.station.photos.of(visit_id) == []
    assert files(tmp_path) == ["new"]

    kit.restart()

    assert [photo.owner for photo in waiting(kit)] == [visit_id]


def test_a_lost_database_costs_no_photo(kit: StationKit, tmp_path: Path) -> None:
    visit_id = kit.receive().visit_id
    kit.station.photos.add(visit_id, jpeg(seed=1))
    kit.tap(KEY_2)
    kit.station.photos.add_to_draft(jpeg(seed=2))
    kit.station.close()
    path = next(path for path in (tmp_path / HERRERA).iterdir() if _is_database(path))
    path.write_bytes(b"no database any more" * 1_000)

    kit.restart()

    # One waits for the cloud as before; of the other only the journal that was set aside knows.
    assert [photo.owner for photo in waiting(kit)] == [visit_id]
    assert [photo.owner for photo in kit.station.photos.store.new()] == [DRAFT]


def test_a_photo_can_be_seen_again_where_it_was_taken(kit: StationKit) -> None:
    visit_id = kit.receive().visit_id
    kit.station.photos.add(visit_id, jpeg())
    sha256 = ref_of(jpeg()).sha256

    assert kit.station.photos.is_kept(visit_id, sha256)
    assert kit.station.photos.content(visit_id, sha256) == jpeg()
    assert not kit.station.photos.is_kept(ELSEWHERE, sha256)
    assert kit.station.photos.content("../../../etc/passwd", sha256) is None
    assert kit.station.photos.content(visit_id, f"{sha256}.jpg/../../x") is None


def _no_room(*_args: object, **_kwargs: object) -> None:
    raise Refusal("storage_full")


def _no_disk(*_args: object) -> None:
    raise OSError(5, "as on a bad card")


def _is_database(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(b"SQLite format 3")
