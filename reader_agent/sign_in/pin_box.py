"""What a station knows of PINs, sealed on its card.

The key is 32 random bytes in a file of its own, `pin.key` in the data folder, so that a copy of the
database alone says nothing. A file that does not lie on the card (`PIN_KEY_FILE`; on a Raspberry Pi
its one-time memory, by way of systemd's credentials) makes an image of the whole card worthless
too; without one, whoever has the image has Argon2id left to overcome.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FILE_NAME: Final = "pin.key"
_log = structlog.get_logger(__name__)
_KEY_BYTES, _NONCE_BYTES, _FILE_BYTES_MIN = 32, 12, 16


class PinBox:
    """Seals with the key in `file`, or in a file of the data folder that is made at the first use.

    Raises `OSError` where a file that was named cannot be read. Where none can be made, a full disk
    keeps nobody out: what is sealed then lasts until the agent ends, and is told again.
    """

    def __init__(self, data_dir: Path, file: Path | None) -> None:
        content = _made(data_dir / FILE_NAME) if file is None else _named(file)
        self._cipher = AESGCM(hashlib.sha256(b"valet staff pins\n" + content).digest())

    def seal(self, owner: str, plain: bytes) -> bytes:
        """AES-256-GCM, bound to whom it is about: nonce, then ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, owner.encode())

    def open(self, owner: str, sealed: bytes) -> bytes | None:
        """What was sealed; None under another key, or for somebody else."""
        try:
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, rest, owner.encode())
        except (InvalidTag, ValueError):
            return None


def _named(file: Path) -> bytes:
    content = file.read_bytes()
    if len(content) < _FILE_BYTES_MIN:
        raise OSError(f"{file} holds no key: it is shorter than {_FILE_BYTES_MIN} bytes")
    return content


def _made(file: Path) -> bytes:
    """The key of this card. One that a power cut left half is made anew: what it sealed is told
    by the cloud again."""
    try:
        content = file.read_bytes()
        if len(content) == _KEY_BYTES:
            return content
    except FileNotFoundError:
        pass
    content = secrets.token_bytes(_KEY_BYTES)
    try:
        _write(file, content)
    except OSError as error:
        _log.error("pin.key_not_kept", error=type(error).__name__)
    return content


def _write(file: Path, content: bytes) -> None:
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
