"""Where the bytes of photos are kept, behind the few things that are asked of it."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import io
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Protocol

from schemas.photo import JPEG, OFFSET_HEADER, PHOTOS_PATH
from schemas.problems import Refusal
from server.master_key import MasterKey

_PUT_KEY: Final = "photo-put"
_BLOCK_BYTES: Final = 64 * 1024
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo by its whole name, and how long it is."""

    visit_id: str
    sha256: str
    size_bytes: int

    @property
    def path(self) -> str:
        """Its name in any store; both parts were checked to be hex digits and dashes."""
        return f"{self.visit_id}/{self.sha256}.jpg"


@dataclass(frozen=True, slots=True)
class Found:
    """What is there in a photo's place."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Put:
    """Where to put a photo: see `schemas.photo.PhotoPutSchema`."""

    url: str
    offset: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


class PhotoStore(Protocol):
    """All of it raises `Refusal("photo_store_lost")` while the store cannot be reached."""

    def put(self, photo: Photo, now: datetime) -> Put:
        """Where to put the bytes, and from which one on."""

    def look(self, photo: Photo) -> Found | None:
        """What is there; None while it is not as long as it should be."""

    def read(self, photo: Photo) -> bytes | None:
        """The bytes, whatever they are; None without any."""

    def keep(self, photo: Photo, content: bytes) -> None:
        """Keep bytes that were hashed here."""

    def drop(self, photo: Photo) -> None:
        """Forget the bytes: they are not the photo's."""

    def drop_parts(self, before: datetime) -> int:
        """Forget halves that nobody has added to since; how many there were."""


class PhotoFolder:
    """Files in a folder, brought by `PUT` to this server and going on where a cut left them.

    Who may put what, and until when, is in the address and sealed with a key of this server.
    """

    def __init__(self, folder: Path, key: MasterKey, put_s: int, puts_at_once: int) -> None:
        """`put_s`: for how many seconds an address is good."""
        self._slots = threading.BoundedSemaphore(puts_at_once)
        self._folder = folder
        self._key = key.derive(_PUT_KEY)
        self._put_s = put_s

    def put(self, photo: Photo, now: datetime) -> Put:
        """See `PhotoStore`. A part that was filled with something else is begun anew."""
        until_s = int(now.timestamp()) + self._put_s
        path = f"{PHOTOS_PATH}/{photo.visit_id}/{photo.sha256}"
        query = f"bytes={photo.size_bytes}&until={until_s}&seal={self._seal(photo, until_s)}"
        offset = self._offset(photo)
        headers = {"Content-Type": JPEG, OFFSET_HEADER: str(offset)}
        return Put(f"{path}?{query}", offset, headers)

    def may_put(self, photo: Photo, until_s: int, seal: str, now: datetime) -> bool:
        """Whether this address was given out for this photo and is still good."""
        is_ours = hmac.compare_digest(seal, self._seal(photo, until_s))
        return is_ours and now.timestamp() <= until_s

    def take(self, photo: Photo, offset: int, body: IO[bytes]) -> None:
        """Write a body to the photo from `offset` on, as far as it comes.

        Two may do so at once after a cut that only one side has noticed: both bring the same
        bytes to the same places. Raises `Refusal` `bad_request` for an offset beyond what is
        there, `photos_busy` when enough others come, `storage_full` and `storage_fault`.
        """
        if offset > self._offset(photo):
            raise Refusal("bad_request", detail=f"{OFFSET_HEADER}: beyond what is here")
        # A slow photo holds a thread of the server: most of them are for events.
        if not self._slots.acquire(blocking=False):
            raise Refusal("photos_busy")
        try:
            self._write(photo, offset, body)
        except OSError as error:
            raise _refusal_of(error) from error
        finally:
            self._slots.release()

    def _write(self, photo: Photo, offset: int, body: IO[bytes]) -> None:
        part = self._part(photo)
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for block in _blocks(body, photo.size_bytes - offset):
                offset += _write_all(descriptor, block, offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def look(self, photo: Photo) -> Found | None:
        """See `PhotoStore`. A part that is whole and right becomes the photo."""
        with suppress(FileNotFoundError):
            return _found(self._file(photo))
        part = self._part(photo)
        try:
            found = _found(part)
            if found.size_bytes < photo.size_bytes:
                return None
            if found == Found(photo.sha256, photo.size_bytes):
                part.rename(self._file(photo))
                _sync_folder(part.parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refusal_of(error) from error
        return found

    def read(self, photo: Photo) -> bytes | None:
        """See `PhotoStore`."""
        try:
            with self._file(photo).open("rb") as file:
                return file.read(photo.size_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refusal("photo_store_lost") from error

    def keep(self, photo: Photo, content: bytes) -> None:
        """See `PhotoStore`. Raises `Refusal` as `take` does."""
        self.take(photo, 0, io.BytesIO(content))
        if self.look(photo) != Found(photo.sha256, photo.size_bytes):
            raise Refusal("storage_fault")

    def drop(self, photo: Photo) -> None:
        """See `PhotoStore`."""
        self._part(photo).unlink(missing_ok=True)
        self._file(photo).unlink(missing_ok=True)

    def drop_parts(self, before: datetime) -> int:
        """See `PhotoStore`."""
        count = 0
        for part in self._folder.glob(f"*/*{_PART}"):
            with suppress(FileNotFoundError):
                if part.stat().st_mtime < before.timestamp():
                    part.unlink()
                    count += 1
        return count

    def _file(self, photo: Photo) -> Path:
        return self._folder / photo.path

    def _part(self, photo: Photo) -> Path:
        return self._folder / f"{photo.path}{_PART}"

    def _offset(self, photo: Photo) -> int:
        for path in (self._file(photo), self._part(photo)):
            with suppress(FileNotFoundError):
                return min(path.stat().st_size, photo.size_bytes)
        return 0

    def _seal(self, photo: Photo, until_s: int) -> str:
        said = f"{photo.path}\n{photo.size_bytes}\n{until_s}".encode()
        return base64.urlsafe_b64encode(hmac.digest(self._key, said, "sha256")).decode().rstrip("=")


def _blocks(body: IO[bytes], size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    while left > 0 and (block := _next_block(body, left)):
        left -= len(block)
        yield block


def _next_block(body: IO[bytes], left: int) -> bytes:
    try:
        return body.read(min(_BLOCK_BYTES, left))
    except OSError as error:
        # Not our disk: the line has gone quiet, and there is nobody to hear of it.
        raise Refusal("bad_request", detail="the body broke off") from error


def _write_all(descriptor: int, block: bytes, offset: int) -> int:
    done = 0
    while done < len(block):
        done += os.pwrite(descriptor, block[done:], offset + done)
    return done


def _found(path: Path) -> Found:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Found(digest, file.tell())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refusal_of(error: OSError) -> Refusal:
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Refusal("storage_full" if is_full else "storage_fault")
