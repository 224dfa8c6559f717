"""How far the database's clock is from ours, whatever else takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from server import clock
from server.database import Database
from server.database_time import DatabaseTime

EVENING = datetime(2026, 3, 7, 1, 0, tzinfo=UTC)


@dataclass
class SlowDatabase:
    """A database whose clock is `ahead_s` ahead. One waits for a connection, and then for every
    question to reach it and for every answer to come back."""

    now: datetime = EVENING
    ahead_s: float = 0.0
    connection_s: float = 0.0
    question_s: float = 0.0
    answer_s: float = 0.0
    is_sqlite: bool = False

    def read(self, work: Callable[[Any], Any]) -> Any:
        self._pass(self.connection_s)
        return work(self)

    def scalar(self, _statement: object) -> datetime:
        self._pass(self.question_s)
        told = self.now + timedelta(seconds=self.ahead_s)
        self._pass(self.answer_s)
        return told

    def _pass(self, duration_s: float) -> None:
        self.now += timedelta(seconds=duration_s)


def compared(database: SlowDatabase, monkeypatch: pytest.MonkeyPatch) -> tuple[float, list[str]]:
    """How far off our time is from the database's after a look, and what was warned of."""
    monkeypatch.setattr(clock, "now", lambda: database.now)
    times = DatabaseTime(cast("Database", database))
    with capture_logs() as logs:
        times.compare()
    theirs = database.now + timedelta(seconds=database.ahead_s)
    return (times.now() - theirs).total_seconds(), [line["event"] for line in logs]


def test_waiting_for_a_connection_is_no_difference_of_clocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert compared(SlowDatabase(connection_s=9.0), monkeypatch) == (0.0, [])


@pytest.mark.parametrize(("question_s", "answer_s"), [(9.0, 0.0), (0.0, 9.0)])
def test_a_slow_way_is_no_difference_of_clocks(
    monkeypatch: pytest.MonkeyPatch, question_s: float, answer_s: float
) -> None:
    slow = SlowDatabase(question_s=question_s, answer_s=answer_s)
    assert compared(slow, monkeypatch) == (0.0, [])


@pytest.mark.parametrize("ahead_s", [-7200.0, 7200.0])
def test_clocks_that_differ_are_told_of(monkeypatch: pytest.MonkeyPatch, ahead_s: float) -> None:
    apart_s, warned = compared(SlowDatabase(ahead_s=ahead_s, answer_s=0.01), monkeypatch)
    assert abs(apart_s) <= 0.01
    assert warned == ["clock_differs"]
