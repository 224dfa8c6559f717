"""The plug is pulled at every instant of an evening: nothing that beeped is lost.

What a cut may leave, and how it is recorded: `tests/power_cut/__init__.py`. A replay that finds
nothing proves something only if it finds what is there to be found: hence the tests in which
one promise of the disk or of the station is taken away.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.power_cut.card import choose, images
from tests.power_cut.checker import check
from tests.power_cut.operations import Move, Name, Operation, Sync, SyncFolder, Truncate, Write
from tests.power_cut.replay import SEED, record, replay
from tests.station_kit import KEY_2, StationKit

IMAGES = 1_720
IMAGES_WANTED = 1_500
IMAGES_TO_SEE_LOSS = 120
EVERY = 37

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> list[Operation]:
    """What the real station did to its card in one evening."""
    return record(tmp_path_factory.mktemp("evening"), "FULL")


def test_no_cut_corrupts_the_journal_or_takes_back_what_was_acknowledged(
    evening: list[Operation], tmp_path: Path
) -> None:
    result = replay(evening, tmp_path, "FULL", IMAGES)
    print(result.line())
    assert result.corrupt == []
    assert result.losing == []
    assert result.images >= IMAGES_WANTED
    assert result.acknowledged > 150


def test_the_evening_has_all_that_a_card_goes_through(evening: list[Operation]) -> None:
    names = [one for one in evening if isinstance(one, Name)]
    # Made under another name; two logs, each begun at a start and gone at an orderly end; and no
    # index of the log in a file, because nobody shares it.
    assert Move("station.sqlite3.new", "station.sqlite3") in evening
    logs = [one.file for one in names if one.name == "station.sqlite3-wal"]
    assert [log is None for log in logs] == [False, True, False, True]
    assert not any(one.name.endswith("-shm") for one in names)
    # The log was emptied again and again, and it was once folded in and begun anew as it was.
    assert sum(isinstance(one, Truncate) and one.size == 0 for one in evening) > 5
    writes = [one for one in evening if isinstance(one, Write) and one.file == logs[0]]
    longest = max(range(len(writes)), key=lambda index: writes[index].offset)
    assert writes[longest].offset > 1_000 * 4_096
    assert any(one.offset == 0 for one in writes[longest:])


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_with_less_than_full_syncs_acknowledged_events_are_lost(
    tmp_path: Path, synchronous: str
) -> None:
    operations = record(tmp_path, synchronous)
    result = replay(operations, tmp_path, synchronous, IMAGES_TO_SEE_LOSS, every=EVERY)
    print(result.line())
    assert result.images > IMAGES_TO_SEE_LOSS // 2
    assert len(result.losing) > IMAGES_TO_SEE_LOSS // 20
    assert result.most_lost > 10
    assert result.corrupt or synchronous != "OFF"


@pytest.mark.parametrize("kind", ["database", "log", "folder"])
def test_each_kind_of_sync_is_needed(evening: list[Operation], tmp_path: Path, kind: str) -> None:
    name = {"database": "station.sqlite3.new", "log": "station.sqlite3-wal"}.get(kind)
    files = {one.file for one in evening if isinstance(one, Name) and one.name == name}

    def is_left_out(one: Operation) -> bool:
        if name is None:
            return isinstance(one, SyncFolder)
        return isinstance(one, Sync) and one.file in files

    without = [one for one in evening if not is_left_out(one)]
    assert len(without) < len(evening)
    result = replay(without, tmp_path, "FULL", IMAGES_TO_SEE_LOSS // 2, every=EVERY)
    print(result.line())
    assert result.corrupt or result.losing


def _damage_the_file(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(4_096)
        file.write(bytes(range(256)) * 16 * 11)


def _damage_the_log(database: Path) -> None:
    log = database.with_name(database.name + "-wal")
    with log.open("r+b") as file:
        file.seek(8_000)
        file.write(b"not what was written")


@pytest.mark.parametrize("damage", [_damage_the_file, _damage_the_log])
def test_a_cut_while_a_damaged_journal_is_set_aside_loses_neither_it_nor_the_new_one(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    kit = StationKit(tmp_path / "before")
    kit.receive()
    # Folded in: the file alone, without its log, would open as an older state of the journal.
    kit.restart()
    kit.receive(KEY_2)
    old_id = kit.station._journal.journal_id
    shutil.copytree(kit.config.data_dir, tmp_path / "herrera")
    kit.station.close()
    damage(tmp_path / "herrera" / "station.sqlite3")
    kept = {path.read_bytes() for path in (tmp_path / "herrera").iterdir() if path.is_file()}

    operations = record(tmp_path, "FULL", "damaged")

    for image in images(operations, choose(operations, 400, SEED)):
        verdict = check(image, tmp_path / "image")
        assert (verdict.fault, verdict.lost) == (None, 0), verdict
        assert verdict.journal_id != old_id, verdict
        found = (path for path in (tmp_path / "image").iterdir() if path.is_file())
        assert kept <= {path.read_bytes() for path in found}, verdict
