"""A booth and the cloud with every kind of bad line between them: nothing lost, nothing twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.fault.bad_line import BadLine, bad_line, until
from tests.fault_proxy import (
    BUSY,
    COMMITTED,
    DELAY,
    DUPLICATE,
    ERROR,
    KINDS,
    LATE_AGAIN,
    UNHEARD,
    Fault,
    Seen,
    mix,
)

# What the station waits after a loss before its badge is green again (reader_agent.uplink).
STEADY_S = 10.0
SLACK_S = 0.1
MIX_S = 5.0


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[BadLine]:
    """One booth and one cloud for all of this file; each test leaves the line whole."""
    folder = tmp_path_factory.mktemp("line")
    shutil.copyfile(_sqlite_template, folder / "server.sqlite3")
    with bad_line(folder, f"sqlite:///{folder / 'server.sqlite3'}") as stage:
        yield stage


def gaps(seen: list[Seen]) -> list[float]:
    """The seconds between one request and the next."""
    return [after.at_s - before.at_s for before, after in pairwise(seen)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_alone_loses_nothing_and_doubles_nothing(line: BadLine, kind: str) -> None:
    line.settled()
    before = len(line.proxy.with_events())
    line.proxy.script(Fault(kind, wait_s=1.0 if kind in (DELAY, BUSY) else 0.0))
    visit_id = line.receive()
    line.ask_for(visit_id, "bolivar")
    line.ask_for(visit_id, "francia")
    line.check()

    first, *rest = line.proxy.with_events()[before:]
    assert (first.fault, line.proxy.unplayed) == (kind, 0)
    if kind in COMMITTED:
        # What has no answer is sent again and was there already, unless the listener was told
        # meanwhile how far the cloud has got.
        is_again = rest[0].seqs[0] == first.seqs[0]
        assert is_again or line.proxy.was_told(first.seqs[-1], before_s=rest[0].at_s)
        assert rest[0].duplicates == (len(first.seqs) if is_again else 0)
    elif kind in UNHEARD:
        assert rest[0].seqs[0] == first.seqs[0]
        assert first.ack_seq is None
        assert sum(seen.duplicates for seen in rest) == 0
    elif kind == DUPLICATE and first.status != 200:
        # The copy was refused as a replay: then the station asks anew, with another signature.
        assert sum(seen.duplicates for seen in rest) in (0, len(first.seqs))
    else:
        assert kind in (DELAY, DUPLICATE, LATE_AGAIN)


def test_retry_after_is_honoured_and_what_waited_goes_then(line: BadLine) -> None:
    line.settled()
    before, wait_s = len(line.proxy.with_events()), 3.0
    line.proxy.script(Fault(BUSY, wait_s=wait_s))
    visit_id = line.receive()
    line.ask_for(visit_id, "bolivar")
    line.check()

    refused, again = line.proxy.with_events()[before : before + 2]
    # More than the back-off would ever rest here, which is a second.
    assert again.at_s - refused.at_s >= wait_s - SLACK_S
    assert again.seqs[0] == refused.seqs[0]


def test_a_storm_of_errors_is_met_with_rests_that_differ(line: BadLine) -> None:
    line.settled()
    before, count = len(line.proxy.with_events()), 8
    line.proxy.script(*(Fault(ERROR, status=502 + n % 2) for n in range(count)))
    line.receive()
    line.check()

    storm = line.proxy.with_events()[before : before + count + 1]
    rests = gaps(storm)
    assert [seen.fault for seen in storm] == [ERROR] * count + ["pass"]
    # Full jitter under a cap of a second: never at once, and no two booths in step.
    assert all(rest >= 0.05 for rest in rests)
    assert max(rests) - min(rests) > 0.1
    assert len({round(rest, 2) for rest in rests}) > count // 2


@pytest.mark.parametrize("seed", [4])
def test_all_faults_together_and_a_green_badge_only_when_the_line_has_proved_itself(
    line: BadLine, seed: int
) -> None:
    line.settled()
    before = len(line.proxy.seen)
    line.proxy.choose = mix(seed, share=0.6)
    try:
        visit_id, end = line.receive(), time.monotonic() + MIX_S
        booths = ("bolivar", "francia", "herrera")
        asked = 0
        while time.monotonic() < end or len(_faults(line, before)) < 10:
            line.ask_for(visit_id, booths[asked % 3])
            asked += 1
            until(lambda: line.badge() in ("good", "warn"), "the screen answers all the while")
        # Two failures in a row, so that the loss is seen whatever the seed brought.
        line.proxy.choose = lambda _seen: Fault("cut")
        until(lambda: line.badge() == "warn", "the badge says that the line is lost")
    finally:
        line.proxy.choose = lambda _seen: Fault()
    healed_at = time.monotonic()
    until(lambda: line.badge() == "good", "the badge is green again")
    green_at = time.monotonic()
    line.check()

    first_good = next(
        seen for seen in line.proxy.seen[before:] if seen.at_s >= healed_at and seen.status == 200
    )
    assert green_at - first_good.at_s >= STEADY_S - SLACK_S
    assert green_at - healed_at < STEADY_S + 30


def _faults(line: BadLine, before: int) -> list[str]:
    return [seen.fault for seen in line.proxy.seen[before:] if seen.fault != "pass"]


def test_after_an_hour_of_this_the_station_has_no_problem_to_show(line: BadLine) -> None:
    line.check()
    assert line.booth.process.poll() is None
    _, logged = line.booth.end()
    assert "Traceback" not in logged
    assert "sync.broke" not in logged
