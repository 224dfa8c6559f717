"""Does one thing at a booth again and again, and is killed at another line of it each time.

    python -m tests.fault.tap_killer <folder> <migrated SQLite file> <case>

A fork is killed with SIGKILL when it executes its n-th line of the traced files; n rises until
nothing is left to kill. Then the station is opened again from what lies on the disk. Prints one
JSON object (`Outcome`) a line. Each outcome that differs from those before is also settled with
the real cloud, after an answer that was lost.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import select

import reader_agent
from reader_agent.clock import FakeClock
from reader_agent.presence import Arrival
from reader_agent.screen_feed import ScreenFeed, ScreenMessage
from reader_agent.station import Station
from schemas import states
from server.models import EventRow, QuarantineRow
from tests.cloud_kit import CloudKit
from tests.fault.cloud_door import CloudDoor
from tests.station_kit import ANA, CLAIM_1, HERRERA, KEY_1, config_of
from tests.visit_story import EVENING, small_district

STATION_ID = "herrera-1"
BOOT = "00000000-0000-4000-8000-000000000001"
_NAMES = (
    "tap_desk actions recorder journal station_db station mirror mirror_store shift intake "
    "draft handing_over proofs guests ticket_codes screen_feed"
)
TRACED = frozenset(str(Path(reader_agent.__path__[0]) / f"{name}.py") for name in _NAMES.split())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left after one kill. `told`: the screens had heard of it; `new`: the types of the
    events that are in the journal; `state`: what the mirror says; `is_settled`: it was looked at
    in the cloud too, and was there once; `again`: what the same tap was answered afterwards, where
    it was repeated."""

    n: int
    is_killed: bool
    told: bool
    new: list[str]
    state: str
    has_draft: bool
    unsent: int
    is_settled: bool
    again: str | None


def tap(station: Station, clock: FakeClock, tag: str) -> None:
    """A tag comes to the reader, some time after the one before."""
    clock.advance(10)
    station.on_arrival(Arrival(tag, "em125", clock.mono_ns(), confirmed=True))


def with_draft(station: Station, clock: FakeClock) -> None:
    """A reception that only has to be saved."""
    tap(station, clock, ANA)
    tap(station, clock, KEY_1)
    station.edit_draft(plate="AB1234", phone="61234567", claim_tag=CLAIM_1)


def received(station: Station, clock: FakeClock) -> None:
    """A car at the kerb."""
    with_draft(station, clock)
    station.receive()


def ready(station: Station, clock: FakeClock) -> None:
    """A car that waits for its driver."""
    received(station, clock)
    (visit,) = station._mirror.visits()
    station.request_car(visit.id, HERRERA)
    tap(station, clock, KEY_1)


def opened(station: Station, clock: FakeClock) -> None:
    """Somebody is signed in and the car's hand-over is open."""
    tap(station, clock, ANA)
    tap(station, clock, KEY_1)


def taken_again(station: Station, clock: FakeClock) -> str | None:
    """The badge and the key once more."""
    tap(station, clock, ANA)
    clock.advance(3)
    return station.on_arrival(Arrival(KEY_1, "em125", clock.mono_ns(), confirmed=True)).key


@dataclass(frozen=True, slots=True)
class Case:
    """`before`: long ago; `opening`: in the life that is killed; `act`: the deed itself; `repeat`:
    the same tap by somebody who was not told, and what it is answered."""

    before: Callable[[Station, FakeClock], None]
    opening: Callable[[Station, FakeClock], None]
    act: Callable[[Station, FakeClock], object]
    repeat: Callable[[Station, FakeClock], str | None] = lambda _station, _clock: None


CASES = {
    "receive": Case(
        with_draft,
        lambda station, clock: tap(station, clock, ANA),
        lambda station, _clock: station.receive(),
    ),
    "take": Case(
        received,
        lambda station, clock: tap(station, clock, ANA),
        lambda station, clock: tap(station, clock, KEY_1),
        taken_again,
    ),
    "hand_over": Case(ready, opened, lambda station, clock: tap(station, clock, CLAIM_1)),
}


class Killer:
    """Ends this process at its n-th line in these files."""

    def __init__(self, n: int, traced: Collection[str]) -> None:
        self._left = n
        self._traced = traced

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> Killer | None:
        """See `sys.settrace`."""
        if frame.f_code.co_filename not in self._traced:
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


class _Ear(ScreenFeed):
    """Writes a byte down for whatever the screens are told, at once."""

    def __init__(self, says: int) -> None:
        super().__init__()
        self._says = says

    def publish(self, message: ScreenMessage) -> None:
        """See `ScreenFeed.publish`."""
        super().publish(message)
        os.write(self._says, b"!")


