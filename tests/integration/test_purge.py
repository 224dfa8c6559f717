"""What is known of drivers is erased once its time is over: that, and nothing else, and once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from schemas import driver_words, events, states
from schemas.guest import Guest
from schemas.ids import uuid7
from schemas.photo import STORED
from schemas.problems import Refusal
from server import cloud_journal, guests, photos, visits
from server.cloud_journal import Deed
from server.database import Database
from server.district import next_version
from server.erasure import erase_guest
from server.figures.keep import keep
from server.ledger import verify
from server.ledger_chains import Tally
from server.models import (
    DriverNoteRow,
    EventRow,
    GuestRow,
    MessageRow,
    PhotoRow,
    PurgeRow,
    VisitFigureRow,
    VisitRow,
)
from server.photo_store import Photo, PhotoFolder
from server.purge import Purge, open_purge
from server.rebuild import rebuild
from server.sms.recording import FILE_NAME, RecordingGateway, forget, read_recorded
from tests.opening import Opening
from tests.visit_story import VALET, Story, StoryVisit, settings

pytest_plugins = ("tests.story_stage",)

PICTURE = b"\xff\xd8 the scratched door \xff\xd9"


@dataclass
class Keeping:
    """A story, the photos of it, and the worker's purge over a clock that the test turns."""

    story: Story
    folder: PhotoFolder
    elapsed_ns: int = 0
    purges: list[Purge] = field(default_factory=list)

    def purge(self, **changes: Any) -> Purge:
        """A worker's purge."""
        config = replace(self.story.config, **changes)
        made = open_purge(config, self.story.database, self.folder, f"worker-{len(self.purges)}")
        made.mono_ns = lambda: self.elapsed_ns
        self.purges.append(made)
        return made

    def run(self, **changes: Any) -> Purge:
        """A whole sweep."""
        made = self.purge(**changes)
        while made.once(self.story.now):
            pass
        return made

    def rows(self, model: Any) -> list[Any]:
        """All rows of a table."""
        return self.story.database.read(lambda session: list(session.scalars(select(model))))

    def known(self, visit: StoryVisit) -> bool:
        """Whether the plate of a visit is still there."""
        return any(row.visit_id == visit.id and row.sealed for row in self.rows(GuestRow))

    def photograph(self, visit: StoryVisit, content: bytes = PICTURE) -> Photo:
        """A photo that was taken and has come."""
        photo = Photo(visit.id, hashlib.sha256(content).hexdigest(), len(content))
        wire = {"sha256": photo.sha256, "bytes": photo.size_bytes, "media_type": "image/jpeg"}
        self.story.tell("herrera", events.VISIT_PHOTOGRAPHED, VALET, visit, {"photos": [wire]})
        self.folder.keep(photo, content)

        def stored(session: Any) -> None:
            row = session.get(PhotoRow, (visit.id, photo.sha256))
            row.state, row.stored_at, row.stored_by = STORED, self.story.now, "station-herrera"

        self.story.database.write(stored)
        return photo

    def tell_of_a_problem(self, visit: StoryVisit) -> None:
        """The driver writes what is wrong with the car."""
        said: dict[str, object] = {
            "about": driver_words.PROBLEM,
            "note_digest": "ab" * 32,
            "photos": [],
        }

        def work(session: Any) -> None:
            version = next_version(session)
            row = visits.get_row(session, visit.id)
            deed = Deed(events.VISIT_TOLD, visit.id, row.step + 1, None, said)
            event = cloud_journal.record(session, deed, version, self.story.now)
            visits.refold(session, [visit.id], version)
            sealed = self.story.key.seal("driver-note", event.event_id, b"{}")
            session.add(DriverNoteRow(event_id=event.event_id, visit_id=visit.id, sealed=sealed))

        self.story.database.write(work)


@pytest.fixture
def keeping(opening: Opening, tmp_path: Path) -> Iterator[Keeping]:
    """A story that has begun, on each database."""
    story = opening.go_on(settings(tmp_path, opening.url))
    yield Keeping(story, PhotoFolder(story.config.photo_folder, story.key, 900, 8))
    story.database.close()


