"""kill -9 of the cloud's processes between every two writes, while they take in and while they
send: nothing acknowledged is lost, nothing is doubled, no message goes out twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.fault.write_killer import Found
from tests.unmeasured import unmeasured

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300


def killed_everywhere(folder: Path, url: str, who: str) -> list[Found]:
    """What was found after each kill, and after the one life that was spared."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fault.write_killer", str(folder), url, who],
        cwd=ROOT,
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"n"')]
    return [Found(**json.loads(line)) for line in lines]


def test_a_server_killed_between_any_two_writes_loses_nothing_that_it_acknowledged(
    tmp_path: Path, database_url: str
) -> None:
    *killed, spared = killed_everywhere(tmp_path, database_url, "door")

    assert (spared.is_killed, spared.acked, spared.stored) == (False, 3, 3)
    # Half a batch is never there, and each of both batches was cut off before its commit and
    # between its commit and its answer.
    assert {(one.acked, one.stored) for one in killed} == {(0, 0), (0, 1), (1, 1), (1, 3)}
    assert {"commit", "committed"} <= {one.point for one in killed}
    tables = {one.point.split()[1] for one in killed if " " in one.point}
    assert {"events", "visits", "messages", "links", "guests", "journals"} <= tables
    assert len(killed) >= 30


def test_a_worker_killed_between_any_two_writes_sends_nothing_twice(
    tmp_path: Path, database_url: str
) -> None:
    *killed, spared = killed_everywhere(tmp_path, database_url, "worker")

    assert (spared.is_killed, spared.messages, spared.carried) == (False, {"received": "sent"}, 1)
    ends = {(one.messages["received"], one.carried, one.after["received"]) for one in killed}
    assert ends == {
        ("queued", 0, "sent"),
        ("claimed", 0, "unknown"),
        ("claimed", 1, "unknown"),
        ("sent", 1, "sent"),
    }
    assert {"before the carrier", "behind the carrier"} <= {one.point for one in killed}
