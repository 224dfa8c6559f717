"""The card returns something else than what was written: kept for a person, never written to.

What is not seen at a start: a changed letter in an event (the chain finds it, here and in the
cloud), and damage to the last transaction of a log, which looks like a power cut (the cloud finds
it where it had the event already).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reader_agent.station import Station
from schemas.chain import ChainError
from tests.station_kit import KEY_2, StationKit


class CutOff:
    """A station's folder as a power cut left it: the file, and a log that is not folded in."""

    def __init__(self, folder: Path) -> None:
        kit = StationKit(folder)
        kit.receive(phone="61234567")
        kit.restart()
        kit.receive(KEY_2)
        kit.tap(KEY_2)
        self.journal_id = kit.station._journal.journal_id
        self.lines = dict(kit.station._journal.lines())
        self.data_dir = folder / "cut"
        shutil.copytree(kit.config.data_dir, self.data_dir)
        kit.station.close()
        self.config = replace(kit.config, data_dir=self.data_dir)
        self.clock = kit.clock
        self.file = self.data_dir / "station.sqlite3"
        self.log = self.data_dir / "station.sqlite3-wal"

    def open(self) -> Station:
        """The next start."""
        return Station(self.config, self.clock)

    def contents(self) -> dict[str, bytes]:
        """What lies in the folder now."""
        return {path.name: path.read_bytes() for path in self.data_dir.iterdir() if path.is_file()}


@pytest.fixture
def cut_off(tmp_path: Path) -> CutOff:
    return CutOff(tmp_path)


def _overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _fold_in(cut: CutOff) -> None:
    with closing(sqlite3.connect(cut.file)) as tool:
        tool.execute("PRAGMA wal_checkpoint(TRUNCATE)")


NOISE = bytes(range(255, -1, -1)) * 2
FRAME_BYTES = 24 + 4096
ONE_FRAME = 32 + FRAME_BYTES

IN_THE_LOG: dict[str, Callable[[CutOff], object]] = {
    "one byte": lambda cut: _overwrite(cut.log, ONE_FRAME + 99, b"\x55"),
    "a sector": lambda cut: _overwrite(cut.log, 8192, NOISE),
    "zeros": lambda cut: _overwrite(cut.log, 8192, bytes(4096)),
    "the head of a frame": lambda cut: _overwrite(cut.log, ONE_FRAME, NOISE[:24]),
    "its header": lambda cut: _overwrite(cut.log, 0, NOISE[:32]),
    "its first sector": lambda cut: _overwrite(cut.log, 0, bytes(512)),
    "its file is empty": lambda cut: os.truncate(cut.file, 0),
    "its file is gone": lambda cut: cut.file.unlink(),
    "its file has bad pages": lambda cut: _overwrite(cut.file, 8192, NOISE * 60),
}
IN_THE_FILE: dict[str, Callable[[CutOff], object]] = {
    "pages in the middle": lambda cut: _overwrite(cut.file, 8192, NOISE * 60),
    "its header": lambda cut: _overwrite(cut.file, 0, NOISE[:100]),
    "empty": lambda cut: os.truncate(cut.file, 0),
    "cut in half": lambda cut: os.truncate(cut.file, 4096 * 8),
    "cut within a page": lambda cut: os.truncate(cut.file, 4096 * 8 + 1000),
    "a stub": lambda cut: os.truncate(cut.file, 10),
    "all zeros": lambda cut: cut.file.write_bytes(bytes(cut.file.stat().st_size)),
    "a name that is no text": lambda cut: _replace(cut.file, b"Plaza Herrera", b"Plaza \xff\xfe"),
}


def _replace(path: Path, before: bytes, after: bytes) -> None:
    raw = path.read_bytes()
    assert before in raw
    path.write_bytes(raw.replace(before, after.ljust(len(before)), 1))


@pytest.mark.parametrize("damage", IN_THE_LOG)
def test_damage_while_there_is_a_log_is_set_aside_with_it(cut_off: CutOff, damage: str) -> None:
    IN_THE_LOG[damage](cut_off)
    _assert_set_aside(cut_off)


