"""Clocks that are wrong, that step, and that nobody ever set: what happened stays in order, its
times are true where they can be known, and where they cannot the cloud says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from booth_ui.badge import badge_of
from schemas import states
from schemas.handover_code import code_at
from server.models import PromiseRow, VisitRow
from tests.fault.wrong_clock import EVENING, WrongClock, wrong_clock
from tests.visit_story import key_tag

HOUR = timedelta(hours=1)
WRONG = {
    "two hours slow": -2 * HOUR,
    "two hours fast": 2 * HOUR,
    "in 1970": datetime(1970, 1, 1, tzinfo=UTC) - EVENING,
    "in another year": timedelta(days=3 * 365),
}
TRUE_WITHIN_S = 2.0


@pytest.fixture
def scene(tmp_path: Path, sqlite_url: str) -> Iterator[WrongClock]:
    with wrong_clock(tmp_path, sqlite_url) as opened:
        opened.boot(synced=True)
        opened.meet()
        yield opened


def check_not_mad(scene: WrongClock, wait_s: int) -> None:
    """The manager's day, the promise and the visit say what really happened."""
    scene.passes(60)
    figures = scene.report().figures
    assert (figures.received, figures.handed_over, figures.inside) == (1, 1, 0)
    assert figures.wait_median_s == pytest.approx(wait_s, abs=TRUE_WITHIN_S)
    visit = scene.kit.one(VisitRow)
    assert visit.handed_over_at is not None
    assert visit.received_at < visit.handed_over_at <= scene.now
    for promise in scene.kit.rows(PromiseRow):
        assert abs(promise.made_at - scene.now) < HOUR
        assert timedelta(0) <= promise.ready_by - promise.made_at < HOUR
    assert scene.kit.rebuilt() == []


def a_whole_visit(scene: WrongClock, between: float = 300) -> int:
    """Received, asked for, ready, handed over, so many seconds apart; the driver's wait."""
    visit_id = scene.receive()
    scene.passes(between)
    scene.ask_for(visit_id)
    asked_at = scene.now
    scene.passes(between)
    scene.ready()
    wait_s = int((scene.now - asked_at).total_seconds())
    scene.passes(between)
    scene.hand_over(visit_id)
    return wait_s


@pytest.mark.parametrize("wrong_by", WRONG.values(), ids=list(WRONG))
def test_a_booth_that_boots_without_network_time_is_let_in_and_its_times_come_out_right(
    scene: WrongClock, wrong_by: timedelta
) -> None:
    scene.boot(wrong_by)
    wait_s = a_whole_visit(scene)
    assert badge_of(scene.station.status()).key == "badge.clock"
    scene.meet()

    assert max(scene.off_by_s()) < TRUE_WITHIN_S
    assert {row.time_source for row in scene.rows()[1:]} == {"anchored"}
    # The cloud has told the time, so that codes and promises are right from here on.
    assert abs(scene.station.now() - scene.now).total_seconds() < TRUE_WITHIN_S
    check_not_mad(scene, wait_s)


@pytest.mark.parametrize("wrong_by", WRONG.values(), ids=list(WRONG))
def test_network_time_that_arrives_in_the_middle_of_a_visit_moves_nothing(
    scene: WrongClock, wrong_by: timedelta
) -> None:
    scene.boot(wrong_by)
    visit_id = scene.receive()
    scene.passes(300)
    scene.ask_for(visit_id)
    asked_at = scene.now
    scene.wall_steps(-wrong_by)
    assert scene.station.actor() is not None, "who is signed in stays so"
    scene.passes(240)
    scene.ready()
    wait_s = int((scene.now - asked_at).total_seconds())
    scene.hand_over(visit_id)
    scene.meet()

    assert max(scene.off_by_s()) < TRUE_WITHIN_S
    assert {row.time_source for row in scene.rows()} == {"anchored", "wall"}
    check_not_mad(scene, wait_s)


@pytest.mark.parametrize("step", [-2 * HOUR, 2 * HOUR], ids=["back", "forth"])
@pytest.mark.parametrize("is_on_line", [True, False], ids=["on line", "cut off"])
def test_a_clock_that_steps_although_it_was_set_moves_neither_visit_nor_report(
    scene: WrongClock, step: timedelta, is_on_line: bool
) -> None:
    visit_id = scene.receive()
    scene.meet()
    scene.passes(300)
    scene.ask_for(visit_id)
    asked_at = scene.now
    scene.wall_steps(step)
    if is_on_line:
        scene.meet()
    scene.passes(240)
    scene.ready()
    wait_s = int((scene.now - asked_at).total_seconds())
    scene.passes(60)
    scene.hand_over(visit_id)
    scene.meet()

    assert [row.seq for row in scene.rows()] == list(range(1, len(scene.truth) + 1))
    assert max(scene.off_by_s()) < TRUE_WITHIN_S
    check_not_mad(scene, wait_s)


@pytest.mark.parametrize("step", [-2 * HOUR, 2 * HOUR], ids=["back", "forth"])
def test_the_drivers_code_and_the_times_on_the_screen_do_not_step_with_the_wall(
    scene: WrongClock, step: timedelta
) -> None:
    visit_id = scene.receive()
    scene.ask_for(visit_id)
    scene.ready()
    scene.meet()
    scene.wall_steps(step)
    assert abs(scene.station.now() - scene.now).total_seconds() < TRUE_WITHIN_S
    terms = scene.station._mirror.terms(visit_id)
    assert terms is not None
    assert terms.code_key is not None
    status = scene.station.status()
    assert status.oldest_unsent_age_s in (None, 0)
    scene.tap("em4100:0A00000001")
    scene.tap(key_tag(scene.cars))
    code = code_at(terms.code_key, scene.now)
    card = scene.station.hand_over(visit_id, states.PROOF_CODE, code=code)
    assert card.state == states.HANDED_OVER


def test_a_boot_that_no_clock_was_ever_set_in_keeps_its_time_unknown_between_its_neighbours(
    scene: WrongClock,
) -> None:
    scene.passes(600)
    scene.boot(WRONG["in 1970"])
    visit_id = scene.receive()
    scene.passes(300)
    scene.ask_for(visit_id)
    unknown = range(scene.rows()[-1].seq, len(scene.truth))
    scene.passes(120)
    scene.boot(WRONG["in another year"])
    scene.passes(120)
    scene.ready()
    scene.passes(60)
    scene.hand_over(visit_id)
    scene.passes(60)
    scene.meet()

    rows = scene.rows()
    assert {rows[n].time_source for n in unknown} == {"received"}
    known = [n for n in range(len(rows)) if n not in unknown]
    off_by_s = scene.off_by_s()
    assert max(off_by_s[n] for n in known) < TRUE_WITHIN_S
    visit = scene.kit.one(VisitRow)
    assert (visit.state, visit.is_open) == (states.HANDED_OVER, False)
    assert scene.kit.rebuilt() == []
    # Nobody waits a negative time, and no report counts what it cannot know.
    figures = scene.report().figures
    assert figures.handed_over == 1
    assert figures.wait_median_s is None or 0 <= figures.wait_median_s < 3600


def test_what_happened_at_an_unknown_time_lies_between_the_events_before_and_after_it(
    scene: WrongClock,
) -> None:
    scene.passes(600)
    scene.boot(WRONG["in 1970"])
    visit_id = scene.receive()
    scene.passes(300)
    scene.boot(WRONG["in 1970"])
    scene.ask_for(visit_id)
    scene.passes(3600)
    scene.meet()

    times = [row.at for row in scene.rows()]
    assert times == sorted(times)