def days(count: float) -> timedelta:
    """So many days."""
    return timedelta(days=count)


def test_a_driver_is_forgotten_when_the_time_is_over_and_not_before(keeping: Keeping) -> None:
    story = keeping.story
    done = story.receive("herrera", plate="CD5678")
    photo = keeping.photograph(done)
    done.play_whole()
    gateway = RecordingGateway(story.config.data_dir / FILE_NAME)
    for message in keeping.rows(MessageRow):
        gateway.send(message.id, "+50761234567", "Su carro está listo")
    gateway.send("of another visit", "+50769999999", "Su carro está listo")
    sent = len(keeping.rows(MessageRow))
    assert sent > 0
    closed_at = story.now

    story.now = closed_at + days(30) - timedelta(seconds=1)
    keeping.run()
    assert (keeping.known(done), keeping.rows(PurgeRow)) == (True, [])

    story.now = closed_at + days(30)
    story.receive("herrera")  # Somebody who is here now.
    with capture_logs() as logs:
        keeping.run()
    assert [line for line in logs if line["event"] == "visits_purged"] == [
        {"event": "visits_purged", "log_level": "info", "visits": 1, "keep_days": 30}
    ]
    assert not keeping.known(done)
    index = guests.index_of(story.key, "plate", "CD5678")
    assert all(row.plate_index != index for row in keeping.rows(GuestRow))
    assert keeping.known(story.visits[-1])
    assert keeping.folder.read(photo) is None
    assert [text.reference for text in read_recorded(gateway.file)] == ["of another visit"]
    (record,) = keeping.rows(PurgeRow)
    counted = (record.visits, record.guests, record.notes, record.texts, record.photos)
    assert counted == (1, 1, 0, sent, 1)
    assert (record.by, record.keep_days, record.at) == ("worker-1", 30, story.now)


def test_what_one_worker_has_erased_another_finds_no_more(keeping: Keeping) -> None:
    story = keeping.story
    for _ in range(3):
        story.receive("herrera").play_whole()
    story.now += days(40)
    first, second = keeping.purge(purge_batch=2), keeping.purge(purge_batch=2)
    while any([first.once(story.now), second.once(story.now)]):
        pass
    assert [row.visits for row in keeping.rows(PurgeRow)] == [2, 1]
    assert [row.guests for row in keeping.rows(PurgeRow)] == [2, 1]
    # Until its next sweep it asks the database nothing.
    keeping.story.receive("herrera").play_whole()
    story.now += days(40)
    assert not first.once(story.now)
    assert keeping.known(story.visits[-1])
    keeping.elapsed_ns += story.config.purge_every_s * 10**9
    assert first.once(story.now)
    assert not keeping.known(story.visits[-1])


def test_nothing_is_erased_while_somebody_may_still_ask(keeping: Keeping) -> None:
    story = keeping.story
    held, scratched, claimed, clean = (story.receive("herrera").play_whole() for _ in range(4))
    # Handed over twice, by two: a person has to find out.
    story.tell("herrera", events.VISIT_HANDED_OVER, VALET, held, {"proof": "code", "reason": None})
    said = {"kind": states.DAMAGE, "is_own": False, "is_over": False, "details": []}
    story.tell("herrera", events.VISIT_REPORTED, VALET, scratched, {**said, "reason": None})
    keeping.tell_of_a_problem(claimed)
    here = story.receive("herrera")
    told_at = story.now
    story.now += days(200)
    keeping.run()
    everyone = (held, scratched, claimed, here, clean)
    assert [keeping.known(visit) for visit in everyone] == [True, True, True, True, False]
    # The damage is settled: the time begins with the last word. The driver's claim lapses.
    story.tell(
        "herrera",
        events.VISIT_REPORTED,
        VALET,
        scratched,
        {**said, "is_over": True, "reason": None},
    )
    keeping.run()
    assert keeping.known(scratched)
    story.now = told_at + days(365)
    keeping.run()
    assert [keeping.known(visit) for visit in everyone] == [True, False, False, True, False]
    assert [row.sealed for row in keeping.rows(DriverNoteRow)] == [None]


