"""How long a manager waits for the reports of a day and of a month, in a year of 300,000 visits.

The goals: the day's page in 300 ms, the month's in one second, at the 95th in a hundred. A page is
one report with all its sheets, compared with the same weekdays before; `all` is every report.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from schemas import states
from server.accounts import set_password
from server.database import Database
from server.figures.keep import forget, keep_up
from server.models import VisitFigureRow
from server.reports.asked import Asked, Range
from server.reports.catalogue import REPORTS
from server.reports.day import day_of
from server.reports.day_report import day_report
from tests.bench.conftest import Figures
from tests.bench.spread import of_rates
from tests.bench.year_of_data import DAYS, LAST, PANAMA, YearOfData
from tests.cloud_kit import open_cloud
from tests.conftest import DATABASES
from tests.manager_evening import PASSWORD, open_app, services_of
from tests.station_lines import StationLines, minutes_later
from tests.stores import new_store
from tests.visit_story import MANAGER, settings

VISITS_A_DAY = 835
VISITS_MIN = 300_000
ROUNDS = {1: 40, 30: 20}
CARS, A_BATCH = 1_000, 100
GOAL_DAY_MS, GOAL_MONTH_MS = 300.0, 1_000.0


@pytest.fixture(scope="module", params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    """Each database."""
    return str(request.param)


def filled(
    request: pytest.FixtureRequest, kind: str, folder: Path, visits_a_day: int
) -> YearOfData:
    """A database with a year."""
    folder.mkdir(exist_ok=True)
    url = new_store(request, kind, folder).url
    year = YearOfData(Database(url), settings(folder, url), visits_a_day)
    year.fill()
    return year


@pytest.fixture(scope="module")
def year(
    request: pytest.FixtureRequest, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[YearOfData]:
    """A year of at least 300,000 visits."""
    year = filled(request, kind, tmp_path_factory.mktemp("year"), VISITS_A_DAY)
    assert year.visits >= VISITS_MIN
    # As a served process does when it has started (server/serve.py): what stays is not looked
    # through at every collection of what goes.
    gc.collect()
    gc.freeze()
    yield year
    gc.unfreeze()
    year.database.close()


def days(rounds: int) -> list[date]:
    """Days all over the year, each with enough of the year before it."""
    return [LAST - timedelta(days=at * (DAYS - 70) // rounds) for at in range(rounds)]


def p95(samples_ms: list[float]) -> float:
    """The 95th in a hundred, by nearest rank."""
    ordered = sorted(samples_ms)
    return round(ordered[-(-95 * len(ordered) // 100) - 1], 1)


def timed(year: YearOfData, name: str, asked: Asked) -> float:
    """Milliseconds of one report."""
    began_s = time.perf_counter()
    year.database.read(lambda session: REPORTS[name](session, year.config, asked, year.now))
    return (time.perf_counter() - began_s) * 1000


@pytest.mark.parametrize("span", [1, 30], ids=["day", "month"])
def test_the_reports_of_a_day_and_of_a_month(
    year: YearOfData, kind: str, figures: Figures, span: int
) -> None:
    taken: dict[str, list[float]] = {name: [] for name in REPORTS}
    for last in days(ROUNDS[span]):
        asked = Asked(Range(last - timedelta(days=span - 1), last))
        for name in REPORTS:
            taken[name].append(timed(year, name, asked))
    whole = [sum(each) for each in zip(*taken.values(), strict=True)]
    slowest = max(taken, key=lambda name: p95(taken[name]))
    figures[f"reports of {'a day' if span == 1 else 'a month'}, {kind}"] = {
        "n": float(ROUNDS[span]),
        "visits": float(year.visits),
        "slowest": slowest,
        "slowest_p95_ms": p95(taken[slowest]),
        "goal_ms": GOAL_DAY_MS if span == 1 else GOAL_MONTH_MS,
        "all_p95_ms": p95(whole),
        **{f"{name}_p95_ms": p95(each) for name, each in taken.items()},
    }


def test_the_page_of_a_day(year: YearOfData, kind: str, figures: Figures) -> None:
    taken = []
    for last in days(ROUNDS[1]):
        day = day_of(last, PANAMA, year.config.day_starts_hour)
        began_s = time.perf_counter()
        report = year.database.read(
            lambda session, day=day: day_report(session, year.config, day, None, year.now)  # type: ignore[misc]
        )
        taken.append((time.perf_counter() - began_s) * 1000)
        assert report.lines
    figures[f"page of a day, {kind}"] = {
        "n": float(ROUNDS[1]),
        "visits": float(year.visits),
        "p95_ms": p95(taken),
        "goal_ms": GOAL_DAY_MS,
    }


def test_the_page_of_a_day_as_it_is_asked_for(
    year: YearOfData,
    kind: str,
    figures: Figures,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With all that waits for a decision, on the page that a manager sees."""
    app = open_app(tmp_path, year.config.database_url)
    year.database.write(lambda session: set_password(session, MANAGER, PASSWORD))
    monkeypatch.setattr("server.clock.now", lambda: year.now)
    client = app.test_client()
    client.post("/manage/sign-in", data={"person": MANAGER, "password": PASSWORD})
    taken = []
    for last in (LAST, *days(ROUNDS[1])):
        began_s = time.perf_counter()
        answer = client.get(f"/manage/day?date={last}")
        taken.append((time.perf_counter() - began_s) * 1000)
        assert 'id="part-figures"' in answer.text
    services_of(app).database.close()
    figures[f"day page in a browser, {kind}"] = {
        "n": float(ROUNDS[1]),
        "visits": float(year.visits),
        "p95_ms": p95(taken[1:]),
        "goal_ms": GOAL_DAY_MS,
    }


