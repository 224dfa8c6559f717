"""Killed at any step of an update or of a roll-back, a station still starts a whole release.

Every call that changes the card is a step: the process dies just before it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reader_agent.releases import keeper
from reader_agent.releases.archive import check
from reader_agent.releases.manifest import ReleaseError
from tests.release_kit import PUBLIC_KEY, live, release_of, shelf_of, start

STEPS = ("fsync", "link", "mkdir", "open", "rename", "replace", "rmdir", "symlink", "unlink")
STEPS_MAX = 400
KILLED, DONE = 9, 0


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Do it in a process of its own that dies at a step; whether it did."""
    child = os.fork()
    if child == 0:
        # Not this test's process: nothing of it may go on from here.
        try:
            os._exit(_die_at(step, act))
        except BaseException:  # noqa: BLE001 - or pytest would go on twice
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (KILLED, DONE), f"the child ended with {code}"
    return code == KILLED


def _die_at(step: int, act: Callable[[], object]) -> int:
    left = step

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def step_of(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(KILLED)
            return call(*args, **kwargs)

        return step_of

    for name in STEPS:
        setattr(os, name, dying(getattr(os, name)))
    act()
    return DONE


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station that runs 2026.2, with 2026.1 beside it."""
    folder = tmp_path / "station"
    folder.mkdir()
    for version in ("2026.1", "2026.2"):
        shelf_of(folder).take(release_of(tmp_path, version))
        start(folder)
        live(folder)
    return folder


def runs(station: Path) -> str:
    """The release that a start now runs, whole."""
    release = start(station)
    assert release is not None
    check(station / "releases" / release, PUBLIC_KEY)
    assert (station / "releases" / "current" / "bin" / "valet-agent").is_file()
    return release


def test_an_update_that_is_cut_leaves_a_station_that_starts(station: Path, tmp_path: Path) -> None:
    archive = release_of(tmp_path, "2026.3")
    shelf = shelf_of(station)
    ran = set()
    for step in range(1, STEPS_MAX):
        was_killed = killed_at(step, lambda: shelf.take(archive))
        ran.add(runs(station))
        # The agent dies in each of its starts: the one that was there is there again.
        while shelf.is_on_trial:
            runs(station)
        assert runs(station) == "2026.2"
        # And the next try ends what this one began.
        with suppress(FileNotFoundError):
            (station / "releases" / "bad" / "2026.3").unlink()
        if not was_killed:
            break
    else:
        raise AssertionError("it never came to its end")
    assert step > 20
    assert ran == {"2026.2", "2026.3"}
    shelf.take(archive)
    assert runs(station) == "2026.3"
    live(station)
    assert {runs(station) for _ in range(5)} == {"2026.3"}


def test_a_roll_back_that_is_cut_goes_on(station: Path, tmp_path: Path) -> None:
    archive = release_of(tmp_path, "2026.3")
    shelf = shelf_of(station)
    for step in range(1, STEPS_MAX):
        shelf.take(archive, again=True)
        for _ in range(keeper.TRIES):
            assert runs(station) == "2026.3"
        was_killed = killed_at(step, lambda: keeper.choose(station / "releases"))
        assert runs(station) == "2026.2"
        assert not shelf.is_on_trial
        assert not (station / "releases" / "trial.json").exists()
        with pytest.raises(ReleaseError, match="did not start here"):
            shelf.take(archive)
        if not was_killed:
            break
    else:
        raise AssertionError("it never came to its end")
    assert step > 4


def test_a_count_of_starts_that_is_cut_still_comes_to_its_end(
    station: Path, tmp_path: Path
) -> None:
    shelf_of(station).take(release_of(tmp_path, "2026.3"))
    started = []
    for step in range(1, 40):
        killed_at(step, lambda: keeper.choose(station / "releases"))
        started.append(keeper.current_of(station / "releases"))
        check(station / "releases" / str(started[-1]), PUBLIC_KEY)
    assert started[0] == "2026.3"
    assert started[-1] == "2026.2"


def test_each_step_is_on_the_card_before_the_next(
    station: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = release_of(tmp_path, "2026.3")
    releases = station / "releases"
    done: list[tuple[str, str]] = []
    real_fsync, real_replace, real_rename = os.fsync, os.replace, os.rename

    def fsync(descriptor: int) -> None:
        done.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        real_fsync(descriptor)

    def replace(source: Any, target: Any) -> None:
        done.append(("name", str(target)))
        real_replace(source, target)

    def rename(source: Any, target: Any) -> None:
        done.append(("name", str(target)))
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "rename", rename)
    shelf_of(station).take(archive)

    named = [path for kind, path in done if kind == "name" and "__pycache__" not in path]
    assert named == [str(releases / name) for name in ("2026.3", "trial.json", "current")]
    place = done.index(("name", str(releases / "2026.3")))
    synced = {path for kind, path in done[:place] if kind == "sync"}
    incoming = releases / ".incoming"
    unpacked = {str(incoming / path.relative_to(releases / "2026.3"))
                for path in (releases / "2026.3").rglob("*")}  # fmt: skip
    assert {*unpacked, str(incoming)} <= synced
    # The draft's own content, then its new name, before the next name is given.
    later = [path for kind, path in done[place + 1 :] if kind == "sync"]
    assert later == [
        str(releases), str(releases / ".trial.json.draft"), str(releases), str(releases),
    ]  # fmt: skip
