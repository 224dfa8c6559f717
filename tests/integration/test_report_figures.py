"""Every figure of every report, held against one that was counted from the log line by line; and
how the worker keeps what they are counted from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from schemas.catalog import LANGUAGES, Catalog
from schemas.problems import Refusal
from server import worker
from server.bulk import table_of
from server.config import Config
from server.database import Database
from server.figures import keep as keeping
from server.figures.command import figures
from server.figures.keep import forget, keep, keep_up
from server.ingest import Receipt
from server.models import EventRow, FigureStateRow, StationRow, VisitFigureRow
from server.reports import tally
from server.reports.asked import Asked, Range, asked_of
from server.reports.below import Page, below
from server.reports.catalogue import REPORTS
from server.reports.finding import NONE
from server.reports.quantile import nearest_rank
from server.reports.reach import reach
from server.reports.sheet import Sheet
from tests.conftest import DATABASES
from tests.naive_district import District, read
from tests.naive_sheets import expected
from tests.report_evenings import EARLIER, LATER, play
from tests.stores import new_store
from tests.visit_story import Story, settings

MONTH = (date(2026, 11, 1), date(2026, 11, 30))
ASKED = (
    (LATER, LATER, None, None),
    (LATER, LATER, "bolivar", None),
    (LATER, LATER, None, "lote-sur"),
    (EARLIER, LATER + timedelta(days=1), None, None),
    (*MONTH, None, None),
    (*MONTH, "francia", "lote-norte"),
    # Nothing happens any more, but cars stand there for days.
    (LATER + timedelta(days=4), LATER + timedelta(days=5), None, None),
)
CELLS = {str, int, float, date, type(None)}
COUNTED = {
    **dict.fromkeys(("volume_by_hour", "volume_by_booth", "volume_by_lot"), "received"),
    **dict.fromkeys(("waits_by_leg", "waits_by_hour", "waits_by_booth", "waits_by_lot"), "n"),
    **dict.fromkeys(("promises_by_day", "promises_by_booth", "promises_by_hour"), "promised"),
    "promises_by_promise_kind": "promised",
    **dict.fromkeys(("runners_by_person", "runners_by_day"), "drives"),
    "runners_by_way": "n",
    **dict.fromkeys(("kerb_by_booth", "kerb_by_hour"), "stands"),
    "lots_grid": "cars",
    "lots_by_lot": "arrivals",
    "keys_checked": "checks",
    "keys_closed": "closings",
    "keys_now": "keys",
    **dict.fromkeys(("incidents_by_kind", "incidents_by_place"), "incidents"),
    "ratings_by_booth": "ratings",
    **dict.fromkeys(("messages_by_template", "messages_by_status"), "messages"),
    **dict.fromkeys(("held_by_reason", "held_by_ending"), "held"),
    **dict.fromkeys(("stations_by_station", "stations_by_day"), "events"),
}
"""Which column of a sheet says how many cases are behind each row."""


class KeptStory(Story):
    """A story whose figures are kept while it goes on, a few events at a time."""

    def send(self, place_id: str) -> Receipt:
        """Send, and let the worker count."""
        receipt = super().send(place_id)
        keep_up(self.database, self.config)
        return receipt


@dataclass(frozen=True)
class Told:
    """Both evenings, counted by the worker and by hand."""

    database: Database
    config: Config
    district: District
    now: datetime

    def sheets(self, asked: Asked) -> dict[str, Sheet]:
        """Every sheet of every report."""
        return {
            sheet.key: sheet
            for report in REPORTS.values()
            for sheet in self.database.read(
                lambda session, report=report: report(session, self.config, asked, self.now)  # type: ignore[misc]
            )
        }

    def below(self, asked: Asked, query: dict[str, str], page: int = 1) -> Page:
        """What is behind a row, as the page asks that its link leads to."""
        whole = asked_of({**asked.query, **query}, LATER)
        return self.database.read(lambda session: below(session, self.config, whole, query, page))

    def rows(self) -> dict[str, set[tuple[Any, ...]]]:
        """All figures, by table."""
        tables = [table for table in keeping._TABLES if table.name != "figure_states"]
        return self.database.read(
            lambda session: {
                table.name: {tuple(row) for row in session.connection().execute(select(table))}
                for table in tables
            }
        )


@pytest.fixture(scope="module", params=DATABASES)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """The evenings on each database."""
    folder = tmp_path_factory.mktemp("evenings")
    url = new_store(request, request.param, folder).url
    config = replace(settings(folder, url), figures_events_max=20)
    database = Database(url)
    now = play(KeptStory(database, config))
    keep_up(database, config)
    yield Told(database, config, read(database), now)
    database.close()


def test_every_figure_of_every_report_is_what_the_log_says(told: Told) -> None:
    for first, last, booth, lot in ASKED:
        asked = Asked(Range(first, last), booth, lot)
        by_hand = expected(told.district, first, last, booth, lot, told.now)
        sheets = told.sheets(asked)
        assert sheets.keys() == by_hand.keys()
        for key, sheet in sheets.items():
            n, rows, values = by_hand[key]
            where = f"{key}, {asked}"
            assert list(sheet.rows) == rows, where
            assert sheet.n == n, where
            # No numbers of the database's own kinds.
            assert {type(cell) for row in sheet.rows for cell in row} <= CELLS, where
            assert not sheet.provisional, where
            said = {name: value for name, (_, value) in sheet.finding.values.items()}
            if sheet.finding.key != NONE:
                wanted = {name: value for name, value in values.items() if value is not None}
                assert {k: v for k, v in said.items() if v is not None} == wanted, where


def test_the_evenings_have_everything_that_reports_tell_of(told: Told) -> None:
    sheets = told.sheets(Asked(Range(*MONTH)))
    assert [key for key, sheet in sheets.items() if sheet.n == 0] == []
    silent = {
        (key, column.key)
        for key, sheet in sheets.items()
        for at, column in enumerate(sheet.columns)
        if all(row[at] in (None, 0) for row in sheet.rows)
    }
    past = {each for each in silent if "before" in each[1]}
    # Of tags, nobody lost one; nobody holds a key; nothing was refused.
    assert silent - past == {
        ("held_by_reason", "car"),
        ("keys_now", "person"),
        ("stations_by_station", "refused"),
        ("tags_now", "tags_lost"),
        ("tags_now", "tags_retired"),
    }


def test_behind_every_row_are_as_many_cases_as_it_says(told: Told) -> None:
    asked = Asked(Range(LATER, LATER))
    for key, sheet in told.sheets(asked).items():
        if key not in COUNTED:
            assert not sheet.below
            continue
        at = [column.key for column in sheet.columns].index(COUNTED[key])
        for row, query in zip(sheet.rows, sheet.below, strict=True):
            assert query is not None
            page = told.below(asked, dict(query))
            assert page.sheet.n == row[at], (key, query)
            assert len(page.sheet.rows) == page.sheet.n
            assert all(len(each) == len(page.sheet.columns) for each in page.sheet.rows)


def test_a_list_comes_in_pages_and_the_longest_first(told: Told) -> None:
    asked = Asked(Range(LATER, LATER))
    few = Told(told.database, replace(told.config, page_rows=5), told.district, told.now)
    pages = [few.below(asked, {"rows": "received"}, page) for page in (1, 2, 3, 9)]
    assert [len(page.sheet.rows) for page in pages] == [5, 5, 5, 2]
    # Behind the last page is the last page.
    assert [page.page for page in pages] == [1, 2, 3, 4]
    seen = [each["visit"] for page in pages for each in page.sheet.below if each is not None]
    assert len(set(seen)) == 17
    longest = told.below(asked, {"rows": "waits", "sort": "driven_s"}).sheet
    at = [column.key for column in longest.columns].index("driven_s")
    driven = [row[at] for row in longest.rows]
    assert driven == sorted(driven, key=lambda s: -int(str(s)))
    for query in ({"rows": "everything"}, {"rows": "waits", "hour": "x"}, {}):
        with pytest.raises(Refusal, match="bad_choice"):
            told.below(asked, query)


def test_figures_made_anew_at_once_are_those_kept_event_by_event(told: Told) -> None:
    kept = told.rows()
    assert all(kept.values())
    told.database.write(forget)
    assert told.rows() != kept
    whole = replace(told.config, figures_events_max=10_000)
    for options in ((), ("--anew",)):
        done = CliRunner().invoke(figures, options, obj=whole)
        assert done.output == "1 batches counted\n"
        assert told.rows() == kept
    assert not keep(told.database, told.config)


def test_a_batch_that_somebody_else_has_counted_is_left(told: Told) -> None:
    kept = told.rows()
    told.database.write(forget)
    whole = replace(told.config, figures_events_max=10_000)
    late = told.database.read(lambda session: keeping._read(session, whole))
    assert late is not None
    keep_up(told.database, whole)
    second = told.database.read(lambda session: keeping._read(session, told.config))
    assert second is None
    started = replace(late, since=replace(late.since, upto_version=1))
    with pytest.raises(keeping._NotOurs):
        told.database.write(lambda session: keeping._write(session, started))
    assert told.rows() == kept


def test_days_that_begin_at_another_hour_are_counted_anew(told: Told) -> None:
    kept = told.rows()
    whole = replace(told.config, figures_events_max=10_000)
    noon = replace(whole, day_starts_hour=12)
    asked = Asked(Range(LATER, LATER))
    assert told.database.read(lambda s: reach(s, noon, asked, told.now)).is_behind
    keep_up(told.database, noon)
    assert told.rows() != kept
    keep_up(told.database, whole)
    assert told.rows() == kept


def test_a_report_is_provisional_while_events_wait_or_a_station_may_hold_some(told: Told) -> None:
    asked = Asked(Range(LATER, LATER))
    earlier = Asked(Range(EARLIER, EARLIER))

    def is_provisional(each: Asked) -> bool:
        return told.database.read(
            lambda session: REPORTS["held"](session, told.config, each, told.now)[0].provisional
        )

    def behind(versions: int) -> None:
        moved = update(FigureStateRow).values(upto_version=FigureStateRow.upto_version - versions)
        told.database.write(lambda session: session.execute(moved))

    def heard(depth: int) -> None:
        said = update(StationRow).where(StationRow.id == "station-bolivar").values(depth=depth)
        told.database.write(lambda session: session.execute(said))

    last = told.database.read(
        lambda session: session.execute(
            select(EventRow.received_at).order_by(EventRow.received_at.desc()).limit(1)
        ).scalar_one()
    )
    found = told.database.read(lambda session: reach(session, told.config, asked, told.now))
    assert (found.upto_at, found.is_provisional) == (last, False)
    behind(5)
    # What waits is of the last morning.
    assert told.database.read(
        lambda s: reach(s, told.config, Asked(Range(LATER, LATER + timedelta(days=1))), told.now)
    ).is_behind
    assert not is_provisional(earlier)
    behind(-5)
    heard(3)
    assert is_provisional(asked)
    heard(0)
    assert not is_provisional(asked)


def test_whatever_a_sheet_says_has_words(told: Told) -> None:
    catalog = Catalog(worker._TRANSLATIONS, "manager", "reports")
    keys: set[str] = {f"manage.report.{name}" for name in REPORTS}
    for compare in (True, False):
        asked = Asked(Range(LATER, LATER + timedelta(days=1)), compare=compare)
        for sheet in told.sheets(asked).values():
            listed = [told.below(asked, dict(query)).sheet for query in sheet.below[:1] if query]
            for each in (sheet, *listed):
                keys |= {each.how, each.counted, each.finding.key}
                keys |= {f"manage.column.{column.key}" for column in each.columns}
                cells = [cell for row in each.rows for cell in row]
                cells += [value for _, value in each.finding.values.values()]
                keys |= {c for c in cells if isinstance(c, str) and c.startswith("manage.")}
                for language in LANGUAGES:
                    catalog.text(language, each.finding.key, **each.finding.values)
    for language in LANGUAGES:
        assert sorted(key for key in keys if catalog.text(language, key) == key) == []


def test_quantiles_are_the_same_in_the_database_and_by_hand(database_url: str) -> None:
    database = Database(database_url)
    dice = random.Random(11)
    table = table_of(VisitFigureRow)
    waits = [(f"visit-{n}", dice.randrange(50), dice.choice(("a", "b"))) for n in range(437)]

    def fill(session: Session) -> None:
        rows = [
            {"visit_id": name, "day": 1, "hour": 20, "booth_id": booth, "stay_s": stay_s}
            for name, stay_s, booth in waits
        ]
        session.execute(insert(table), [*rows, {**rows[0], "visit_id": "open", "stay_s": None}])

    try:
        database.write(fill)
        found = database.read(
            lambda s: tally.ranks(s, table.c.stay_s, [table.c.booth_id], table.c.day == 1)
        )
    finally:
        database.close()
    for booth in ("a", "b"):
        own = [stay_s for _, stay_s, where in waits if where == booth]
        wanted = (nearest_rank(own, percent) for percent in (50, 90, 95))
        assert found[(booth,)] == tally.Ranks(len(own), *wanted)


def test_a_range_has_an_end_and_weekdays_before_it() -> None:
    week = Range(date(2026, 11, 20), date(2026, 11, 22))
    assert week.before == Range(date(2026, 11, 13), date(2026, 11, 15))
    month = Range(*MONTH).before
    assert (month.first, month.last) == (date(2026, 9, 27), date(2026, 10, 26))
    assert [day.weekday() for day in (month.first, month.last)] == [day.weekday() for day in MONTH]
    for first, last in ((LATER, EARLIER), (LATER, LATER + timedelta(days=366))):
        with pytest.raises(Refusal, match="bad_time"):
            Range(first, last)
    asked = Asked(week, "herrera", None, compare=False)
    assert asked_of(asked.query, EARLIER) == asked
    assert asked.before is None
    assert asked_of({}, LATER) == Asked(Range(LATER, LATER))


def test_nothing_is_counted_where_nothing_was(tmp_path: Path, sqlite_url: str) -> None:
    database, config = Database(sqlite_url), settings(tmp_path, sqlite_url)
    try:
        assert not keep(database, config)
        assert not database.read(lambda session: session.scalars(select(VisitFigureRow)).all())
        now = datetime(2026, 11, 20, 20, tzinfo=UTC)
        for report in REPORTS.values():
            for sheet in database.read(
                lambda session, report=report: report(  # type: ignore[misc]
                    session, config, Asked(Range(*MONTH)), now
                )
            ):
                assert sheet.n == 0
                assert sheet.finding.key == NONE
    finally:
        database.close()
