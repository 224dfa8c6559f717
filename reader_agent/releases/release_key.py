"""The key that releases are signed with: made once, kept off every station, read from a file.

`FILE` holds 32 raw bytes and may be read by its owner only; `FILE.pub` holds the public half as 64
hex digits and goes onto every station.
"""

from __future__ import annotations

import os
from pathlib import Path

from reader_agent.releases.manifest import ReleaseError
from schemas.signing import new_private_key, public_key_of

_LENGTH = 32
_OTHERS = 0o077


def make_key(path: Path) -> str:
    """Make a key; its public half as hex digits. Raises `FileExistsError`: none is replaced."""
    key = new_private_key()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    public = public_key_of(key).hex()
    path.with_name(f"{path.name}.pub").write_text(f"{public}\n", encoding="ascii")
    return public


def load_key(path: Path) -> bytes:
    """The private key. Raises `ReleaseError` and `OSError`."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        raw = file.read(_LENGTH + 1)
    if mode & _OTHERS:
        raise ReleaseError("key_exposed", f"{path} can be read by others: chmod 600 {path}")
    if len(raw) != _LENGTH:
        raise ReleaseError("key_broken", f"{path} does not hold a key of {_LENGTH} bytes")
    return raw


def load_public_key(path: Path) -> bytes:
    """The public key in a file of 64 hex digits. Raises `ReleaseError` and `OSError`."""
    try:
        raw = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raw = b""
    if len(raw) != _LENGTH:
        raise ReleaseError("key_broken", f"{path} does not hold a public key of 64 hex digits")
    return raw
