"""Reports against the event log: every figure counted again in another way, and found equal."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from schemas import events
from server import links, workers
from server.models import EventRow, PromiseRow, Table
from server.reports.day import Day, day_of
from server.reports.day_report import DayReport, day_report
from server.reports.open_visits import open_visits
from server.reports.visit_lines import VisitLine
from tests.manager_evening import DATE, Evening, open_app, services_of
from tests.visit_story import BOOTHS, EVENING, KEY, LOTS, MANAGER, Story, StoryVisit

pytest_plugins = ("tests.manager_stage",)

PANAMA = ZoneInfo("America/Panama")
CARS = 24


@dataclass
class Told:
    """What the events of one visit tell, read one after the other."""

    booth_id: str = ""
    received_at: datetime = EVENING
    place_id: str = ""
    request: dict[str, Any] | None = None
    ready_at: datetime | None = None
    handed_over_at: datetime | None = None

    def hear(self, at: datetime, body: dict[str, Any]) -> None:
        """Take one event in; the stories here have no disputes."""
        kind, data = body["type"], body["data"]
        if kind == events.VISIT_RECEIVED:
            self.booth_id, self.received_at = body["place_id"], at
        elif kind == events.VISIT_REQUESTED:
            self.request = {"id": body["id"], "at": at, **data}
        elif kind == events.VISIT_REQUEST_CANCELLED:
            self.request = None
        elif kind == events.CAR_TAKEN:
            self.ready_at = None
        elif kind == events.CAR_READY:
            self.ready_at = self.ready_at or at
        elif kind == events.VISIT_HANDED_OVER:
            self.handed_over_at, self.place_id = at, body["place_id"]

    @property
    def wait_s(self) -> int | None:
        """From the request, or the later time wanted, to ready."""
        if self.request is None or self.ready_at is None:
            return None
        wanted = self.request["wanted_at"]
        since = self.request["at"]
        if wanted is not None:
            since = max(since, datetime.fromisoformat(wanted))
        return max(0, int((self.ready_at - since).total_seconds()))


@pytest.fixture(scope="module")
def story(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two days of cars, some in the night between them, from a fixed seed."""
    app = open_app(tmp_path_factory.mktemp("story"), module_database_url)
    found = services_of(app)
    story = Story(found.database, found.config)
    dice = random.Random(8)
    for number in range(CARS):
        _play(story, dice)
        story.wait(minutes=dice.randint(1, 40), seconds=dice.randint(0, 59))
        if number == CARS // 2:
            story.wait(minutes=9 * 60)
    yield story
    found.database.close()


def _play(story: Story, dice: random.Random) -> None:
    """One car, as far as the dice let it come."""
    visit = story.receive(dice.choice(BOOTHS))
    _pause(story, dice)
    if dice.random() < 0.15:
        visit.request(visit.place_id)
        _pause(story, dice)
        visit.ready()
        _give_back(story, dice, visit)
        return
    visit.take(dice.choice(LOTS))
    _pause(story, dice)
    visit.park()
    if dice.random() < 0.2:
        return
    _pause(story, dice)
    later = story.now + timedelta(minutes=20) if dice.random() < 0.3 else None
    visit.request(dice.choice(BOOTHS), later)
    if dice.random() < 0.25:
        _pause(story, dice)
        visit.request(dice.choice(BOOTHS))
    if dice.random() < 0.2:
        return
    _pause(story, dice)
    request = dice.choice(BOOTHS)
    visit.take(request)
    _pause(story, dice)
    visit.ready()
    _give_back(story, dice, visit)


def _give_back(story: Story, dice: random.Random, visit: StoryVisit) -> None:
    _pause(story, dice)
    if dice.random() < 0.8:
        visit.hand_over()


def _pause(story: Story, dice: random.Random) -> None:
    story.wait(seconds=dice.randint(20, 900))


def _report(story: Story, day: Day, booth: str | None) -> DayReport:
    return story.database.read(
        lambda session: day_report(session, story.config, day, booth, story.now)
    )


def _log(story: Story) -> dict[str, Told]:
    """The visits as their events alone tell of them."""
    rows = story.database.read(lambda session: session.scalars(select(EventRow)).all())
    bodies = [(row, json.loads(row.line)) for row in rows if row.visit_id is not None]
    told: dict[str, Told] = defaultdict(Told)
    for row, body in sorted(bodies, key=lambda pair: pair[1]["step"]):
        assert row.visit_id is not None
        told[row.visit_id].hear(row.at, body)
    return dict(told)


