"""Opens an image as the station does at its next start, and asks what is left."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from structlog.testing import capture_logs

from reader_agent.clock import FakeClock
from reader_agent.journal import Journal, NewEvent
from reader_agent.journal_rescue import damaged_files, open_database
from reader_agent.station_db import StationDB, StationDBError
from schemas import events
from schemas.chain import ChainError
from tests.power_cut.card import Image


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one image. `fault`: what is corrupt, None if nothing is. `lost`: how many
    acknowledged events are missing from a journal that opened as if nothing had been."""

    image: str
    fault: str | None
    lost: int
    journal_id: str | None = None


def check(image: Image, folder: Path) -> Verdict:
    """Put the image into `folder`, which is emptied, and open it."""
    lay_out(image, folder)
    cut = image.cut
    name = f"operation {cut.at}, {cut.way}: {len(cut.names)} names, {len(cut.pieces)} writes"
    return _opened(name, image, folder)


def lay_out(image: Image, folder: Path) -> None:
    """Make the files of an image."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in image.files.items():
        (folder / name).write_bytes(content)


def _opened(name: str, image: Image, folder: Path) -> Verdict:
    clock = FakeClock(mono_ns=10**12)
    aside_before = set(damaged_files(folder))
    try:
        with capture_logs() as logs:
            db = open_database(folder, clock)
    except StationDBError as error:
        return Verdict(name, f"not opened: {error}", 0)
    try:
        # The rescue of a journal that was damaged before the cut may have to be done again.
        if image.journal_id is not None and set(damaged_files(folder)) - aside_before:
            return Verdict(name, f"set aside: {logs[-1]['fault']}", 0)
        return _judged(name, image, db, clock)
    finally:
        db.close()


def _judged(name: str, image: Image, db: StationDB, clock: FakeClock) -> Verdict:
    fault = None
    (verdict,) = db.rows("PRAGMA integrity_check(1)")[0]
    if verdict != "ok":
        fault = f"integrity_check: {verdict}"
    journal = Journal(db, clock)
    if image.journal_id is not None and journal.journal_id != image.journal_id:
        fault = fault or "another journal"
    there = {row["seq"]: row["hash"] for row in db.rows("SELECT seq, hash FROM event")}
    lost = sum(there.get(seq) != line for seq, line in image.acknowledged.items())
    try:
        _go_on(db, journal)
        if journal.check_chain() != len(there) + 1:
            fault = fault or "the chain has a hole"
    except ChainError as error:
        fault = fault or f"the chain is broken: {error}"
    return Verdict(name, fault, lost, journal.journal_id)


def _go_on(db: StationDB, journal: Journal) -> None:
    """The next tap is recorded as if nothing had been."""
    with db.transaction() as work:
        new = NewEvent(events.SHIFT_SIGNED_ON)
        journal.append(work, new, actor="ana", place_id="herrera")
