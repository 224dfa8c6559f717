"""kill -9 at every line between byte and beep: what beeped is kept, and nothing is doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault.tap_killer import Outcome
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300

# The deed, what it records, the visit's state before and after, and the least number of kills.
DEEDS = [
    ("receive", "visit.received", "none", "at_booth", 150),
    ("take", "car.taken", "at_booth", "to_lot", 150),
    ("hand_over", "visit.handed_over", "ready", "none", 150),
]


def killed_everywhere(folder: Path, template: Path, case: str) -> list[Outcome]:
    """What was left after each kill, and after the one life that was spared."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fault.tap_killer", str(folder), str(template), case],
        cwd=ROOT,
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"n"')]
    return [Outcome(**json.loads(line)) for line in lines]


@pytest.mark.parametrize(("case", "kind", "before", "after", "least"), DEEDS)
def test_a_deed_killed_at_any_line_is_whole_or_was_never_told(
    tmp_path: Path,
    sqlite_url: str,
    case: str,
    kind: str,
    before: str,
    after: str,
    least: int,
) -> None:
    template = Path(sqlite_url.removeprefix("sqlite:///"))
    *killed, spared = killed_everywhere(tmp_path, template, case)

    assert (spared.is_killed, spared.told, spared.new) == (False, True, [kind])
    assert len(killed) >= least
    # Whole or nothing, and the mirror is of one mind with the journal.
    assert {(tuple(one.new), one.state) for one in killed} == {((), before), ((kind,), after)}
    assert [one.n for one in killed if one.told and one.new != [kind]] == []
    # Once it is in the journal no later line takes it out again.
    kept = [bool(one.new) for one in killed]
    assert kept == sorted(kept)
    # Every kind of end was seen: before, between the disk and the screen, after the screen.
    ends = {(bool(one.new), one.told) for one in killed}
    assert {(False, False), (True, False)} <= ends
    assert any(one.is_settled and one.new for one in killed)
    assert any(one.is_settled and not one.new for one in killed)
    if case == "take":
        # Whoever was not told lays the key down again: it is done once, and then it is a repeat.
        answers = {(bool(one.new), one.again) for one in killed}
        assert answers == {(False, "tap.taken"), (True, "tap.just_done")}
    if case == "receive":
        # The draft goes in the transaction in which the visit comes.
        assert all(one.has_draft != bool(one.new) for one in killed)
