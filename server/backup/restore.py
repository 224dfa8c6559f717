"""Restoring a backup: everything that can be checked is checked before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from server import migrate
from server.backup import photo_list, postgres_dump, sqlite_copy
from server.backup.fault import BackupError
from server.backup.inventory import count_rows, open_one, take_inventory
from server.backup.manifest import SQLITE, Manifest, check_files, read_manifest
from server.config import Config
from server.database import Database
from server.keys.root import existing_key
from server.ledger import verify
from server.ledger_chains import Tally
from server.ledger_finding import FORK
from server.master_key import MasterKey


@dataclass(slots=True)
class Restored:
    """What a restore did. `differences`: what is not as it should be, a line each; `known`: of
    those, what was to be expected."""

    manifest: Manifest
    photos: int = 0
    tally: Tally = field(default_factory=Tally)
    differences: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


def restore_backup(
    config: Config, folder: Path, *, replace: bool = False, forks_known: bool = False
) -> Restored:
    """Put a backup in the place of the cloud's database, and its photos into the store.

    Afterwards the rows are counted, the schema is brought up to date and the ledger is checked
    from its first line. Raises `BackupError` and `KeyFileError` before anything was changed.
    `replace`: whatever is in the database is given up. `forks_known`: as of `ledger verify`.
    """
    key = existing_key(config)
    manifest = read_manifest(folder, key)
    check_files(folder, manifest)
    if manifest.photos == photo_list.COPIED:
        photo_list.check_photos(folder)
    if manifest.schema_revision not in migrate.revisions():
        raise BackupError(
            "backup_newer",
            f"{folder}: its schema ({manifest.schema_revision}) is unknown here: a newer release "
            "made it. Restore it with that one",
        )
    restored = Restored(manifest)
    _into_database(config, folder, manifest, replace, restored)
    migrate.upgrade(config.database_url)
    _photos(config, folder, restored)
    _check_ledger(config, key, forks_known, restored)
    return restored


def _into_database(
    config: Config, folder: Path, manifest: Manifest, replace: bool, restored: Restored
) -> None:
    database = Database(config.database_url)
    try:
        kind = database.engine.dialect.name
        if kind != manifest.database:
            raise BackupError(
                "backup_other_database",
                f"{folder}: is of {manifest.database}, and the settings name {kind}",
            )
        fill = _ready(config, folder, manifest, database)
        if not replace:
            _refuse_full(config, database)
        fill()
        with database.engine.connect() as connection:
            restored.differences += _compare(manifest, connection)
    finally:
        database.close()


def _ready(
    config: Config, folder: Path, manifest: Manifest, database: Database
) -> Callable[[], None]:
    """Check that the file can be read, and give back what restores it."""
    file = folder / manifest.database_file
    if manifest.database == SQLITE:
        sqlite_copy.check(file)
        return lambda: sqlite_copy.restore(file, config.database_url)
    major = database.read(lambda session: postgres_dump.server_major(session.connection()))
    program = postgres_dump.check(file, config.postgres_bin, major, manifest.tool)

    def fill() -> None:
        database.write(lambda session: postgres_dump.drop_tables(session.connection()))
        postgres_dump.restore(database.engine, program, file)

    return fill


def _refuse_full(config: Config, database: Database) -> None:
    is_sqlite = database.engine.dialect.name == SQLITE
    if is_sqlite and not sqlite_copy.path_of(config.database_url).is_file():
        return
    rows = database.read(lambda session: sum(count_rows(session.connection()).values()))
    if rows:
        raise BackupError(
            "database_not_empty",
            f"the database holds {rows} rows already: restore into an empty one, or give up "
            "what is there with --replace",
        )


def _compare(manifest: Manifest, connection: Connection) -> list[str]:
    found = take_inventory(connection)
    told = {
        "the schema": (manifest.schema_revision, found.schema_revision),
        "the district's version": (manifest.district_version, found.district_version),
        "the last closed day": (manifest.last_day, found.last_day),
    }
    for name in sorted({*manifest.counts, *found.counts}):
        told[f"rows of {name}"] = manifest.counts.get(name), found.counts.get(name)
    return [
        f"{what}: the manifest says {wanted}, restored is {got}"
        for what, (wanted, got) in told.items()
        if wanted != got
    ]


def _photos(config: Config, folder: Path, restored: Restored) -> None:
    said = restored.manifest.photos
    if said == photo_list.LEFT_OUT:
        return
    if config.photo_store != "folder":
        restored.differences.append("photos: the backup has them, and the settings name a bucket")
        return
    if said == photo_list.COPIED:
        restored.photos = photo_list.put_back(folder, config.photo_folder)
    missing = photo_list.missing(folder, config.photo_folder)
    if missing:
        restored.differences.append(f"photos: {missing} of those in the list are not in the store")


def _check_ledger(config: Config, key: MasterKey, forks_known: bool, restored: Restored) -> None:
    def look(session: Session) -> None:
        open_one(session, key)
        for finding in verify(session, key, restored.tally):
            is_known = forks_known and finding.kind == FORK
            (restored.known if is_known else restored.differences).append(f"ledger: {finding}")

    database = Database(config.database_url)
    try:
        database.read(look)
    finally:
        database.close()
