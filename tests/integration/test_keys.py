"""Keys that change while people work: nothing is lost, nothing stays under the old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import LargeBinary, select

from server import clock, guests, report_schedules
from server.cli import main
from server.config import PREFIX
from server.database import Database
from server.keys import data_keys, reseal
from server.keys.data_keys import DataKeys
from server.keys.reseal import MASTER, SEALED, Resealing
from server.keys.root import open_key
from server.master_key import KeyFileError, MasterKey, key_id_of, load_master_key
from server.models import (
    DriverNoteRow,
    GuestRow,
    OtherGuestRow,
    ReportScheduleRow,
    SecondFactorRow,
    StaffPinRow,
    Table,
)
from server.report_schedules import Wanted
from tests.visit_story import EVENING, Story, settings

PLATE = "KE4567"
LATER = EVENING + timedelta(seconds=2 * data_keys.REFRESH_S)
# What is in bytes and need not be sealed: lines of the ledger hold digests of people only.
PLAIN = {
    ("data_keys", "wrapped"),  # is sealed, under the master key for ever
    ("day_roots", "tiles"),
    ("events", "line"),
    ("quarantine", "line"),
}


@pytest.fixture
def story(tmp_path: Path, database_url: str) -> Iterator[Story]:
    """A district whose master key is in a file, with one car of which everything is known."""
    config = settings(tmp_path, database_url)
    story = Story(Database(database_url), config, load_master_key(config.key_file))
    fill(story)
    yield story
    story.database.close()


def fill(story: Story) -> None:
    """One value in each column that is sealed."""
    story.receive("herrera", plate=PLATE)

    def work(session: Any) -> None:
        guest = session.scalar(select(GuestRow))
        seal = story.key.seal
        other = {"ref": guest.ref, "digest": "ab" * 32, "visit_id": guest.visit_id}
        session.add(
            OtherGuestRow(**other, sealed=seal("guest", guest.ref, b"{}"), received_at=EVENING)
        )
        note = seal("driver-note", "event-1", b"{}")
        session.add(DriverNoteRow(event_id="event-1", visit_id=guest.visit_id, sealed=note))
        wanted = Wanted("volume", "yesterday", 6, "es", "eva@example.com", "because")
        report_schedules.add(session, story.config, story.key, wanted, "luis", EVENING)
        session.add(StaffPinRow(person_id="ana", sealed=seal("staff-pin", "ana", b"x")))
        factor = seal("second-factor", "luis", b"x")
        session.add(
            SecondFactorRow(
                person_id="luis", sealed=factor, made_at=EVENING, last_step=0, wrong_tries=0
            )
        )

    story.database.write(work)


def standing(story: Story) -> dict[str, int]:
    """How many values stand under each key."""
    return dict(story.database.read(reseal.standing))


def rotated(story: Story) -> str:
    """A new data key, made this evening."""
    return story.database.write(lambda session: data_keys.add(session, story.key, EVENING))


def with_data_keys(story: Story) -> MasterKey:
    """The key of a process that starts now."""
    return replace(story.key, seal_keys=DataKeys(story.config.database_url, story.key))


def plates(story: Story, key: MasterKey) -> set[str]:
    """The plates that somebody with this key reads."""

    def read(session: Any) -> set[str]:
        rows = session.scalars(select(GuestRow).where(GuestRow.sealed.is_not(None)))
        return {guest.plate for row in rows if (guest := guests.unseal(key, row)) is not None}

    return story.database.read(read)


def test_every_sealed_value_comes_to_the_new_key_and_opens_as_before(story: Story) -> None:
    assert standing(story) == {MASTER: len(SEALED)}
    first = rotated(story)
    key = with_data_keys(story)
    early = Resealing(story.database, key, batch=10)
    assert early.once(EVENING) == 0
    assert standing(story) == {MASTER: len(SEALED)}

    assert Resealing(story.database, key, batch=10).once(LATER) == len(SEALED)
    assert standing(story) == {first: len(SEALED)}
    assert plates(story, key) == {PLATE}
    schedule = story.database.read(lambda session: session.scalar(select(ReportScheduleRow)))
    assert schedule is not None
    assert report_schedules.recipients_of(key, schedule) == ["eva@example.com"]
    # Found again by the index, which knows nothing of data keys.
    index = guests.index_of(key, "plate", PLATE)
    found = story.database.read(lambda s: s.scalar(select(GuestRow.plate_index)))
    assert found == index


def test_a_process_that_runs_while_the_key_changes_opens_what_others_seal(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = with_data_keys(story)
    assert key_id_of(running.seal("guest", "ref", b"x")) is None
    new = rotated(story)
    fresh = with_data_keys(story)
    sealed = fresh.seal("guest", "ref", b"x")
    assert key_id_of(sealed) == new
    assert running.unseal("guest", "ref", sealed) == b"x"
    # Having met it, or once its minute is over, it seals with the new one, too.
    assert key_id_of(running.seal("guest", "ref", b"x")) == new
    newer = story.database.write(lambda s: data_keys.add(s, story.key, LATER))
    assert key_id_of(running.seal("guest", "ref", b"x")) == new
    later_ns = clock.mono_ns() + data_keys.REFRESH_S * 10**9
    monkeypatch.setattr(clock, "mono_ns", lambda: later_ns)
    assert key_id_of(running.seal("guest", "ref", b"x")) == newer


def test_a_key_goes_only_when_nothing_stands_under_it(story: Story) -> None:
    old, key = rotated(story), with_data_keys(story)
    Resealing(story.database, key, batch=10).once(LATER)
    new = story.database.write(lambda session: data_keys.add(session, story.key, LATER))

    def drop(key_id: str) -> None:
        story.database.write(lambda session: reseal.drop(session, key_id))

    for unwanted in (old, new, "00" * 8):
        with pytest.raises(KeyFileError):
            drop(unwanted)
    after: datetime = LATER + timedelta(hours=1)
    # One at a time: a batch is a batch.
    newer = with_data_keys(story)
    done = Resealing(story.database, newer, batch=1)
    assert done.once(after) == len(SEALED)
    assert standing(story) == {new: len(SEALED)}
    drop(old)
    assert plates(story, with_data_keys(story)) == {PLATE}


def test_what_is_erased_while_it_is_sealed_anew_stays_erased(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotated(story)
    key, put = with_data_keys(story), reseal._put

    def erased_meanwhile(session: Any, *rest: Any) -> int:
        session.query(GuestRow).update({"sealed": None})
        return put(session, *rest)

    monkeypatch.setattr(reseal, "_put", erased_meanwhile)
    Resealing(story.database, key, batch=10).once(LATER)
    assert plates(story, key) == set()


def test_the_commands_tell_rotate_and_take_away(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(story.config.data_dir))
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", story.config.database_url)

    def say(*words: str) -> str:
        result = CliRunner().invoke(main, ["keys", *words])
        return result.stdout if result.exit_code == 0 else result.stderr

    assert say("status").split() == [MASTER, str(len(SEALED)), "values", "seals"]
    key_id = say("rotate").strip()
    assert say("reseal").startswith("0 values")
    monkeypatch.setattr(clock, "now", lambda: datetime.now(EVENING.tzinfo) + timedelta(hours=1))
    assert say("reseal").startswith(f"{len(SEALED)} values")
    assert say("status").splitlines()[0].split() == [key_id, str(len(SEALED)), "values", "seals"]
    assert "is still in use" in say("drop", key_id)
    assert "name the KMS key" in say("wrap")


def test_every_column_of_bytes_is_sealed_or_known_to_be_plain() -> None:
    sealed = {(one.model.__tablename__, one.column) for one in SEALED}
    columns = {
        (table.name, column.name)
        for table in Table.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert columns - sealed - PLAIN == set()
    assert sealed <= columns


def test_a_key_from_the_environment_needs_no_file(tmp_path: Path) -> None:
    text = "5a" * 32
    config = replace(settings(tmp_path, "sqlite://"), master_key=text)
    assert open_key(config) == MasterKey(bytes.fromhex(text))
    assert not config.key_file.exists()
    assert text not in repr(config)
    assert text not in repr(open_key(config))
