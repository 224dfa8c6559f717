"""Photos on the station's card: hashed as they are captured, kept until the cloud has them.

    photos/new/      captured; no event that names them is known to be recorded yet
    photos/waiting/  named by an event in the journal, and not yet in the cloud
    photos/sent/     in the cloud; kept for some days more

A file's name says whose photo it is and what it hashes to, so that the folders alone tell what is
to be done, also after the database was lost. A name is given only once the bytes are on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from reader_agent.config import Limits
from schemas.jpeg import JPEGError, only_picture
from schemas.photo import PhotoRef
from schemas.problems import Refusal

DRAFT: Final = "draft"
"""Stands where a visit's id does, for a photo of the reception that is open."""

_NEW, _WAITING, _SENT = _FOLDERS = "new", "waiting", "sent"
_NAME: Final = re.compile(rf"({DRAFT}|[0-9a-f-]{{36}})\.[0-9a-f]{{64}}\.jpg")
_UNFINISHED: Final = ".part"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptPhoto:
    """A photo by its whole name: whose it is (a visit's id or `DRAFT`) and its SHA-256."""

    owner: str
    sha256: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.owner}.{self.sha256}.jpg"

    @property
    def is_named(self) -> bool:
        """Whether this can be a photo's name at all, and leads nowhere else."""
        return _NAME.fullmatch(self.name) is not None


@dataclass(slots=True)
class WaitingPhoto:
    """A photo that the cloud does not have: how often it was tried since the agent started, and
    why it is not taken (a problem code; None while nothing is wrong with it)."""

    photo: KeptPhoto
    tries: int = 0
    code: str | None = None
    not_before_ns: int = 0


class PhotoStore:
    """The folder `photos` in the data folder. Not guarded: one asks at a time to keep or to move,
    and every file is whole whenever it has its name."""

    def __init__(self, data_dir: Path, limits: Limits) -> None:
        self._folder = data_dir / "photos"
        self._limits = limits
        self._is_full = False
        for name in (_NEW, _WAITING, _SENT):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, owner: str, content: bytes) -> PhotoRef:
        """Keep what a camera gave, without all that is no picture; durable when this returns.

        Refusal `photo_too_large` (bytes or pixels), `bad_photo`, `photo_no_room` when the disk
        would have less left than events may need, `storage_fault`. Then nothing has changed.
        """
        limits = self._limits
        if len(content) > limits.photo_bytes:
            raise Refusal("photo_too_large")
        try:
            picture = only_picture(content)
        except JPEGError as error:
            raise Refusal("bad_photo") from error
        if picture.pixels > limits.photo_megapixels * 1_000_000:
            raise Refusal("photo_too_large")
        digest = hashlib.sha256(picture.content).hexdigest()
        self._write(self._path(_NEW, KeptPhoto(owner, digest)), picture.content)
        return PhotoRef(digest, len(picture.content))

    def new(self) -> list[KeptPhoto]:
        """Captured, with no event known."""
        return self._list(_NEW)

    def waiting(self) -> list[KeptPhoto]:
        """What the cloud does not have, the oldest first."""
        return self._list(_WAITING)

    def begin_waiting(self, photo: KeptPhoto, visit_id: str) -> None:
        """The event that names a new photo as one of `visit_id` is in the journal."""
        named = KeptPhoto(visit_id, photo.sha256)
        if self._path(_SENT, named).exists():
            self.forget(photo)
            return
        self._move(self._path(_NEW, photo), self._path(_WAITING, named))

    def forget(self, photo: KeptPhoto) -> None:
        """No event names a new photo, and none will."""
        self._path(_NEW, photo).unlink(missing_ok=True)

    def forget_unfinished(self) -> None:
        """What was being written when the agent ended was promised to nobody."""
        for path in (self._folder / _NEW).glob(f"*{_UNFINISHED}"):
            path.unlink(missing_ok=True)

    def was_stored(self, photo: KeptPhoto, now: datetime) -> None:
        """The cloud has said that it has the photo, whole and unchanged."""
        path = self._path(_SENT, photo)
        self._move(self._path(_WAITING, photo), path)
        os.utime(path, (now.timestamp(), now.timestamp()))

    def drop_old(self, now: datetime) -> None:
        """Give back the room of what the cloud has had for long enough."""
        before = (now - timedelta(days=self._limits.photo_keep_days)).timestamp()
        for photo in self._list(_SENT):
            path = self._path(_SENT, photo)
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def read(self, photo: KeptPhoto) -> bytes | None:
        """The bytes wherever they are kept; None where they no longer are. Raises `OSError`."""
        for folder in _FOLDERS if photo.is_named else ():
            with suppress(FileNotFoundError):
                return self._path(folder, photo).read_bytes()
        return None

    def has(self, photo: KeptPhoto) -> bool:
        """Whether the bytes are here."""
        return photo.is_named and any(self._path(each, photo).exists() for each in _FOLDERS)

    def _write(self, path: Path, content: bytes) -> None:
        part = path.with_name(path.name + _UNFINISHED)
        try:
            room = shutil.disk_usage(self._folder).free - len(content)
            if room < self._limits.photo_room_mb * 1_000_000:
                raise OSError(errno.ENOSPC, "kept free for events")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self._move(part, path)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise self._refusal_of(error) from error
        if self._is_full:
            self._is_full = False
            _log.info("photo.room_again")

    def _refusal_of(self, error: OSError) -> Refusal:
        is_full = error.errno in _NO_ROOM
        if not self._is_full:
            _log.error("photo.not_kept", error=errno.errorcode.get(error.errno or 0))
        self._is_full = is_full
        return Refusal("photo_no_room" if is_full else "storage_fault")

    def _path(self, folder: str, photo: KeptPhoto) -> Path:
        return self._folder / folder / photo.name

    def _list(self, folder: str) -> list[KeptPhoto]:
        found = []
        for path in (self._folder / folder).iterdir():
            if not _NAME.fullmatch(path.name):
                continue
            owner, digest, _ = path.name.split(".")
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime_ns, path.name, KeptPhoto(owner, digest)))
        return [photo for *_, photo in sorted(found, key=lambda each: each[:2])]

    def _move(self, path: Path, to: Path) -> None:
        path.rename(to)
        for folder in {path.parent, to.parent}:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
