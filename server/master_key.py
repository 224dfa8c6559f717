"""Every secret of the cloud comes from one master key, kept outside the database.

What is sealed stands under a data key of `server.keys.data_keys` if there is one, and then begins
with the key's id; what has no id stands under the master key itself.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MARK: Final = b"vk1"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
SEAL_PREFIX_BYTES: Final = len(_MARK) + _ID_BYTES
"""How many bytes of a sealed value say under which data key it stands."""


class KeyFileError(Exception):
    """The master key file cannot be used; the message says why."""


class SealKeys(Protocol):
    """The data keys that the master key opens."""

    def newest(self) -> tuple[str, bytes] | None:
        """Id (16 hex digits) and secret of the one to seal with; None while there is none."""

    def find(self, key_id: str) -> bytes | None:
        """The secret of one; None if there is none of that id."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Derives one key per purpose (HMAC-SHA256 of the purpose under the master key)."""

    secret: bytes = field(repr=False)
    seal_keys: SealKeys | None = field(default=None, compare=False, repr=False)

    def derive(self, purpose: str, *parts: str) -> bytes:
        """32 bytes for a purpose and what it is for."""
        label = "\n".join((purpose, *parts)).encode()
        return hmac.new(self.secret, label, hashlib.sha256).digest()

    def seal(self, purpose: str, ref: str, plain: bytes) -> bytes:
        """AES-256-GCM under the purpose's key, bound to `ref`: the key's id, nonce, ciphertext."""
        newest = None if self.seal_keys is None else self.seal_keys.newest()
        if newest is None:
            return _sealed(self, purpose, ref, plain)
        key_id, secret = newest
        return seal_prefix(key_id) + _sealed(MasterKey(secret), purpose, ref, plain)

    def unseal(self, purpose: str, ref: str, sealed: bytes) -> bytes:
        """What `seal` was given. Raises `KeyFileError` under another key or for another `ref`."""
        key_id = key_id_of(sealed)
        if key_id is not None and self.seal_keys is not None:
            secret = self.seal_keys.find(key_id)
            if secret is not None:
                return _opened(MasterKey(secret), purpose, ref, sealed[SEAL_PREFIX_BYTES:])
        # The first bytes of a nonce may look like an id.
        return _opened(self, purpose, ref, sealed)


def seal_prefix(key_id: str) -> bytes:
    """What a value begins with that is sealed under this data key."""
    return _MARK + bytes.fromhex(key_id)


def key_id_of(sealed: bytes) -> str | None:
    """The data key that a value says it is sealed under; None for the master key itself."""
    if not sealed.startswith(_MARK):
        return None
    return sealed[len(_MARK) : SEAL_PREFIX_BYTES].hex()


def _sealed(key: MasterKey, purpose: str, ref: str, plain: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key.derive(purpose)).encrypt(nonce, plain, ref.encode())


def _opened(key: MasterKey, purpose: str, ref: str, sealed: bytes) -> bytes:
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(key.derive(purpose)).decrypt(nonce, rest, ref.encode())
    except (InvalidTag, ValueError):
        raise KeyFileError(
            "a sealed record does not open: is this the master key of this database?"
        ) from None


def load_master_key(path: Path) -> MasterKey:
    """The key in the file (64 hex digits), made and kept with mode 0600 at the first call."""
    return key_in(key_text(path, lambda: secrets.token_hex(32)), str(path))


def key_in(text: str, where: str) -> MasterKey:
    """The key that a text holds. Raises `KeyFileError`, which says `where` it came from."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise KeyFileError(f"{where}: must hold 64 hex digits; restore it from its backup")
    return MasterKey(bytes.fromhex(text))


def key_text(path: Path, make: Callable[[], str]) -> str:
    """What the key's file holds; where there is none, what `make` gives is kept there first."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return _create(path, make())
    except (OSError, UnicodeDecodeError):
        raise KeyFileError(f"{path}: cannot be read as a key; restore it from its backup") from None


def replace_key_text(path: Path, text: str) -> None:
    """Give the file of the key another content, in one step. Raises `KeyFileError`."""
    try:
        _part(path, text).replace(path)
        _sync(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}") from None


def _create(path: Path, text: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _write_new(path, text)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be made: {error.strerror}") from None


def _write_new(path: Path, text: str) -> str:
    # Two may start at once: whoever links the finished file first wins.
    part = _part(path, text)
    try:
        os.link(part, path)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        part.unlink()
    # What is sealed with the key must not outlive a name that a power cut took back.
    _sync(path.parent)
    return text


def _part(path: Path, text: str) -> Path:
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return part


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
