"""The photos of a folder store in a backup: a list that `sha256sum --check` reads, and their bytes
unless they were left out. A photo's name is its hash, so every copy is checked as it is made."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from server.backup.disk import sync
from server.backup.fault import BackupError

LIST: Final = "photos.sha256"
FOLDER: Final = "photos"

COPIED: Final = "copied"
LISTED: Final = "listed"
LEFT_OUT: Final = "left out"

_BLOCK_BYTES = 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{64}) {2}photos/([0-9a-f-]{36}/\1\.jpg)")


def take_photos(store: Path, folder: Path, *, with_bytes: bool) -> int:
    """Write the list of a store's photos into a backup, and copy them if told; how many were
    damaged, and so left out."""
    damaged = 0
    with (folder / LIST).open("w", encoding="utf-8") as listed:
        for path in sorted(store.glob("*/*.jpg")):
            name = f"{path.parent.name}/{path.name}"
            # One that is being erased meanwhile is not missed.
            with suppress(FileNotFoundError):
                if _copy(path, folder / FOLDER / name if with_bytes else None) != path.stem:
                    damaged += 1
                    continue
                listed.write(f"{path.stem}  {FOLDER}/{name}\n")
    return damaged


def check_photos(folder: Path) -> int:
    """Check every photo that a backup brings; how many. Raises `BackupError` for one that is
    missing or damaged."""
    count = 0
    for name in _names(folder):
        path, count = folder / FOLDER / name, count + 1
        if not path.is_file():
            raise BackupError("backup_partial", f"{path}: is missing; the backup is not whole")
        if _copy(path, None) != path.stem:
            raise BackupError("backup_damaged", f"{path}: is damaged: its SHA-256 is another one")
    return count


def put_back(folder: Path, store: Path) -> int:
    """Copy the photos of a backup into a store that lacks them; how many it lacked."""
    count = 0
    for name in _names(folder):
        target = store / name
        if target.is_file() and _copy(target, None) == target.stem:
            continue
        part = target.with_suffix(".restoring")
        _copy(folder / FOLDER / name, part)
        sync(part)
        part.rename(target)
        sync(target.parent)
        count += 1
    return count


def missing(folder: Path, store: Path) -> int:
    """How many of the photos that a backup lists are not in the store."""
    return sum(1 for name in _names(folder) if not (store / name).is_file())


def _names(folder: Path) -> Iterator[str]:
    with (folder / LIST).open(encoding="utf-8") as listed:
        for line in listed:
            said = _LINE.fullmatch(line.rstrip("\n"))
            if said is None:
                raise BackupError("backup_damaged", f"{folder / LIST}: a line is no photo's name")
            yield said[2]


def _copy(source: Path, to: Path | None) -> str:
    """Copy a file, or only read it; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as read:
        if to is not None:
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(
            os.devnull if to is None else to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600
        )
        with os.fdopen(descriptor, "wb") as write:
            while block := read.read(_BLOCK_BYTES):
                digest.update(block)
                write.write(block)
    if to is not None and digest.hexdigest() not in (source.stem, to.stem):
        to.unlink()
    return digest.hexdigest()
