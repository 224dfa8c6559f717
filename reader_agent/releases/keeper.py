"""Keeps a station on a release that starts. Run by systemd as root, by the system's own Python.

Imports nothing of ours: it is installed beside the releases and not in one of them, so that no
release, however broken, can keep the one before it from coming back.

    keeper.py starting FOLDER    before each start of the agent (ExecStartPre)
    keeper.py ready FOLDER       once the agent has said READY=1 (ExecStartPost)
    keeper.py settled FOLDER     once it has lived for a while after that
    keeper.py stopped FOLDER     once it has ended (ExecStopPost)

FOLDER/releases holds a folder for each release and `current`, a link to one of them. While a new
release is on trial there is `trial.json`: the release, the one before it, and how often it was
started. It is written before the link is changed and removed once the agent has settled. A power
cut between any two steps leaves a state from which the next start goes on: `current` always names
a whole release, and a trial that does not name `current` has not begun or is over.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

TRIES = 3
"""So often a release on trial is started; with the next start the one before it is back."""
SETTLED_AFTER_S = 60
"""For so long a release on trial has to live after READY=1."""
STATE_FILE = Path("/run/valet-station/state.js")
UPTIME_FILE = Path("/proc/uptime")
STARTING = "starting"
READY = "ready"
NO_STORAGE = "no_storage"
MOMENTS = ("starting", "ready", "settled", "stopped")
_CURRENT = "current"
_TRIAL = "trial.json"
_BAD = "bad"
_SINCE = "ready_since"


@dataclass(frozen=True)
class Trial:
    """A release that has to show that it starts, and the one that comes back if it does not."""

    release: str
    before: str
    starts: int = 0


def main(arguments: list[str], state_file: Path = STATE_FILE, root: Path = Path("/")) -> int:
    """Do what systemd asks for; the exit status. `root`: where the system lies."""
    if len(arguments) != 2 or arguments[0] not in MOMENTS:
        sys.stderr.write(f"usage: keeper.py {'|'.join(MOMENTS)} FOLDER\n")
        return 2
    moment, folder = arguments[0], Path(arguments[1])
    if moment == "starting" and not is_storage(folder, root):
        # The journal would be written into memory, and be gone with the power.
        say(f"{folder} is not on a partition of its own: the card's data partition is missing")
        show(NO_STORAGE, state_file)
        return 1
    try:
        if moment == "starting":
            choose(folder / "releases")
        elif moment == "settled" and lived_s(state_file) >= SETTLED_AFTER_S:
            confirm(folder / "releases")
    except OSError as error:
        # A card that is full or failing is the agent's to tell of: it has to start.
        say(f"the releases cannot be kept: {error}")
    if moment != "settled":
        show(READY if moment == "ready" else STARTING, state_file)
    return 0


def is_storage(folder: Path, root: Path = Path("/")) -> bool:
    """Whether the folder is there and lies on another file system than the root."""
    try:
        return folder.is_dir() and folder.stat().st_dev != root.stat().st_dev
    except OSError:
        return False


def choose(releases: Path) -> None:
    """Count a start of a release on trial; give up on it after the last one."""
    trial = read_trial(releases)
    if trial is None:
        return
    if trial.release != current_of(releases):
        # The power went before its first start, or after the one before it came back.
        forget_trial(releases)
        return
    if trial.starts < TRIES or not (releases / trial.before).is_dir():
        write_trial(releases, replace(trial, starts=trial.starts + 1))
        return
    say(f"release {trial.release} does not start: going back to {trial.before}")
    # In this order: a cut after any of them still ends with the one before.
    write(releases / _BAD / trial.release, "")
    switch(releases, trial.before)
    forget_trial(releases)


def confirm(releases: Path) -> None:
    """The agent lives: what it runs from is no longer on trial."""
    trial = read_trial(releases)
    if trial is not None and trial.release == current_of(releases):
        say(f"release {trial.release} has started and stays")
        forget_trial(releases)


def current_of(releases: Path) -> str | None:
    """The release that is started, None where there is none."""
    try:
        return (releases / _CURRENT).readlink().name
    except OSError:
        return None


def switch(releases: Path, release: str) -> None:
    """Make `current` name this release, at once and to stay."""
    link = releases / f".{_CURRENT}"
    link.unlink(missing_ok=True)
    link.symlink_to(release)
    link.replace(releases / _CURRENT)
    sync_folder(releases)


def read_trial(releases: Path) -> Trial | None:
    """What is on trial; None where nothing is, or nobody can say."""
    try:
        told = json.loads((releases / _TRIAL).read_text(encoding="utf-8"))
        return Trial(str(told["release"]), str(told["before"]), int(told["starts"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_trial(releases: Path, trial: Trial) -> None:
    """Put a release on trial, or count its starts."""
    write(releases / _TRIAL, json.dumps(asdict(trial)) + "\n")


def forget_trial(releases: Path) -> None:
    """Nothing is on trial any more."""
    (releases / _TRIAL).unlink(missing_ok=True)
    sync_folder(releases)


def was_bad(releases: Path, release: str) -> bool:
    """Whether a release was tried here and did not start."""
    return (releases / _BAD / release).exists()


def lived_s(state_file: Path, uptime_file: Path = UPTIME_FILE) -> float:
    """For how long the agent has been ready; 0 while it is not. One that died and was started again
    meanwhile begins anew."""
    try:
        since_s = float(state_file.with_name(_SINCE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return uptime_s(uptime_file) - since_s


def uptime_s(uptime_file: Path = UPTIME_FILE) -> float:
    """Seconds since the machine was started."""
    return float(uptime_file.read_text(encoding="ascii").split()[0])


def show(state: str, state_file: Path) -> None:
    """Tell the page that the screen shows while there is no agent to ask, and note since when there
    is one."""
    since = state_file.with_name(_SINCE)
    try:
        state_file.parent.mkdir(parents=True, exist_ok=True)
        draft = state_file.with_name(f".{state_file.name}")
        draft.write_text(f'stationIs("{state}");\n', encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(state_file)
        since.unlink(missing_ok=True)
        if state == READY:
            since.write_text(str(uptime_s()), encoding="ascii")
    except OSError as error:
        say(f"the screen is not told: {error}")


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, to outlive a power cut from here on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """What was created, linked or removed in a folder outlives a power cut from here on."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def say(words: str) -> None:
    """A line for systemd's journal."""
    sys.stderr.write(f"valet keeper: {words}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