def _promises(story: Story) -> dict[str, list[PromiseRow]]:
    rows = story.database.read(lambda session: session.scalars(select(PromiseRow)).all())
    found: dict[str, list[PromiseRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.made_at, row.id)):
        found[row.request_id].append(row)
    return found


def _days() -> Iterator[Day]:
    for number in (19, 20, 21, 22):
        yield day_of(date(2026, 11, number), PANAMA, 6)


def _at_rank(values: list[int], percent: int) -> int | None:
    """The least value that at least so many percent of the values do not exceed."""
    fitting = [
        value
        for value in values
        if 100 * sum(other <= value for other in values) >= percent * len(values)
    ]
    return min(fitting, default=None)


@pytest.mark.parametrize("booth", [None, *BOOTHS])
def test_every_figure_equals_one_counted_from_the_event_log(
    story: Story, booth: str | None
) -> None:
    log, promises = _log(story), _promises(story)
    seen = 0
    for day in _days():
        report = _report(story, day, booth)
        upto = min(day.end, story.now)

        def within(at: datetime | None, day: Day = day) -> bool:
            return at is not None and day.start <= at < day.end

        visits = list(log.values())
        at_booth = [visit for visit in visits if booth in (None, visit.booth_id)]
        asked = [
            visit
            for visit in visits
            if visit.request is not None and booth in (None, visit.request["booth_id"])
        ]
        waits = [
            visit.wait_s for visit in asked if within(visit.ready_at) and visit.wait_s is not None
        ]
        kept_first, kept_last = [], []
        late = 0
        for visit in asked:
            assert visit.request is not None
            windows = promises[visit.request["id"]]
            if not windows:
                continue
            if visit.ready_at is None:
                late += windows[0].ready_by < story.now
            elif within(visit.ready_at):
                told = [row for row in windows if row.made_at <= visit.ready_at] or windows[:1]
                kept_first.append(visit.ready_at <= windows[0].ready_by)
                kept_last.append(visit.ready_at <= told[-1].ready_by)
        figures = report.figures
        assert figures.received == sum(within(visit.received_at) for visit in at_booth)
        assert figures.handed_over == sum(
            within(visit.handed_over_at) for visit in visits if booth in (None, visit.place_id)
        )
        assert figures.inside == sum(
            visit.received_at < upto
            and (visit.handed_over_at is None or visit.handed_over_at >= upto)
            for visit in at_booth
        )
        assert figures.waits_n == len(waits)
        assert figures.wait_median_s == _at_rank(waits, 50)
        assert figures.wait_p90_s == _at_rank(waits, 90)
        assert (figures.kept_first.kept, figures.kept_first.n) == (sum(kept_first), len(kept_first))
        assert (figures.kept_last.kept, figures.kept_last.n) == (sum(kept_last), len(kept_last))
        if report.is_today:
            assert figures.late == late
        seen += figures.received + figures.waits_n
    assert seen > 5


def test_the_booths_of_a_day_add_up_to_the_district(story: Story) -> None:
    for day in _days():
        report = _report(story, day, None)
        for name in ("inside", "received", "handed_over", "waits_n", "late"):
            parts = sum(getattr(row.figures, name) for row in report.booths)
            assert parts == getattr(report.figures, name), name


def test_open_visits_are_those_that_the_log_has_not_seen_handed_over(story: Story) -> None:
    opened = story.database.read(lambda session: open_visits(session, story.now))

    still = {visit_id for visit_id, told in _log(story).items() if told.handed_over_at is None}
    assert {visit.id for visit in opened} == still
    assert [visit.is_late for visit in opened] == sorted(
        (visit.is_late for visit in opened), reverse=True
    )


def _number(page: str, name: str) -> str:
    found = re.search(rf'id="figure-{name}".*?class="number">([^<]*)<', page, re.DOTALL)
    assert found is not None, name
    return found[1]


def _span(span_s: int | None) -> str:
    if span_s is None:
        return "–"
    hours, rest = divmod(span_s, 3600)
    minutes, seconds = divmod(rest, 60)
    words = [(hours, "h"), (minutes, "min"), (0 if hours else seconds, "s")]
    return " ".join(f"{count}\u00a0{unit}" for count, unit in words if count) or "0\u00a0s"


