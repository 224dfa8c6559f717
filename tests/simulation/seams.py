"""The one place where the real code's randomness, time and threads are put under the seed.

Nothing here changes what the code decides: it gets other numbers, other clocks and other
threads. `Seams` puts everything back.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

import reader_agent.journal
import reader_agent.station_db
import reader_agent.sync
import server.cloud_journal
import server.station_exchange
from schemas.ids import uuid7
from server import clock as cloud_clock
from tests.simulation import hub as hubs
from tests.simulation.clocks import WorldClock
from tests.simulation.disk import Disk
from tests.simulation.hub import Hub
from tests.simulation.trace import Trace

_OURS = ("reader_agent", "server", "schemas")
_MISSING = object()


class SeededSecrets:
    """The part of `secrets` that our code uses, under a seed."""

    def __init__(self, numbers: random.Random) -> None:
        self._numbers = numbers

    def token_bytes(self, count: int) -> bytes:
        """So many bytes."""
        return self._numbers.randbytes(count)

    def token_hex(self, count: int) -> str:
        """So many bytes as hex."""
        return self._numbers.randbytes(count).hex()

    def randbelow(self, limit: int) -> int:
        """A number from 0 on, below the limit."""
        return self._numbers.randrange(limit)


class Seams:
    """Every change made from outside, and the way back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, value: object) -> None:
        """Replace an attribute."""
        before = owner.__dict__.get(name, _MISSING) if isinstance(owner, type) else _MISSING
        if before is _MISSING:
            before = getattr(owner, name)
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))

    def item(self, mapping: MutableMapping[str, Any], key: str, value: object) -> None:
        """Replace an item."""
        before = mapping[key]
        mapping[key] = value
        self._undo.append(lambda: mapping.__setitem__(key, before))

    def later(self, action: Callable[[], None]) -> None:
        """Do this too when everything is put back."""
        self._undo.append(action)

    def close(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def put_under_seed(seams: Seams, numbers: random.Random) -> None:
    """Every random number that the real code asks for comes from `numbers`."""
    import secrets

    seeded = SeededSecrets(numbers)
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] in _OURS and getattr(module, "secrets", None) is secrets:
            seams.set(module, "secrets", seeded)
    seams.set(uuid7, "__defaults__", (numbers.randbytes,))
    seams.set(reader_agent.sync, "_RANDOM", numbers)
    defaults = reader_agent.sync.Sync.__init__.__kwdefaults__
    assert defaults is not None
    seams.item(defaults, "jitter", numbers.random)
    seams.set(server.cloud_journal, "_BOOT_ID", "boot-cloud")


def put_under_clock(seams: Seams, hub: Hub) -> None:
    """The cloud's time is the world's."""
    world = WorldClock(hub)
    for name in ("now", "mono_ns", "mono_s"):
        seams.set(cloud_clock, name, getattr(world, name))


def put_under_hub(seams: Seams, hub: Hub, group_now: Callable[[], str]) -> None:
    """The agent's threads become tasks, of the agent that makes them. `group_now`: whose agent is
    being started."""

    def thread(
        *, target: Callable[..., object], args: tuple[Any, ...], name: str, daemon: bool
    ) -> hubs.Thread:
        assert daemon
        return hubs.Thread(hub, hub.group() or group_now(), target, args, name)

    threads = SimpleNamespace(
        Event=lambda: hubs.Event(hub), Thread=thread, RLock=threading.RLock, Lock=threading.Lock
    )
    seams.set(reader_agent.sync, "threading", threads)
    seams.set(reader_agent.journal, "threading", threads)


def put_at_pace(seams: Seams, *, tick_s: float, rest_s: float, contact_s: int) -> None:
    """How often those look who only wait: an idle sender, a listener that is not to ask, and the
    cloud that notes whom it has heard of."""
    seams.set(reader_agent.sync, "TICK_S", tick_s)
    seams.set(reader_agent.sync, "EMPTY_REST_S", rest_s)
    seams.set(server.station_exchange, "_CONTACT_EVERY_S", contact_s)


def put_on_disks(seams: Seams, disk_at: Callable[[Path], Disk]) -> None:
    """Every station's database goes through its `Disk`."""
    real: Callable[[Path], sqlite3.Connection] = reader_agent.station_db._connect
    seams.set(reader_agent.station_db, "_connect", lambda path: disk_at(path).connected(real(path)))


def put_in_trace(seams: Seams, trace: Trace) -> None:
    """What the real code logs goes into the trace."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.add_log_level, _levelled(trace)],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    seams.later(lambda: structlog.configure(**before))


def _levelled(trace: Trace) -> Callable[[Any, str, Any], str]:
    def take(logger: Any, method: str, entry: Any) -> str:
        level = str(entry.pop("level", method))
        return trace.log(logger, level, entry)

    return take