def test_events_counted_a_second(tmp_path: Path, database_url: str, figures: Figures) -> None:
    """How quickly the worker takes what is new into the figures, which is also how long it takes
    to make all of them anew."""
    with open_cloud(tmp_path, database_url) as cloud:
        booth, lot = StationLines("herrera", "fill"), StationLines("lote-norte", "fill")
        for first in range(0, CARS, A_BATCH):
            cars = range(first, first + A_BATCH)
            booth.guests.clear()
            out = [booth.received(car) for car in cars]
            out += [booth.taken(car, 2, states.PARK, "lote-norte") for car in cars]
            for batch in (booth.batch(out), lot.batch([lot.parked(car, 3) for car in cars])):
                assert not cloud.take(batch, minutes_later(600)).verdicts
        runs_s = []
        for _ in range(3):
            cloud.database.write(forget)
            began_s = time.perf_counter()
            keep_up(cloud.database, cloud.config)
            runs_s.append(time.perf_counter() - began_s)
        assert cloud.count(VisitFigureRow) == CARS
    kind = database_url.partition(":")[0].partition("+")[0]
    figures[f"events counted for reports, {kind}"] = of_rates(3 * CARS, runs_s)


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """The statements that are executed within the block."""
    told: list[str] = []

    def note(*args: object) -> None:
        told.append(str(args[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def queries(database: Database, ask: Callable[[str], object]) -> dict[str, float]:
    """How many statements each report takes."""
    counted = {}
    for name in REPORTS:
        with counting(database) as told:
            ask(name)
        counted[name] = float(len(told))
    return counted


def test_queries_do_not_grow_with_rows(
    request: pytest.FixtureRequest,
    year: YearOfData,
    kind: str,
    figures: Figures,
    tmp_path: Path,
) -> None:
    tenth = filled(request, kind, tmp_path / "tenth", VISITS_A_DAY // 10)
    asked = Asked(Range(LAST - timedelta(days=29), LAST))
    few, many = (
        queries(
            each.database,
            lambda name, each=each: timed(each, name, asked),  # type: ignore[misc]
        )
        for each in (tenth, year)
    )
    tenth.database.close()
    assert few == many
    figures[f"queries of a month's reports, {kind}"] = {"visits": float(year.visits), **many}
