"""A day's promises on the manager's page: how many held, how far off, how wide, and of how many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient

from server.reports.day import day_of
from server.reports.promise_figures import PromiseReport, promise_report
from tests.manager_evening import Evening, services_of

pytest_plugins = ("tests.manager_stage",)

PANAMA = ZoneInfo("America/Panama")
EVENING = date(2026, 11, 20)


def report_of(evening: Evening, on: date, booth_id: str | None = None) -> PromiseReport:
    """The report of a day."""
    config = services_of(evening.app).config
    day = day_of(on, PANAMA, config.day_starts_hour)
    return evening.database.read(lambda session: promise_report(session, config, day, booth_id))


def test_the_days_promises_are_judged_by_their_first_windows(shown: Evening) -> None:
    told = report_of(shown, EVENING).days[0]
    # Expected 450 s after each request; ready 495 s and 1,035 s after it.
    assert (told.kept.kept, told.kept.n, told.early) == (1, 2, 0)
    assert told.bias_s in (314, 315, 316)
    assert told.width_s is not None
    assert 0 < told.width_s <= 5 * 60
    assert told.width_s % 60 == 0


def test_a_booth_has_its_own_and_a_day_without_any_has_none(shown: Evening) -> None:
    (bolivar, herrera) = (
        report_of(shown, EVENING, booth).days[0].kept for booth in ("bolivar", "herrera")
    )
    assert (bolivar.n, herrera.n) == (1, 0)
    after = report_of(shown, EVENING + timedelta(days=1))
    assert (after.days[0].kept.n, after.days[0].bias_s, after.days[0].width_s) == (0, None, None)
    assert [each.kept.n for each in after.days] == [0, 2, 0, 0, 0, 0, 0]


def test_the_page_says_the_finding_its_n_and_how_it_is_computed(looking: FlaskClient) -> None:
    page = looking.get("/manage/day?date=2026-11-20").text
    assert "50 % of 2 promises held" in page
    assert "late on average, with windows of" in page
    assert "Each car adjusts the windows so that 90 % hold" in page
    empty = looking.get("/manage/day?date=2026-11-22").text
    assert "No promise came to its end in this day" in empty


def test_the_page_speaks_spanish(evening: Evening, client: FlaskClient) -> None:
    client.post("/manage/language", data={"language": "es", "back": "/manage/"})
    page = client.get("/manage/day?date=2026-11-20").text
    assert "El 50 % de 2 promesas se cumplió: en promedio" in page
    assert "manage.promises" not in page
    assert replace(report_of(evening, EVENING), days=()).aim_percent == 90
