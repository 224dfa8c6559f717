"""The window that a driver is told: whole minutes, as was learned, never before it is wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import server
from schemas.catalog import LANGUAGES, Catalog
from server import promises
from server.config import Config, load_config
from server.conformal import Level
from server.promises import BOOKED, KERB, RUSH, SOON, Window, window

MANAGER = Catalog(Path(server.__file__).parent / "translations", "manager")
NOW = datetime(2030, 1, 1, 20, 0, 30, tzinfo=UTC)


@pytest.fixture
def config() -> Config:
    """A quarter of the wait and two minutes as slack; two more before a promise is moved."""
    return replace(load_config(), promise_slack_percent=25, promise_slack_s=120, promise_move_s=120)


def at(text: str) -> datetime:
    """A time of that evening."""
    hour, minute = map(int, text.split(":"))
    return NOW.replace(hour=hour, minute=minute, second=0)


def test_a_window_begins_at_the_estimate_and_is_wider_the_farther_it_is_away(
    config: Config,
) -> None:
    # 20.5 min and a quarter of it and 2 min after 20:00:30 is 20:28:07.5.
    told = window(config, NOW, NOW + timedelta(minutes=20, seconds=30))
    assert told == Window(at("20:21"), at("20:29"))


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


def test_what_was_learned_moves_both_ends(config: Config) -> None:
    estimate = NOW + timedelta(minutes=20)
    # A slack is 7 min here: cars came 1.4 min late on average, and nine in ten within 3.5 min.
    late = window(config, NOW, estimate, level=Level(0.1, middle=0.2, width=0.5))
    assert late == Window(at("20:22"), at("20:24"))
    early = window(config, NOW, estimate, level=Level(0.1, middle=-0.2, width=0.1))
    assert early == Window(at("20:20"), at("20:22"))


def test_a_window_does_not_end_before_it_begins(config: Config) -> None:
    told = window(config, NOW, NOW + timedelta(minutes=9), level=Level(0.5, middle=1.0, width=0.0))
    assert told.ready_from == told.ready_by


@pytest.mark.parametrize("middle", [-1.0, 0.0, 1.0])
def test_nobody_is_told_a_time_before_the_one_that_was_asked_for(
    config: Config, middle: float
) -> None:
    wanted = NOW + timedelta(hours=2)
    told = window(config, NOW, wanted, wanted, Level(0.1, middle=middle, width=1.0))
    assert told.ready_from >= wanted
    assert window(config, NOW, NOW, None, Level(0.1, middle=middle)).ready_from >= NOW


def test_a_booking_is_no_less_certain_for_having_been_made_early(config: Config) -> None:
    wanted = NOW + timedelta(hours=5)
    long_before = promises.slack(config, BOOKED, NOW, wanted, wanted)
    just_before = promises.slack(config, BOOKED, wanted - timedelta(minutes=1), wanted, wanted)
    assert long_before == just_before == timedelta(minutes=4)
    # What the plan says beyond the wanted time is a wait like any other.
    later = wanted + timedelta(minutes=8)
    assert promises.slack(config, BOOKED, NOW, later, wanted) == timedelta(minutes=6)


def test_each_kind_of_promise_is_learned_for_itself() -> None:
    later = NOW + timedelta(minutes=10)
    assert promises.kind_of(NOW, later, None) == SOON
    assert promises.kind_of(NOW, later, NOW) == SOON
    assert promises.kind_of(NOW, later, later) == BOOKED
    assert promises.kind_of(NOW, NOW, None) == KERB
    assert promises.kind_of(NOW, later, None, in_rush=True) == RUSH
    assert promises.kind_of(NOW, later, later, in_rush=True) == BOOKED


def test_who_asks_behind_as_many_as_there_are_runners_is_in_a_rush(config: Config) -> None:
    assert not promises.is_rush(config, others=3, runners=4)
    assert promises.is_rush(config, others=4, runners=4)
    assert not promises.is_rush(config, others=4, runners=0)
    assert not promises.is_rush(replace(config, promise_rush_percent=200), others=4, runners=4)
    # A car that is booked for later is in nobody's way yet.
    soon, later = NOW + timedelta(minutes=5), NOW + timedelta(hours=1)
    assert [promises.waits(NOW, at) for at in (None, soon, later)] == [True, True, False]


def test_a_rush_leaves_twice_the_share_of_the_wait_until_it_is_known(config: Config) -> None:
    begin = NOW.replace(second=0)
    estimate = begin + timedelta(minutes=20)
    plain, rush = (window(config, begin, estimate, in_rush=each) for each in (False, True))
    assert plain.ready_by == estimate + timedelta(minutes=7)
    assert rush.ready_by == estimate + timedelta(minutes=12)
    assert plain.ready_from == rush.ready_from == estimate
    late = promises.lateness(config, begin, estimate, None, rush.ready_by, RUSH)
    assert late == pytest.approx(1.0)


def test_only_what_could_not_be_kept_counts_as_moved() -> None:
    assert [reason for reason in promises.REASONS if promises.is_moved(reason)] == [
        promises.LATE,
        promises.CLOSURE,
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", promises.REASONS)
def test_every_reason_has_words(language: str, reason: str) -> None:
    key = f"manage.promise.{reason}"
    assert MANAGER.text(language, key) != key


def test_a_score_is_lateness_in_slacks_and_a_booked_car_is_not_early(config: Config) -> None:
    planned = NOW + timedelta(minutes=8)
    # A quarter of 8 min and 2 min.
    late = promises.lateness(config, NOW, planned, None, planned + timedelta(minutes=6), SOON)
    assert late == pytest.approx(1.5)
    assert promises.lateness(config, NOW, planned, planned, NOW, BOOKED) == 0.0
