"""One line for one arrival, confirmed if it can be."""

from __future__ import annotations

from datetime import datetime

import pytest

from reader_agent.arrival_lines import ArrivalLines
from reader_agent.clock import FakeClock
from reader_agent.presence import Arrival

TAG, OTHER = "em4100:010063E9AE", "em4100:0500207B32"


class Paper:
    """Keeps the lines, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.said: list[tuple[str, bool]] = []
        self.walls: list[datetime] = []
        self.lines = ArrivalLines(self._say, self.clock)

    def arrive(self, tag: str, *, confirmed: bool) -> None:
        """A tag arrives now."""
        self.lines.arrived(Arrival(tag, "em125", self.clock.mono_ns(), confirmed=confirmed))

    def pass_ms(self, duration_ms: int) -> None:
        """Time goes by."""
        self.clock.advance(duration_ms / 1000)
        self.lines.tick(self.clock.mono_ns())

    def _say(self, arrival: Arrival, wall: datetime) -> None:
        self.said.append((arrival.tag, arrival.confirmed))
        self.walls.append(wall)


@pytest.fixture
def paper() -> Paper:
    return Paper()


def test_a_confirmed_arrival_is_said_at_once(paper: Paper) -> None:
    paper.arrive(TAG, confirmed=True)
    assert paper.said == [(TAG, True)]


def test_what_is_confirmed_in_time_is_one_line_with_the_time_of_the_first_frame(
    paper: Paper,
) -> None:
    came_at = paper.clock.wall()
    paper.arrive(TAG, confirmed=False)
    paper.pass_ms(65)
    assert paper.said == []
    paper.arrive(TAG, confirmed=True)
    paper.pass_ms(1000)
    assert paper.said == [(TAG, True)]
    assert paper.walls == [came_at]


def test_what_nothing_confirms_is_said_as_it_is_once(paper: Paper) -> None:
    paper.arrive(TAG, confirmed=False)
    paper.arrive(OTHER, confirmed=True)
    paper.pass_ms(300)
    assert paper.said == [(OTHER, True)]
    paper.pass_ms(1)
    paper.pass_ms(1000)
    assert paper.said == [(OTHER, True), (TAG, False)]


def test_what_is_held_at_the_end_is_still_said(paper: Paper) -> None:
    paper.arrive(TAG, confirmed=False)
    paper.lines.end()
    paper.lines.end()
    assert paper.said == [(TAG, False)]