class Bench:
    """One case, its station on the disk as it is before the deed, and its cloud."""

    def __init__(self, folder: Path, template: Path, case: Case) -> None:
        self._folder = folder
        self._case = case
        self._template = folder / "cloud.sqlite3"
        self._seen: set[tuple[object, ...]] = set()
        shutil.copyfile(template, self._template)
        base = folder / "base"
        door = self._door(self._template)
        door.load(small_district(), (STATION_ID, HERRERA))
        clock = self._clock(0)
        station = Station(config_of(base), clock)
        door.meet(STATION_ID, station)
        case.before(station, clock)
        door.meet(STATION_ID, station)
        # What the life that is killed writes before the deed is no part of what is looked at.
        self._known = station._journal.head_seq()
        station.close()
        door.services.database.engine.dispose()

    def kill(self, n: int) -> Outcome:
        """One life that ends at its n-th line, and what is found afterwards."""
        shutil.rmtree(self._folder / HERRERA, ignore_errors=True)
        shutil.copytree(self._folder / "base" / HERRERA, self._folder / HERRERA)
        is_killed, told = self._live(n)
        # It is back at once, as after any death of the agent alone.
        clock = self._clock(1_030)
        station = Station(config_of(self._folder), clock)
        try:
            outcome = self._look(n, station, is_killed=is_killed, told=told)
            return replace(outcome, again=self._case.repeat(station, clock))
        finally:
            station.close()

    def _live(self, n: int) -> tuple[bool, bool]:
        heard, says = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(heard)
            self._do(n, says)
        os.close(says)
        with os.fdopen(heard, "rb") as stream:
            told = stream.read()
        _, status = os.waitpid(child, 0)
        assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the deed itself failed"
        return os.WIFSIGNALED(status), bool(told)

    def _do(self, n: int, says: int) -> None:
        status = 1
        try:
            clock = self._clock(1_000)
            station = Station(config_of(self._folder), clock)
            self._case.opening(station, clock)
            # From here on whatever a screen is told is written down at once.
            station.feed = _Ear(says)
            sys.settrace(Killer(n, TRACED))
            self._case.act(station, clock)
            sys.settrace(None)
            status = 0
        finally:
            # A fork must not come back into the loop of its parent, whatever it met.
            if status:
                traceback.print_exc()
            os._exit(status)

    def _look(self, n: int, station: Station, *, is_killed: bool, told: bool) -> Outcome:
        journal = station._journal
        assert journal.check_chain() == journal.head_seq()
        lines = [line for _, line in journal.lines()]
        new = [json.loads(line)["type"] for line in lines[self._known :]]
        visits = station._mirror.visits()
        state = visits[0].state if visits else "none"
        has_draft = station.draft() is not None
        unsent, key = journal.depth(), (*new, state, has_draft)
        is_new = key not in self._seen
        if is_new:
            self._seen.add(key)
            self._settle(station, lines)
        kept = [kind for kind in new if kind != "station.started"]
        return Outcome(n, is_killed, told, kept, state, has_draft, unsent, is_new, None)

    def _settle(self, station: Station, lines: list[bytes]) -> None:
        """Send it, lose the answer, send it again: there once, and the rows as they must be."""
        copy = self._folder / f"cloud-{len(self._seen)}.sqlite3"
        shutil.copyfile(self._template, copy)
        door = self._door(copy)
        asked = station.exchange.ask(limit_events=500, limit_bytes=262_144)
        door.post(STATION_ID, asked)
        door.meet(STATION_ID, station)
        database, journal_id = door.services.database, station._journal.journal_id
        kept = select(EventRow.line).where(EventRow.journal_id == journal_id).order_by(EventRow.seq)
        assert database.read(lambda session: session.scalars(kept).all()) == lines
        kit = CloudKit(database, door.services.config)
        assert kit.count(QuarantineRow) == 0
        assert kit.rebuilt() == []
        assert station._journal.depth() == 0
        assert not any(visit.state == states.HELD for visit in station._mirror.visits())
        door.close()

    def _door(self, path: Path) -> CloudDoor:
        return CloudDoor(self._folder / "keys", f"sqlite:///{path}")

    def _clock(self, later_s: int) -> FakeClock:
        clock = FakeClock(mono_ns=10**12, wall=EVENING, boot_id=BOOT)
        clock.advance(later_s)
        return clock


def main(folder: str, template: str, case: str) -> None:
    """Kill until nothing is left to kill."""
    bench = Bench(Path(folder), Path(template), CASES[case])
    # A fork that collects garbage copies half of the process.
    gc.collect()
    gc.freeze()
    gc.disable()
    n, is_killed = 0, True
    while is_killed:
        n += 1
        outcome = bench.kill(n)
        is_killed = outcome.is_killed
        print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
