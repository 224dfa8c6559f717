"""A file that holds one private Ed25519 key, 32 bytes, for its owner alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
_OTHERS = 0o077


def read_private_key(path: Path, fault: Callable[[str, str], Exception]) -> bytes:
    """The key. Raises `OSError`, and what `fault` makes of a code and its words: `key_exposed`
    where others may read the file, `key_broken` where it holds something else."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        raw = file.read(KEY_BYTES + 1)
    if mode & _OTHERS:
        raise fault("key_exposed", f"{path} can be read by others: chmod 600 {path}")
    if len(raw) != KEY_BYTES:
        raise fault("key_broken", f"{path} does not hold a key of {KEY_BYTES} bytes")
    return raw
