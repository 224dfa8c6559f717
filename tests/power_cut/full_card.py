"""A card that is full from the n-th write on, for every n: run as a process of its own.

    python -m tests.power_cut.full_card <folder>

SQLite asks for a write, and the system says ENOSPC until somebody makes room: what a full card
does, without root, without a small file system and without a limit that fails in another way (a
file at its RLIMIT_FSIZE is EFBIG, which SQLite calls an I/O error). Prints what it found as JSON.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from reader_agent.station import Station
from reader_agent.station_db import StationDBError
from reader_agent.tap_outcome import TapOutcome
from schemas.problems import Refusal
from tests.power_cut.sqlite_hooks import SqliteHooks
from tests.station_kit import ANA, CLAIM_1, HERRERA, KEY_1, StationKit, visit_change

_int, _size, _offset = ctypes.c_int, ctypes.c_ssize_t, ctypes.c_int64
_address = ctypes.c_void_p
_CALLS = {
    "pwrite": ctypes.CFUNCTYPE(_size, _int, _address, _size, _offset, use_errno=True),
    "pwrite64": ctypes.CFUNCTYPE(_size, _int, _address, _size, _offset, use_errno=True),
    "write": ctypes.CFUNCTYPE(_size, _int, _address, _size, use_errno=True),
    "fallocate": ctypes.CFUNCTYPE(_int, _int, _offset, _offset, use_errno=True),
}
_OPEN = ctypes.CFUNCTYPE(_int, _address, _int, _int, use_errno=True)


class FullCard:
    """Counts what takes room, and refuses it from number `full_at` on. None: there is room."""

    def __init__(self) -> None:
        self.count = 0
        self.full_at: int | None = None
        self._hooks = SqliteHooks()
        for name, prototype in _CALLS.items():
            self._hooks.replace_call(name, prototype, self._around)
        self._hooks.replace_call("open", _OPEN, self._around_open)

    def begin(self, full_at: int | None) -> None:
        """Count from one again."""
        self.count, self.full_at = 0, full_at

    @property
    def is_full(self) -> bool:
        """Whether a write was refused already."""
        return self.full_at is not None and self.count >= self.full_at

    def _around(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(*args: Any) -> int:
            return self._refuse() or real(*args)

        return call

    def _around_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(name: int, flags: int, mode: int) -> int:
            makes_one = flags & os.O_CREAT and not Path(_text(name)).exists()
            return (self._refuse() if makes_one else 0) or real(name, flags, mode)

        return call

    def _refuse(self) -> int:
        self.count += 1
        if not self.is_full:
            return 0
        ctypes.set_errno(errno.ENOSPC)
        return -1


@dataclass
class Findings:
    """`runs`: how many different writes were the first to fail. `refused`: in how many of them
    somebody was told. `late`: in how many it was the next action that was refused, because the
    write belonged to a checkpoint after a commit. `faults` must be empty."""

    runs: int = 0
    refused: int = 0
    late: int = 0
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)


class Shift:
    """One station doing the same few things; each is repeated once there is room again."""

    def __init__(self, kit: StationKit, card: FullCard, findings: Findings, name: str) -> None:
        self._kit = kit
        self._card = card
        self._findings = findings
        self._name = name
        self._visit_id = ""
        self.acknowledged: dict[int, bytes] = {}
        self.was_refused = False
        self._is_late = False

    def work(self) -> None:
        """From the badge to the hand-over, with the cloud there and away."""
        # The log is folded in all the time, so that this too is found full.
        self._kit.station._db.rows("PRAGMA wal_autocheckpoint = 12")
        for step in (self._sign_on, self._key, self._fill_in, self._receive, self._settle):
            self._do(step)
        for step in (self._request, self._key, self._hand_over, self._sign_off, self._settle):
            self._do(step)

    def _do(self, step: Callable[[], object]) -> None:
        name = f"{self._name}, {step.__name__}"
        before = self._lines()
        code = _refusal(step)
        if code is not None:
            self._refused(name, code, before)
            code = _refusal(step)
        elif self._card.is_full and not self._is_late:
            self._is_late = True
            self._findings.late += 1
        if code is not None:
            self._findings.faults.append(f"{name}: {code} with room again")
        self.acknowledged |= self._lines()

    def _refused(self, name: str, code: str, before: dict[int, bytes]) -> None:
        station, faults = self._kit.station, self._findings.faults
        self.was_refused = True
        if code != "storage_full" or station.status().storage != "full":
            faults.append(f"{name}: {code}, the screen says {station.status().storage}")
        if not self._card.is_full:
            faults.append(f"{name}: refused with room")
        after = self._lines()
        if not before.items() <= after.items():
            faults.append(f"{name}: an event is gone")
        station.tick()
        if station.status().storage != "full":
            faults.append(f"{name}: says {station.status().storage} while there is no room")
        self._card.begin(None)
        station.tick()
        if station.status().storage != "ok":
            faults.append(f"{name}: does not notice that there is room again")

    def _lines(self) -> dict[int, bytes]:
        return dict(self._kit.station._journal.lines())

    def _sign_on(self) -> TapOutcome:
        return self._kit.tap(ANA)

    def _key(self) -> TapOutcome:
        return self._kit.tap(KEY_1)

    def _fill_in(self) -> object:
        edit = self._kit.station.edit_draft
        return edit(plate="AB1234", phone="61234567", claim_tag=CLAIM_1)

    def _receive(self) -> None:
        self._visit_id = self._kit.station.receive().visit_id

    def _settle(self) -> object:
        return self._kit.tell(visit_change(self._visit_id), acknowledge=True)

    def _request(self) -> object:
        return self._kit.station.request_car(self._visit_id, HERRERA)

    def _hand_over(self) -> object:
        self._kit.tap(KEY_1)
        hand_over = self._kit.station.hand_over
        return hand_over(self._visit_id, "claim_tag", claim_tag=CLAIM_1)

    def _sign_off(self) -> None:
        self._kit.station.sign_off()


def _refusal(step: Callable[[], object]) -> str | None:
    try:
        outcome = step()
    except Refusal as refusal:
        return refusal.code
    if isinstance(outcome, TapOutcome) and outcome.tone == "error":
        return (outcome.key or "").removeprefix("problem.")
    return None


def at_work(folder: Path, card: FullCard) -> Findings:
    """Each write of a shift is once the first for which there is no room."""
    findings = Findings()
    types = _one_shift(folder / "clean", card, findings, None)
    writes = card.count
    for full_at in range(1, writes + 1):
        found = _one_shift(folder / "full", card, findings, full_at)
        # What was refused was done again: in the end there is exactly the same.
        if found != types:
            findings.faults.append(f"write {full_at}: {found}")
    return findings


def _one_shift(folder: Path, card: FullCard, findings: Findings, full_at: int | None) -> list[str]:
    shutil.rmtree(folder, ignore_errors=True)
    card.begin(None)
    kit = StationKit(folder)
    card.begin(full_at)
    shift = Shift(kit, card, findings, f"write {full_at}")
    shift.work()
    if full_at is not None:
        findings.runs += 1
        findings.refused += shift.was_refused
        card.begin(None)
    findings.acknowledged += len(shift.acknowledged)
    writes = card.count
    kit.restart()
    lines = dict(kit.station._journal.lines())
    if not shift.acknowledged.items() <= lines.items():
        findings.faults.append(f"write {full_at}: an acknowledged event is lost")
    if kit.station._journal.check_chain() != len(lines):
        findings.faults.append(f"write {full_at}: the chain is broken")
    types = [kind for kind in kit.types() if kind != "station.started"]
    kit.station.close()
    card.count = writes
    return types


def at_start(folder: Path, card: FullCard, *, is_first: bool) -> Findings:
    """Each write of a start is once the first for which there is no room: of the first start of
    all, which may be refused in words, or of one after a power cut, which must come up."""
    findings = Findings()
    full_at, is_over = 0, False
    while not is_over:
        full_at += 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        card.begin(None)
        kit = StationKit(folder / "before")
        _copy(kit, folder / "cut", is_first=is_first)
        kit.station.close()
        kit.config = replace(kit.config, data_dir=folder / "cut")
        card.begin(full_at)
        _start(kit, card, findings, f"write {full_at}", is_first=is_first)
        is_over = card.count < full_at
        findings.runs += not is_over
        _start_with_room(kit, card, findings, f"write {full_at}")
    return findings


def _copy(kit: StationKit, target: Path, *, is_first: bool) -> None:
    if is_first:
        target.mkdir()
        return
    kit.receive(phone="61234567")
    shutil.copytree(kit.config.data_dir, target)


def _start(
    kit: StationKit, card: FullCard, findings: Findings, name: str, *, is_first: bool
) -> None:
    try:
        kit.station = Station(kit.config, kit.clock)
    except (StationDBError, OSError) as error:
        findings.refused += 1
        if not is_first:
            findings.faults.append(f"{name}: a station that worked stays dark: {error}")
        return
    findings.refused += kit.station.status().storage == "full"
    kit.station.close()


def _start_with_room(kit: StationKit, card: FullCard, findings: Findings, name: str) -> None:
    card.begin(None)
    # A process that could not start has ended by now, and let go of its files.
    gc.collect()
    station = Station(kit.config, kit.clock)
    findings.acknowledged += station._journal.check_chain()
    if station.status().damaged_journals:
        findings.faults.append(f"{name}: a sound journal was set aside")
    station.close()
    card.count = 0


def _text(address: int) -> str:
    return os.fsdecode(ctypes.string_at(address))


def main(folder: str) -> None:
    """Print the findings by occasion."""
    structlog.configure(processors=[lambda *_: ""], logger_factory=structlog.ReturnLoggerFactory())
    card, path = FullCard(), Path(folder)
    found = {
        "at work": at_work(path / "work", card),
        "at start": at_start(path / "start", card, is_first=False),
        "at the first start": at_start(path / "first", card, is_first=True),
    }
    print(json.dumps({occasion: asdict(findings) for occasion, findings in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
