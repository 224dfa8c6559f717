"""Where the tests write: into memory where there is room, because a test's disk waits are no news.

The databases keep their durability (`synchronous=FULL`, `fsync` on); a write is only quicker. What
is lost with the power is lost with the test. The benchmarks write to the disk: they measure it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3


def memory_folder() -> Path | None:
    """Return a folder that lies in memory, None where there is none, or too little of it."""
    # A container's is often 64 MB, and may not hold programs, which PostgreSQL's tests need.
    if not os.access(MEMORY, os.W_OK | os.X_OK) or not MEMORY.is_mount():
        return None
    if os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        return None
    return MEMORY
