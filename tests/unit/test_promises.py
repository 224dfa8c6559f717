"""The window that a driver is told: whole minutes, never too early, moved only when it must."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.config import Config, load_config
from server.models import PromiseRow, RequestRow
from server.promises import LATE, keep_or_move, window

NOW = datetime(2030, 1, 1, 20, 0, 30, tzinfo=UTC)
REQUEST = RequestRow(event_id="request", visit_id="visit", booth_id="bolivar")


class _Session:
    """Takes what is added to it; a promise asks nothing else of a session."""

    def __init__(self) -> None:
        self.added: list[PromiseRow] = []

    def add(self, row: PromiseRow) -> None:
        """Remember a row."""
        self.added.append(row)


@pytest.fixture
def config() -> Config:
    """A quarter of the wait and two minutes as slack; two more before a promise is moved."""
    return replace(load_config(), promise_slack_percent=25, promise_slack_s=120, promise_move_s=120)


def test_a_window_begins_at_the_estimate_and_is_wider_the_farther_it_is_away(
    config: Config,
) -> None:
    ready_from, ready_by = window(config, NOW, NOW + timedelta(minutes=20, seconds=30))
    assert ready_from == datetime(2030, 1, 1, 20, 21, tzinfo=UTC)
    # 20.5 min and a quarter of it and 2 min after 20:00:30 is 20:28:07.5.
    assert ready_by == datetime(2030, 1, 1, 20, 29, tzinfo=UTC)


@pytest.mark.parametrize("ahead_s", [-3600, 0, 1, 29, 30, 31, 3599, 86_400])
def test_a_window_is_of_whole_minutes_and_never_before_the_estimate(
    config: Config, ahead_s: int
) -> None:
    estimate = NOW + timedelta(seconds=ahead_s)
    for end in window(config, NOW, estimate):
        assert (end.second, end.microsecond) == (0, 0)
        assert end >= estimate


def test_a_whole_minute_stays_what_it_is(config: Config) -> None:
    noon = NOW.replace(second=0)
    assert window(config, noon, noon) == (noon, noon + timedelta(minutes=2))


@pytest.mark.parametrize(
    ("late_s", "is_moved"), [(-600, False), (0, False), (120, False), (121, True), (9999, True)]
)
def test_a_promise_stands_until_it_cannot_hold(
    config: Config,
    late_s: int,
    is_moved: bool,
) -> None:
    session = _Session()
    before = NOW + timedelta(minutes=10)
    estimate = before + timedelta(seconds=late_s)
    made = keep_or_move(session, config, REQUEST, before, estimate, NOW)  # type: ignore[arg-type]
    assert (made is not None) is is_moved
    assert [row.reason for row in session.added] == ([LATE] if is_moved else [])


def test_the_first_promise_names_the_request_and_its_booth(config: Config) -> None:
    session = _Session()
    made = keep_or_move(session, config, REQUEST, None, NOW, NOW)  # type: ignore[arg-type]
    assert made is session.added[0]
    assert (made.reason, made.visit_id, made.request_id, made.booth_id, made.made_at) == (
        "first",
        "visit",
        "request",
        "bolivar",
        NOW,
    )