def test_zero_days_erase_nothing(keeping: Keeping) -> None:
    keeping.story.receive("herrera").play_whole()
    keeping.story.now += days(3000)
    keeping.run(guest_keep_days=0)
    assert keeping.known(keeping.story.visits[0])


def test_photos_wait_for_their_store_and_are_shown_to_nobody(keeping: Keeping) -> None:
    story = keeping.story
    done = story.receive("herrera")
    photo = keeping.photograph(done)
    done.play_whole()
    story.now += days(31)
    sick = keeping.purge()
    sick.photos = _Lost()
    with pytest.raises(Refusal, match="photo_store_lost"):
        sick.once(story.now)
    assert keeping.folder.read(photo) == PICTURE
    assert not keeping.known(done)
    with pytest.raises(Refusal, match="unknown_photo"):
        story.database.read(lambda s: photos.stored_photo(s, photo.visit_id, photo.sha256))
    (line,) = story.database.read(lambda s: photos.photos_of(s, story.config, done.id, story.now))
    assert (line.state, line.is_late) == (photos.ERASED, False)
    keeping.run()
    assert keeping.folder.read(photo) is None
    (row,) = keeping.rows(PhotoRow)
    assert (row.erased_at, photos.told_state(row)) == (story.now, STORED)
    assert len(keeping.rows(PurgeRow)) == 1


def test_a_record_that_comes_late_and_photos_of_an_erased_driver_go_too(keeping: Keeping) -> None:
    story = keeping.story
    done = story.receive("herrera")
    photo = keeping.photograph(done)
    done.play_whole()

    def at_their_own_word(session: Any) -> None:
        erase_guest(session, session.get_one(VisitRow, done.id))

    story.database.write(at_their_own_word)
    story.now += days(31)
    keeping.run()
    assert keeping.folder.read(photo) is None

    def late(session: Any) -> None:
        guest = Guest(uuid7(story.now), done.id, "AB1234", None, "00" * 16)
        guests.store(session, story.key, [guest], story.now)

    story.database.write(late)
    assert keeping.known(done)
    keeping.run()
    assert not keeping.known(done)


def test_the_ledger_the_fold_and_the_reports_say_what_they_said(keeping: Keeping) -> None:
    story = keeping.story
    story.receive("herrera").play_whole()
    keep(story.database, story.config)
    before = [row.stay_s for row in keeping.rows(VisitFigureRow)]
    lines = sorted(row.line for row in keeping.rows(EventRow))
    story.now += days(31)
    keeping.run()
    assert sorted(row.line for row in keeping.rows(EventRow)) == lines
    keep(story.database, story.config)
    assert [row.stay_s for row in keeping.rows(VisitFigureRow)] == before != []
    assert not story.database.read(lambda s: list(verify(s, story.key, Tally())))
    assert _differences(story.database) == []


def test_a_simulated_carrier_forgets_only_what_it_is_told(tmp_path: Path) -> None:
    gateway = RecordingGateway(tmp_path / FILE_NAME)
    assert forget(gateway.file, {"a"}) == 0
    for reference in ("a", "b", "c"):
        gateway.send(reference, "+50761234567", "¡Hola!")
    assert forget(gateway.file, {"a", "c", "d"}) == 2
    gateway.send("e", "+50761234567", "…")
    assert [text.reference for text in read_recorded(gateway.file)] == ["b", "e"]


class _Lost(PhotoFolder):
    """A store that cannot be reached."""

    def __init__(self) -> None:
        pass

    def drop(self, photo: Photo) -> None:
        """Not now."""
        raise Refusal("photo_store_lost")


def _differences(database: Database) -> list[str]:
    found: list[str] = []

    def work(session: Any) -> None:
        found[:] = rebuild(session)
        session.rollback()

    database.write(work)
    return found
