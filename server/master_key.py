"""Every secret of the cloud comes from one master key, kept outside the database."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class KeyFileError(Exception):
    """The master key file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Derives one key per purpose (HMAC-SHA256 of the purpose under the master key)."""

    secret: bytes

    def derive(self, purpose: str, *parts: str) -> bytes:
        """32 bytes for a purpose and what it is for."""
        label = "\n".join((purpose, *parts)).encode()
        return hmac.new(self.secret, label, hashlib.sha256).digest()

    def seal(self, purpose: str, ref: str, plain: bytes) -> bytes:
        """AES-256-GCM under the purpose's key, bound to `ref`: nonce then ciphertext."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, ref.encode())

    def unseal(self, purpose: str, ref: str, sealed: bytes) -> bytes:
        """What `seal` was given. Raises `KeyFileError` under another key or for another `ref`."""
        try:
            return AESGCM(self.derive(purpose)).decrypt(sealed[:12], sealed[12:], ref.encode())
        except InvalidTag:
            raise KeyFileError(
                "a sealed record does not open: is this the master key of this database?"
            ) from None


def load_master_key(path: Path) -> MasterKey:
    """The key in the file (64 hex digits), made and kept with mode 0600 at the first call."""
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        text = _create(path)
    except (OSError, UnicodeDecodeError):
        raise KeyFileError(f"{path}: cannot be read as a key; restore it from its backup") from None
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise KeyFileError(f"{path}: must hold 64 hex digits; restore it from its backup")
    return MasterKey(bytes.fromhex(text))


def _create(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _write_new(path)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be made: {error.strerror}") from None


def _write_new(path: Path) -> str:
    text = secrets.token_hex(32)
    # Two may start at once: whoever links the finished file first wins.
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        part.unlink()
    # What is sealed with the key must not outlive a name that a power cut took back.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return text
