"""The key that releases are signed with: made once, kept off every station, read from a file.

`FILE` holds 32 raw bytes and may be read by its owner only; `FILE.pub` holds the public half as 64
hex digits and goes onto every station.
"""

from __future__ import annotations

import os
from pathlib import Path

from reader_agent.private_key import KEY_BYTES, read_private_key
from reader_agent.releases.manifest import ReleaseError
from schemas.signing import new_private_key, public_key_of


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
    return read_private_key(path, ReleaseError)


def load_public_key(path: Path) -> bytes:
    """The public key in a file of 64 hex digits. Raises `ReleaseError` and `OSError`."""
    try:
        raw = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ReleaseError("key_broken", f"{path} does not hold a public key of 64 hex digits")
    return raw
