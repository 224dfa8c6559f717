"""Making a backup: under a temporary name until all of it is on the disk, then by its own."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from server.backup import photo_list, postgres_dump, sqlite_copy
from server.backup.disk import sync, sync_tree
from server.backup.fault import BackupError
from server.backup.inventory import Inventory, open_one, take_inventory
from server.backup.manifest import POSTGRESQL, SQLITE, Manifest, file_of, fingerprint
from server.config import Config
from server.database import Database
from server.keys.root import existing_key
from server.master_key import MasterKey


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup; `damaged`: photos that are no longer what their event names."""

    manifest: Manifest
    damaged: int


def make_backup(config: Config, folder: Path, *, with_photos: bool, now: datetime) -> Made:
    """Back the cloud up into a new folder, while it works. Raises `BackupError`, `KeyFileError`;
    then there is no folder of that name."""
    key = existing_key(config)
    if folder.exists():
        raise BackupError("folder_exists", f"{folder}: is there already; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.part")
    part.mkdir(mode=0o700)
    try:
        made = _fill(config, key, part, with_photos, now)
        made.manifest.write(part, key)
        sync_tree(part)
        part.rename(folder)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(part)
        raise
    sync(folder.parent)
    return made


def _fill(config: Config, key: MasterKey, part: Path, with_photos: bool, now: datetime) -> Made:
    database = Database(config.database_url)
    try:
        if database.engine.dialect.name == SQLITE:
            kind, file = SQLITE, sqlite_copy.FILE
            tool, inventory = _copy_sqlite(config, key, part / file)
        else:
            kind, file = POSTGRESQL, postgres_dump.FILE
            tool, inventory = database.read(
                lambda session: _dump_postgres(session, database, config, key, part / file)
            )
    finally:
        database.close()
    files, damaged, photos = [part / file], 0, photo_list.LEFT_OUT
    # After the database: a photo that it knows of as stored is in the folder by then.
    if config.photo_store == "folder":
        damaged = photo_list.take_photos(config.photo_folder, part, with_bytes=with_photos)
        files.append(part / photo_list.LIST)
        photos = photo_list.COPIED if with_photos else photo_list.LISTED
    manifest = Manifest(
        made_at=now.isoformat(),
        database=kind,
        tool=tool,
        schema_revision=inventory.schema_revision,
        district_version=inventory.district_version,
        last_day=inventory.last_day,
        counts=inventory.counts,
        database_file=file,
        photos=photos,
        files=[file_of(part, path) for path in files],
        key_fingerprint=fingerprint(key),
    )
    return Made(manifest, damaged)


def _copy_sqlite(config: Config, key: MasterKey, to: Path) -> tuple[str, Inventory]:
    tool = sqlite_copy.dump(config.database_url, to)
    sqlite_copy.check(to)
    engine = sqlite_copy.reading(to)
    try:
        with engine.connect() as connection:
            inventory = take_inventory(connection)
            open_one(Session(bind=connection), key)
    finally:
        engine.dispose()
    return tool, inventory


def _dump_postgres(
    session: Session, database: Database, config: Config, key: MasterKey, to: Path
) -> tuple[str, Inventory]:
    """Count and dump one and the same snapshot."""
    connection = session.connection()
    inventory = take_inventory(connection)
    open_one(session, key)
    snapshot = str(connection.scalar(text("SELECT pg_export_snapshot()")))
    major = postgres_dump.server_major(connection)
    return postgres_dump.dump(database.engine, snapshot, major, config.postgres_bin, to), inventory