@pytest.mark.parametrize("damage", IN_THE_FILE)
def test_damage_after_an_orderly_end_is_set_aside(cut_off: CutOff, damage: str) -> None:
    _fold_in(cut_off)
    IN_THE_FILE[damage](cut_off)
    _assert_set_aside(cut_off)


def _assert_set_aside(cut_off: CutOff) -> None:
    """The next start keeps what is there, byte by byte, says so, and begins a new journal."""
    # What it was sealed with stays where it is.
    before = {name: content for name, content in cut_off.contents().items() if "sqlite3" in name}
    with capture_logs() as logs:
        station = cut_off.open()

    (alarm,) = [log for log in logs if log["event"] == "journal.damaged"]
    (name,) = station.status().damaged_journals
    assert (alarm["log_level"], alarm["kept_as"]) == ("critical", name.removesuffix("-wal"))
    kept = alarm["kept_as"]
    for old_name, content in before.items():
        new_name = old_name.replace("station.sqlite3", kept)
        assert (cut_off.data_dir / new_name).read_bytes() == content
    assert station._journal.journal_id != cut_off.journal_id
    assert station._journal.check_chain() == 1
    station.close()
    # It stays alarmed, and what was set aside stays as it was.
    station = cut_off.open()
    assert station.status().damaged_journals == (name,)
    assert station._journal.check_chain() == 2
    assert (
        before.items()
        <= {
            new.replace(kept, "station.sqlite3"): content
            for new, content in cut_off.contents().items()
            if new.startswith("journal-")
        }.items()
    )
    station.close()


def test_without_damage_nothing_is_set_aside_and_the_log_is_read(cut_off: CutOff) -> None:
    station = cut_off.open()
    assert station.status().damaged_journals == ()
    assert station._journal.journal_id == cut_off.journal_id
    assert cut_off.lines.items() <= dict(station._journal.lines()).items()
    station.close()


def test_one_damage_after_the_other_overwrites_nothing(cut_off: CutOff) -> None:
    kept: set[bytes] = set()
    for number in range(1, 4):
        _overwrite(cut_off.file, 4096, NOISE * 90 + bytes([number]))
        kept |= {cut_off.file.read_bytes()}
        # The same second and the same name: the clock stands still.
        station = cut_off.open()
        assert len(station.status().damaged_journals) == number
        station.close()
    assert kept <= set(cut_off.contents().values())


def test_a_log_cut_off_in_its_last_transaction_is_a_power_cut_and_no_damage(
    cut_off: CutOff,
) -> None:
    os.truncate(cut_off.log, cut_off.log.stat().st_size - 512)
    station = cut_off.open()
    assert station.status().damaged_journals == ()
    assert station._journal.journal_id == cut_off.journal_id
    station.close()


def test_what_a_failed_write_left_behind_the_log_is_no_damage(cut_off: CutOff) -> None:
    # A transaction that failed for want of room, of which a shorter one overwrote the beginning,
    # before the power went: frames of this log, with commits, that continue nothing.
    raw = cut_off.log.read_bytes()
    frames = [raw[at : at + FRAME_BYTES] for at in range(32, len(raw), FRAME_BYTES)]
    commit = next(index for index, frame in enumerate(frames) if frame[4:8] != bytes(4))
    cut_off.log.write_bytes(raw + frames[commit] + frames[commit + 2])
    station = cut_off.open()
    assert station.status().damaged_journals == ()
    assert cut_off.lines.items() <= dict(station._journal.lines()).items()
    station.close()


def test_a_changed_letter_in_an_event_is_found_by_the_chain(cut_off: CutOff) -> None:
    _fold_in(cut_off)
    _replace(cut_off.file, b'"type":"car.taken"', b'"type":"car.tAken"')
    # The page is sound and the event is not the only one: it goes to the cloud, which refuses it
    # alone and says that the chain is broken.
    station = cut_off.open()
    with pytest.raises(ChainError):
        station._journal.check_chain()
    station.close()
