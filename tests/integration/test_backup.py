"""A backup is restored with all that it held, or refused in words; what differs is said."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from server import clock
from server.backup import photo_list, postgres_dump
from server.backup.command import backup, restore
from server.backup.fault import BackupError
from server.backup.make import make_backup
from server.backup.manifest import NAME, read_manifest
from server.backup.restore import restore_backup
from server.cli import main
from server.config import Config
from server.database import Database
from server.master_key import KeyFileError, load_master_key
from server.models import DayRootRow, EventRow, GuestRow
from tests import postgres
from tests.ledger_kit import close, roots
from tests.opening import Opening
from tests.visit_story import Story, settings

pytest_plugins = ("tests.ledger_stage",)

PICTURE = b"\xff\xd8 a door \xff\xd9"
PICTURE_NAME = f"{uuid.UUID(int=7)}/{hashlib.sha256(PICTURE).hexdigest()}.jpg"


@dataclass
class Site:
    """A cloud with a night behind it, and another machine where its backup is restored."""

    story: Story
    other: Config
    folder: Path

    def make(self, name: str = "backup", **options: Any) -> Path:
        """Back the cloud up."""
        make_backup(
            self.story.config, self.folder / name, **{"with_photos": True, **options}, now=NOW
        )
        return self.folder / name


NOW = clock.now()


@pytest.fixture
def site(story: Story, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """On each database: a car that is home again, one that is here, a closed day and a photo."""
    if story.config.database_url.startswith("sqlite"):
        yield _site(story, tmp_path, lambda other: f"sqlite:///{other}/valet.db")
        return
    cluster: postgres.Cluster = request.getfixturevalue("postgres_cluster")
    story.config = replace(story.config, postgres_bin=str(cluster.bin_dir))
    name = f"test_{uuid.uuid4().hex}"
    cluster.create(name)
    yield _site(story, tmp_path, lambda _other: cluster.url(name))
    cluster.drop(name)


@pytest.fixture
def sqlite_site(sqlite_opening: Opening, tmp_path: Path) -> Iterator[Site]:
    """The same on SQLite only."""
    config = settings(tmp_path, sqlite_opening.url)
    story = sqlite_opening.go_on(config, load_master_key(config.key_file))
    yield _site(story, tmp_path, lambda other: f"sqlite:///{other}/valet.db")
    story.database.close()


def _site(story: Story, folder: Path, url_in: Callable[[Path], str]) -> Site:
    story.receive("herrera").play_whole()
    close(story)
    story.receive("bolivar")
    picture = story.config.photo_folder / PICTURE_NAME
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PICTURE)
    other = folder / "other machine"
    other.mkdir()
    shutil.copy(story.config.key_file, other)
    moved = replace(story.config, data_dir=other, database_url=url_in(other))
    return Site(story, moved, folder)


def count(config: Config, model: Any = EventRow) -> int:
    """How many rows a database has of a table."""
    database = Database(config.database_url)
    try:
        return database.read(lambda s: s.scalar(select(func.count()).select_from(model))) or 0
    finally:
        database.close()


def run(command: Any, config: Config, *arguments: str | Path) -> Result:
    """Give a command."""
    return CliRunner().invoke(command, [str(each) for each in arguments], obj=config)


def test_a_backup_brings_everything_back_on_another_machine(site: Site) -> None:
    folder = site.folder / "backup"
    made = run(backup, site.story.config, folder)
    assert (made.exit_code, "the master key is not in it" in made.stderr) == (0, True)
    assert not list(folder.rglob("*.key"))
    assert site.story.key.secret.hex().encode() not in b"".join(
        path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )
    done = run(restore, site.other, folder)
    assert done.exit_code == 0, done.output
    assert "nothing differs, and the ledger is whole" in done.output
    assert "1 photos put back" in done.output
    for model in (EventRow, GuestRow, DayRootRow):
        assert count(site.other, model) == count(site.story.config, model) > 0
    assert (site.other.photo_folder / PICTURE_NAME).read_bytes() == PICTURE
    assert [row.date for row in roots(site.story)] == [read_last_day(folder, site)]
    # And the cloud goes on there.
    site.story.database.close()
    site.story.database, site.story.config = Database(site.other.database_url), site.other
    before = count(site.other)
    site.story.receive("herrera")
    assert count(site.other) == before + 1


def read_last_day(folder: Path, site: Site) -> str:
    """The date of the last closed day that a manifest tells of."""
    last = read_manifest(folder, site.story.key).last_day
    assert last is not None
    return str(last["date"])


def test_a_backup_is_of_one_moment_while_others_write(site: Site) -> None:
    story, stop, first = site.story, threading.Event(), threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set() and written < 40:
            story.receive("herrera")
            written += 1
            first.set()

    before = count(story.config)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert first.wait(60)
        folder = site.make()
    finally:
        stop.set()
        writer.join(60)
    restored = restore_backup(site.other, folder)
    assert restored.differences == []
    assert before < count(site.other) <= before + written


def test_a_full_database_is_given_up_only_when_told(site: Site) -> None:
    folder, config = site.make(), site.story.config
    site.story.receive("herrera")
    after = count(config)
    with pytest.raises(BackupError, match="--replace") as refused:
        restore_backup(config, folder)
    assert (refused.value.code, count(config)) == ("database_not_empty", after)
    assert restore_backup(config, folder, replace=True).differences == []
    assert count(config) == after - 1


def test_what_differs_from_the_manifest_is_an_error(sqlite_site: Site) -> None:
    folder = sqlite_site.make()
    manifest = read_manifest(folder, sqlite_site.story.key)
    counts = {**manifest.counts, "events": manifest.counts["events"] + 1}
    replace(manifest, counts=counts).write(folder, sqlite_site.story.key)
    done = run(restore, sqlite_site.other, folder)
    assert done.exit_code == 1
    assert f"rows of events: the manifest says {counts['events']}" in done.output
    assert "1 difference" in done.output


def test_a_ledger_that_is_not_whole_is_told_after_the_restore(sqlite_site: Site) -> None:
    def spoil(session: Any) -> None:
        session.delete(session.scalars(select(EventRow).order_by(EventRow.seq)).first())

    sqlite_site.story.database.write(spoil)
    done = run(restore, sqlite_site.other, sqlite_site.make())
    assert done.exit_code == 1
    assert "ledger: " in done.output


SPOILED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a byte is another one": (
        "backup_damaged",
        lambda folder: _flip(next(folder.glob("database.*"))),
    ),
    "the end is missing": (
        "backup_damaged",
        lambda folder: _cut(next(folder.glob("database.*"))),
    ),
    "a file is missing": (
        "backup_partial",
        lambda folder: next(folder.glob("database.*")).unlink(),
    ),
    "it was never finished": ("backup_partial", lambda folder: (folder / NAME).unlink()),
    "the manifest is torn": ("backup_damaged", lambda folder: _cut(folder / NAME)),
    "the manifest was changed": ("backup_changed", lambda folder: _say(folder, "counts", {})),
    "another format": ("backup_unknown_format", lambda folder: _say(folder, "version", 2)),
    "a photo is another one": (
        "backup_damaged",
        lambda folder: _flip(folder / "photos" / PICTURE_NAME),
    ),
    "a photo is missing": (
        "backup_partial",
        lambda folder: (folder / "photos" / PICTURE_NAME).unlink(),
    ),
}


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100] if path.name != NAME else b'{"format": ')


def _say(folder: Path, name: str, value: object) -> None:
    body = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps({**body, name: value}))


def test_what_is_no_whole_backup_is_refused_before_anything_is_changed(site: Site) -> None:
    whole = site.make()
    for number, (code, spoil) in enumerate(SPOILED.values()):
        folder = site.folder / f"spoiled {number}"
        shutil.copytree(whole, folder)
        spoil(folder)
        with pytest.raises(BackupError) as refused:
            restore_backup(site.other, folder)
        assert refused.value.code == code, folder
    _refuses_another_key_and_a_newer_schema(site, whole)
    assert not site.other.photo_folder.exists()
    assert restore_backup(site.other, whole).differences == []


def _refuses_another_key_and_a_newer_schema(site: Site, whole: Path) -> None:
    key = site.other.key_file.read_text()
    site.other.key_file.write_text("cd" * 32)
    with pytest.raises(BackupError, match="another master key"):
        restore_backup(site.other, whole)
    site.other.key_file.unlink()
    with pytest.raises(KeyFileError, match="never in a backup"):
        restore_backup(site.other, whole)
    assert not site.other.key_file.exists()
    site.other.key_file.write_text(key)
    manifest = read_manifest(whole, site.story.key)
    newer = site.folder / "newer"
    shutil.copytree(whole, newer)
    replace(manifest, schema_revision="9999").write(newer, site.story.key)
    with pytest.raises(BackupError, match="newer release"):
        restore_backup(site.other, newer)
    elsewhere = site.folder / "elsewhere"
    shutil.copytree(whole, elsewhere)
    kind = "sqlite" if manifest.database == "postgresql" else "postgresql"
    replace(manifest, database=kind).write(elsewhere, site.story.key)
    with pytest.raises(BackupError, match="and the settings name"):
        restore_backup(site.other, elsewhere)


def test_a_backup_that_fails_leaves_nothing_behind(
    sqlite_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(photo_list, "take_photos", full)
    with pytest.raises(OSError, match="No space left"):
        sqlite_site.make()
    assert [path.name for path in sqlite_site.folder.iterdir() if "backup" in path.name] == []


def test_a_backup_never_writes_over_another_one(sqlite_site: Site) -> None:
    sqlite_site.make()
    with pytest.raises(BackupError, match="is there already"):
        sqlite_site.make()


def test_photos_may_stay_where_they_are_and_are_looked_for_after(sqlite_site: Site) -> None:
    damaged = sqlite_site.story.config.photo_folder / f"{uuid.UUID(int=8)}/{'ab' * 32}.jpg"
    damaged.parent.mkdir()
    damaged.write_bytes(b"not what it was")
    said = run(backup, sqlite_site.story.config, sqlite_site.folder / "list", "--no-photos")
    assert (said.exit_code, "1 photos" in said.stderr) == (1, True)
    assert not (sqlite_site.folder / "list" / "photos").exists()
    assert PICTURE_NAME in (sqlite_site.folder / "list" / "photos.sha256").read_text()
    restored = restore_backup(sqlite_site.other, sqlite_site.folder / "list")
    assert restored.differences == ["photos: 1 of those in the list are not in the store"]


def test_a_key_that_opens_nothing_makes_no_backup(sqlite_site: Site) -> None:
    sqlite_site.story.config.key_file.write_text("cd" * 32)
    with pytest.raises(KeyFileError, match="does not open"):
        sqlite_site.make()


@pytest.mark.parametrize(
    ("majors", "at_least", "found"),
    [
        ({}, 15, "program_missing"),
        ({"14": 14, "old": 9}, 15, "program_too_old"),
        ({"18": 18, "15": 15, "16": 16}, 15, "15"),
        ({"18": 18, "15": 15, "17": 17}, 16, "17"),
    ],
)
def test_the_oldest_program_that_the_server_can_be_dumped_with_is_taken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    majors: dict[str, int],
    at_least: int,
    found: str,
) -> None:
    for name, major in majors.items():
        program = tmp_path / name / "bin" / "pg_dump"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.2 (Debian)'\n")
        program.chmod(0o755)
    monkeypatch.setattr(postgres_dump, "_DEBIAN", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    if found.isdigit():
        program = postgres_dump.find_program("pg_dump", "", at_least).path
        assert program == tmp_path / found / "bin" / "pg_dump"
        return
    with pytest.raises(BackupError, match="VALET_SERVER_POSTGRES_BIN") as refused:
        postgres_dump.find_program("pg_dump", "", at_least)
    assert refused.value.code == found


def test_the_commands_are_found_and_say_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    env = {"VALET_SERVER_DATA_DIR": str(tmp_path)}
    said = CliRunner().invoke(main, ["backup", str(tmp_path / "b")], env=env)
    assert (said.exit_code, "there is no master key here" in said.stderr) == (1, True)
    load_master_key(tmp_path / "master.key")
    said = CliRunner().invoke(main, ["backup", str(tmp_path / "b")], env=env)
    assert (said.exit_code, "there is no database here" in said.stderr) == (1, True)
    said = CliRunner().invoke(main, ["restore", str(tmp_path / "none")], env=env)
    assert (said.exit_code, "there is no manifest" in said.stderr) == (1, True)