def test_a_car_that_was_ready_and_is_in_the_lot_again_waits_anew(evening: Evening) -> None:
    story, visit = evening.story, evening.parked
    visit.request("bolivar")
    story.wait(minutes=5)
    visit.take("bolivar")
    story.wait(minutes=5)
    visit.ready()
    story.wait(minutes=30)
    visit.take("lote-norte")
    story.wait(minutes=5)
    visit.park()
    visit.request("herrera")

    def line() -> VisitLine:
        day = day_of(date.fromisoformat(DATE), PANAMA, 6)
        report = _report(story, day, None)
        return next(each for each in report.lines if each.id == visit.id)

    assert (line().is_waiting, line().ready_at, line().wait_s) == (True, None, None)
    visit.take("herrera")
    story.wait(minutes=9)
    visit.ready()
    assert (line().is_waiting, line().wait_s) == (False, 9 * 60)


@pytest.mark.parametrize("booth", ["", "herrera", "bolivar", "francia"])
def test_the_csv_gives_the_figures_of_the_page(looking: FlaskClient, booth: str) -> None:
    query = f"date={DATE}&booth={booth}"
    page = looking.get(f"/manage/day?{query}").text
    text = looking.get(f"/manage/day.csv?{query}").get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    names = {
        "herrera": "Plaza Herrera",
        "bolivar": "Plaza Bolívar",
        "francia": "Plaza de Francia",
    }

    def at(column: str) -> list[dict[str, str]]:
        return [row for row in rows if not booth or row[column] == names[booth]]

    received = [row for row in at("booth_received") if row["received_at"] >= f"{DATE}T06:00:00"]
    asked = at("booth_requested")
    waits = [int(row["wait_s"]) for row in asked if row["wait_s"]]
    kept = [row["first_promise_kept"] for row in asked if row["first_promise_kept"]]
    assert _number(page, "received") == str(len(received))
    handed_over = [row for row in at("booth_handed_over") if row["handed_over_at"]]
    assert _number(page, "handed_over") == str(len(handed_over))
    inside = [row for row in at("booth_received") if not row["handed_over_at"]]
    assert _number(page, "inside_now") == str(len(inside))
    assert _number(page, "median") == _span(_at_rank(waits, 50))
    assert _number(page, "p90") == _span(_at_rank(waits, 90))
    percent = "–" if not kept else str(100 * kept.count("yes") // len(kept))
    assert _number(page, "kept_first") == percent


def _dump(evening: Evening) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but one: who looked at a driver's record is what a look leaves."""
    tables = [table for table in Table.metadata.sorted_tables if table.name != "guest_looks"]
    return evening.database.read(
        lambda session: {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in tables
        }
    )


def test_no_get_changes_a_row(shown: Evening, looking: FlaskClient) -> None:
    names = {
        "visit_id": shown.held.id,
        "token": links.token_of(KEY, shown.late.id),
        "sha256": "0" * 64,
        "filename": "dist/manifest.json",
        "_anything": "nothing/here",
        "closure_id": "nothing",
        "person_id": MANAGER,
        "place_id": "herrera",
        "template": "ready",
        "language": "es",
        "name": "volume",
        "key": "hours",
        "run_id": "nothing",
        "what_if_id": "nothing",
    }
    shown.database.note(lambda session: workers.beat(session, "1-a", shown.now))
    before = _dump(shown)
    assert before["events"]
    adapter = shown.app.url_map.bind("localhost")
    visited = 0
    for rule in shown.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        assert rule.arguments <= names.keys(), f"give this test a value for {rule}"
        path = adapter.build(rule.endpoint, {name: names[name] for name in rule.arguments})
        for client in (looking, shown.app.test_client()):
            answer = client.get(path)
            assert answer.status_code < 500, rule
            answer.close()
            visited += 1
        assert _dump(shown) == before, f"GET {rule} changed something"
    assert visited > 40


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_queries_does_not_grow_with_the_cars(
    evening: Evening, client: FlaskClient
) -> None:
    def queries() -> int:
        with _counted(evening.database.engine) as statements:
            assert client.get(f"/manage/day?date={DATE}").status_code == 200
        return len(statements)

    few = queries()
    for booth in BOOTHS:
        visit = evening.story.receive(booth)
        visit.request(booth)
        visit.hand_over("francia" if booth == "herrera" else "herrera")

    assert queries() == few
