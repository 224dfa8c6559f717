"""What a process costs, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family_cpu_s(pid: int) -> float:
    """Processor seconds of a process, of its children that live, and of those it has buried."""
    fields = _fields(Path(f"/proc/{pid}/stat"))
    found = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found += cpu_s(int(stat.parent.name)) if int(_fields(stat)[1]) == pid else 0.0
        except OSError:
            # It ended meanwhile.
            continue
    return found


def group_cpu_s(group: int) -> float:
    """Processor seconds of all living processes of a group: a server and its workers."""
    found = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            is_member = int(_fields(stat)[2]) == group
        except OSError:
            # It ended meanwhile.
            continue
        found += cpu_s(int(stat.parent.name)) if is_member else 0.0
    return found


def resident_mb(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _fields(stat: Path) -> list[str]:
    # After the name, which may hold spaces: state, parent, group ...
    return stat.read_text("ascii").rpartition(")")[2].split()
