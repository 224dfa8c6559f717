"""The manifest of a backup: what is in it, and what the database was when it was made.

It is sealed with the master key (HMAC-SHA256), which is never in a backup: who holds only the
backup cannot change it unseen, and a restore with another key is refused before it begins.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from server.backup.fault import BackupError
from server.master_key import MasterKey

NAME: Final = "manifest.json"
FORMAT: Final = "valet-backup"
VERSION: Final = 1

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

_FINGERPRINT: Final = "backup-fingerprint"
_SEAL: Final = "backup-seal"


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A file of the backup: its name in the folder, its size in bytes and its SHA-256 in hex."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    `made_at`: ISO 8601. `tool`: what wrote the database's file. `database_file` is one of `files`,
    as is the list of photos, unless they were left out. `last_day`: date, count and root of the
    last closed day of the ledger. `counts`: the rows of each table.
    """

    made_at: str
    database: str
    tool: str
    schema_revision: str
    district_version: int
    last_day: Mapping[str, Any] | None
    counts: Mapping[str, int]
    database_file: str
    photos: str
    files: Sequence[BackupFile]
    key_fingerprint: str

    def write(self, folder: Path, key: MasterKey) -> Path:
        """Write it, sealed, into the folder of the backup."""
        body = {"format": FORMAT, "version": VERSION, **asdict(self)}
        path = folder / NAME
        sealed = {**body, "seal": _seal(key, body)}
        path.write_text(json.dumps(sealed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path


def fingerprint(key: MasterKey) -> str:
    """What tells one master key from another, and nothing of either."""
    return key.derive(_FINGERPRINT).hex()


def read_manifest(folder: Path, key: MasterKey) -> Manifest:
    """The manifest of a backup. Raises `BackupError` for none, an unreadable one, one of another
    master key, and one that was changed."""
    body = _load(folder / NAME)
    if body.get("format") != FORMAT or body.get("version") != VERSION:
        raise BackupError(
            "backup_unknown_format",
            f"{folder / NAME}: not a backup of format {FORMAT} {VERSION}: another release made it",
        )
    seal = body.pop("seal", None)
    if body.get("key_fingerprint") != fingerprint(key):
        raise BackupError(
            "backup_other_key",
            f"{folder}: made under another master key. What is sealed in it would not open: put "
            "the key that belongs to it in place first (it is kept apart from backups)",
        )
    if not isinstance(seal, str) or not hmac.compare_digest(seal, _seal(key, body)):
        raise BackupError("backup_changed", f"{folder / NAME}: was changed after it was made")
    files = [BackupFile(**file) for file in body["files"]]
    rest = {name: value for name, value in body.items() if name not in ("format", "version")}
    return Manifest(**{**rest, "files": files})


def file_of(folder: Path, path: Path) -> BackupFile:
    """A file of the backup as it is now."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return BackupFile(path.relative_to(folder).as_posix(), file.tell(), digest)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise `BackupError` unless every file is there and is what the manifest says."""
    for wanted in manifest.files:
        path = folder / wanted.name
        if not path.is_file():
            raise BackupError("backup_partial", f"{path}: is missing; the backup is not whole")
        if file_of(folder, path) != wanted:
            raise BackupError(
                "backup_damaged", f"{path}: is damaged: its size or SHA-256 is another one"
            )


def _load(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackupError(
            "backup_partial",
            f"{path}: there is no manifest. It is written last: this is no finished backup",
        ) from None
    except (OSError, ValueError):
        raise BackupError("backup_damaged", f"{path}: cannot be read; it is damaged") from None
    if not isinstance(body, dict):
        raise BackupError("backup_damaged", f"{path}: cannot be read; it is damaged")
    return body


def _seal(key: MasterKey, body: Mapping[str, Any]) -> str:
    plain = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.digest(key.derive(_SEAL), plain.encode(), "sha256").hex()
