"""The station's own Ed25519 keys: made here, never leave the card.

`station.key` is the one in use. While it changes, `station.key.next` is the one to come: it is on
the disk before the cloud hears of it, and takes the other's place once the cloud has listened to
it. `station.key.enroll` is one that is to come by a code instead. Until then any of them may be the
one that the cloud knows, so that an end at any moment, kill -9 or the plug, leaves the station able
to speak: what one of them cannot say, the other can.

`valet-agent key` prints the public half; a manager enters it where the station is enrolled by hand.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Collection
from pathlib import Path

import click
import structlog

from reader_agent.config import ConfigError, read_config
from reader_agent.private_key import read_private_key
from schemas.signing import new_private_key, public_key_of

FILE_NAME = "station.key"
NEXT_FILE_NAME = "station.key.next"
ENROLL_FILE_NAME = "station.key.enroll"
_COMING = (NEXT_FILE_NAME, ENROLL_FILE_NAME)

_log = structlog.get_logger(__name__)


class StationKeyError(Exception):
    """The key file cannot be used. `code` is `key_exposed` (others may read it) or `key_broken`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyRing:
    """The keys in `data_dir`. Made with `private_key`, it is that one and has no files.

    Another process may change the key meanwhile (`valet-agent rotate-key`): the files are read
    again when the key in use no longer opens the door. Raises `StationKeyError` and `OSError`.
    """

    def __init__(self, data_dir: Path | None, private_key: bytes | None = None) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._current = private_key or load_or_create(self._folder)

    @property
    def current(self) -> bytes:
        """The private key to sign with: 32 raw bytes."""
        return self._current

    def other_than(self, tried: Collection[bytes]) -> bytes | None:
        """A key of this station that was not tried; None if there is none."""
        if self._data_dir is None:
            return None
        try:
            found = [_load_if_any(self._data_dir / name) for name in (FILE_NAME, *_COMING)]
        except (StationKeyError, OSError) as error:
            _log.warning("key.not_read", error=str(error))
            return None
        return next((key for key in found if key is not None and key not in tried), None)

    def prepare(self, name: str = NEXT_FILE_NAME) -> bytes:
        """The key to come; made if there is none."""
        path = self._folder / name
        if _load_if_any(path) is None:
            _create(path)
        return read_private_key(path, StationKeyError)

    def worked(self, key: bytes) -> None:
        """The cloud listens to `key`: from now on it is the one in use. Where the card cannot
        write that down, it is found out again after the next start."""
        if key == self._current:
            return
        with self._lock:
            self._current = key
            if self._data_dir is None:
                return
            try:
                for name in _COMING:
                    if key == _load_if_any(self._data_dir / name):
                        _take_place(self._data_dir / name)
            except OSError as error:
                _log.warning("key.not_kept", error=error.strerror)

    def settle(self, key: bytes) -> None:
        """`key` was enrolled: it is the one in use, and what else was to come is not."""
        self.worked(key)
        for name in _COMING:
            (self._folder / name).unlink(missing_ok=True)

    def made_at_s(self) -> float | None:
        """When the key in use was made, in Unix seconds by the card's clock of that time."""
        if self._data_dir is None:
            return None
        try:
            return (self._data_dir / FILE_NAME).stat().st_mtime
        except OSError:
            return None

    @property
    def _folder(self) -> Path:
        assert self._data_dir is not None
        return self._data_dir


def load_or_create(data_dir: Path) -> bytes:
    """The 32 raw bytes of the private key in `data_dir`. Raises `StationKeyError`."""
    path = data_dir / FILE_NAME
    try:
        return read_private_key(path, StationKeyError)
    except FileNotFoundError:
        _create(path)
    return read_private_key(path, StationKeyError)


def public_key_hex(data_dir: Path) -> str:
    """The public key as 64 hex digits; the pair is made if there is none."""
    return public_key_of(load_or_create(data_dir)).hex()


@click.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="KEY=VALUE file of the station's settings.",
)
def key(config_path: Path | None) -> None:
    """Print the station's public key, to be entered where the station is enrolled."""
    try:
        config = read_config(config_path)
        config.data_dir.mkdir(parents=True, exist_ok=True)
        click.echo(public_key_hex(config.data_dir))
    except (ConfigError, StationKeyError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _load_if_any(path: Path) -> bytes | None:
    try:
        return read_private_key(path, StationKeyError)
    except FileNotFoundError:
        return None


def _create(path: Path) -> None:
    # Written whole under another name and then linked: a power cut leaves no half key, and of
    # two that create it at once one wins.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_private_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _take_place(path: Path) -> None:
    # So that the key's age counts from now, and not from when it was prepared.
    os.utime(path)
    path.replace(path.with_name(FILE_NAME))
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
