"""The pages and files of reports over HTTP: each face shows the same figures."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from schemas.district import AUDITOR
from server import report_runs
from server.models import PersonRow
from server.report_runs import open_office, run_due
from server.reports import print_pdf
from server.reports.catalogue import REPORTS
from server.reports.wording import figure
from tests.manager_evening import DATE, PASSWORD, Evening, services_of, signed_in
from tests.report_reading import DAYS, Tables, counted_up, made
from tests.visit_story import KEY, MANAGER

pytest_plugins = ("tests.manager_stage",)
# The figures are tested on both databases where they are made; here it is their faces.
pytestmark = pytest.mark.parametrize("_kind", ["sqlite"], indirect=True, scope="module")


@pytest.fixture
def counted(shown: Evening) -> Evening:
    """The shared evening with its figures."""
    return counted_up(shown)


def test_every_report_says_all_that_a_reader_needs(counted: Evening, looking: FlaskClient) -> None:
    index = looking.get("/manage/reports").text
    for name in REPORTS:
        assert f'href="/manage/reports/{name}"' in index
        page = looking.get(f"/manage/reports/{name}?{DAYS}").text
        sheets, words = made(counted, name)
        assert "manage." not in re.sub(r"/static/dist/manage\.\S+", "", page)
        assert page.count("<h2") == page.count("<summary>") == len(sheets)
        for sheet in sheets:
            part = page.split(f'id="{sheet.key}"')[1].split("</section>")[0]
            assert words.finding(sheet.finding).replace("'", "&#39;") in part
            assert words.counted(sheet) in part
            assert words.t(sheet.how).replace("'", "&#39;").replace('"', "&#34;") in part
            if sheet.rows:
                assert part.count('scope="row"') == len(sheet.rows)
                assert "<caption>" in part
                assert f"/manage/reports/{name}/{sheet.key}.csv?" in part
            assert part.count("/rows?") == sum(1 for one in sheet.below if one is not None)
            assert 'style="' not in part


def test_spanish_has_words_for_everything(counted: Evening) -> None:
    spanish = signed_in(counted)
    for name in REPORTS:
        page = spanish.get(f"/manage/reports/{name}?{DAYS}").text
        assert "manage." not in page, name
    assert "manage." not in spanish.get("/manage/reports/schedules").text
    assert "manage." not in spanish.get(f"/manage/reports/volume/rows?rows=received&{DAYS}").text


@pytest.mark.parametrize("name", REPORTS)
def test_screen_csv_and_workbook_are_equal(
    counted: Evening, looking: FlaskClient, name: str
) -> None:
    sheets, words = made(counted, name)
    screen = Tables(looking.get(f"/manage/reports/{name}?{DAYS}").text).found
    answer = looking.get(f"/manage/reports/{name}/report.xlsx?{DAYS}")
    assert answer.headers["Content-Disposition"].endswith(f'"valet_{name}_{DATE}.xlsx"')
    pages = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets
    assert len(pages) == len(sheets)

    for sheet, page in zip(sheets, pages, strict=True):
        text = looking.get(f"/manage/reports/{name}/{sheet.key}.csv?{DAYS}").data
        lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))[1:]
        width, cells = len(sheet.columns), [[one.value for one in row] for row in page.iter_rows()]
        book = [row[:width] for row in cells[len(cells) - len(sheet.rows) :]]
        table = [row[:width] for row in screen.get(f"table-{sheet.key}", [[]])[1:]]
        assert len(lines) == len(table) == len(sheet.rows)
        for row, line, shown, kept in zip(sheet.rows, lines, table, book, strict=True):
            for column, cell, in_csv, on_screen, in_book in zip(
                sheet.columns, row, line, shown, kept, strict=True
            ):
                assert on_screen == words.cell(column.kind, cell)
                if isinstance(cell, int | float) and column.is_number:
                    assert float(in_csv) == figure(column.kind, cell)
                    is_span = isinstance(in_book, timedelta)
                    number = in_book.total_seconds() if is_span else in_book
                    assert number == figure(column.kind, cell)
                elif cell is None:
                    assert (in_csv, in_book) == ("", None)


def test_without_a_comparison_nothing_is_said_of_the_days_before(
    counted: Evening, looking: FlaskClient
) -> None:
    page = looking.get(f"/manage/reports/volume?{DAYS}&compare=no").text

    assert ", before" not in page
    assert "Not compared" in page
    assert ", before" in looking.get(f"/manage/reports/volume?{DAYS}").text


def test_filters_are_in_the_address_and_stay_there(counted: Evening, looking: FlaskClient) -> None:
    asked = f"first={DATE}&last=2026-11-18&booth=bolivar&compare=no"
    page = looking.get(f"/manage/reports/volume?{asked}").text

    # The days stood the wrong way round.
    assert 'name="first" value="2026-11-18"' in page
    assert f'name="last" value="{DATE}"' in page
    assert '<option value="bolivar" selected>' in page
    links = re.findall(r'href="(/manage/reports/volume[^"]*)"', page)
    assert len(links) > 8
    assert all("booth=" in link and "compare=no" in link for link in links)
    # Yesterday is the last day that is whole.
    assert 'name="first" value="2026-11-19"' in looking.get("/manage/reports/waits").text


def test_the_way_down_lists_as_many_as_the_row_says(counted: Evening, looking: FlaskClient) -> None:
    page = looking.get(f"/manage/reports/volume?{DAYS}").text
    table = page.split('id="table-volume_by_booth"')[1].split("</table>")[0]
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]+/rows[^"]*)"', table)]
    rows = Tables(page).found["table-volume_by_booth"][1:]
    assert len(links) == len(rows) == 3

    for link, row in zip(links, rows, strict=True):
        listed = looking.get(link).text
        assert listed.count('scope="row"') == int(row[1])
        assert row[0] in listed
        visit = re.search(r'href="(/manage/visits/[^"]+)"', listed)
        assert visit is not None
        assert looking.get(visit[1]).status_code == 200


def test_a_long_list_is_paged(
    counted: Evening, looking: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = services_of(counted.app)
    few = replace(found, config=replace(found.config, page_rows=3))
    monkeypatch.setattr("server.manager.routes.report_rows.services", lambda: few)
    first, second, third = (
        looking.get(f"/manage/reports/volume/rows?rows=received&{DAYS}&page={page}").text
        for page in (1, 2, 99)
    )

    codes = [re.findall(r">([A-Z]-\d+)</a>", page) for page in (first, second, third)]
    assert [len(page) for page in codes] == [3, 3, 1]
    assert len({code for page in codes for code in page}) == 7
    assert 'rel="prev"' not in first
    assert 'rel="next"' in first
    assert 'rel="next"' not in third


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/manage/reports/nothing", 404),
        ("/manage/reports/nothing/rows", 404),
        ("/manage/reports/nothing/report.xlsx", 404),
        (f"/manage/reports/volume/nothing.csv?{DAYS}", 404),
        ("/manage/reports/volume?first=yesterday", 422),
        ("/manage/reports/volume?first=2020-01-01&last=2026-01-01", 422),
        ("/manage/reports/volume?booth=nowhere", 404),
        ("/manage/reports/volume/rows?rows=nothing", 422),
        (f"/manage/reports/volume/rows?rows=messages&hour=%C2%B2&{DAYS}", 200),
        ("/manage/reports/volume/rows?rows=received&day=x", 422),
        (f"/manage/reports/volume/rows?rows=received&page=x&{DAYS}", 200),
        ("/manage/reports/volume/report.pdf", 404),
        ("/manage/reports/runs/nothing/workbook", 404),
    ],
)
def test_a_wrong_address_gets_a_page_that_says_why(
    counted: Evening, looking: FlaskClient, path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.reports.print_pdf.has_pdf", lambda: False)
    answer = looking.get(path)

    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert "manage.problem" not in answer.text


def test_where_a_pdf_can_be_made_it_is_the_printed_page(
    counted: Evening, looking: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, str]] = []

    def made_up(page: str, style: str) -> bytes:
        given.append((page, style))
        return b"%PDF-1.7"

    monkeypatch.setattr(print_pdf, "pdf_of", made_up)
    for module in ("print_pdf", ""):
        target = "server.reports.print_pdf" if module else "server.manager.routes.reports"
        monkeypatch.setattr(f"{target}.has_pdf", lambda: True)
    page = looking.get(f"/manage/reports/volume?{DAYS}").text
    link = re.search(r'href="([^"]+report\.pdf[^"]*)"', page)
    assert link is not None
    assert "data-print" not in page

    answer = looking.get(link[1].replace("&amp;", "&"))

    assert answer.mimetype == "application/pdf"
    assert Tables(given[0][0]).found.keys() == Tables(page).found.keys()
    assert "@page" in given[0][1]


def test_a_schedule_is_made_seen_paused_and_ended(evening: Evening, client: FlaskClient) -> None:
    form = {
        "report": "waits",
        "span": "last_week",
        "hour": "8",
        "language": "en",
        "recipients": "eva@",
        "reason": "the owner asks for it",
    }
    wrong = client.post("/manage/reports/schedules", data=form)
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert 'value="eva@"' in wrong.text
    assert '<option value="last_week" selected>' in wrong.text

    client.post("/manage/reports/schedules", data={**form, "recipients": "eva@example.com"})
    page = client.get("/manage/reports/schedules").text
    assert "eva@example.com" in page
    # The week ends on Sunday, and its last night on Monday at six.
    assert "23\u00a0Nov\u00a02026, 08:00" in page
    change = re.search(r'action="(/manage/reports/schedules/[^"]+/change)"', page)
    assert change is not None
    for state, word in (("paused", "Paused"), ("active", "Active"), ("ended", "Ended")):
        client.post(change[1], data={"state": state, "reason": "nobody reads it"})
        page = client.get("/manage/reports/schedules").text
        assert re.search(rf'class="state[^"]*">{word}</span></h2>', page)
        assert "“nobody reads it”" in page
    assert "/change" not in page
    record = client.get("/manage/admin/changes?kind=report").text
    assert record.count("nobody reads it") == 3
    assert "the owner asks for it" in record


def test_what_did_not_go_out_is_on_every_page_until_somebody_decides(
    evening: Evening, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {
        "report": "volume",
        "span": "yesterday",
        "hour": "0",
        "language": "en",
        "recipients": "eva@example.com",
        "reason": "the owner asks for it",
    }
    client.post("/manage/reports/schedules", data=form)
    found = services_of(evening.app)
    office = open_office(found.config, found.database, KEY, "worker")
    (found.config.data_dir / "mail").write_text("a file in its place")
    evening.story.now += timedelta(days=1)
    monkeypatch.setattr(report_runs, "_BACKOFF_S", 0)
    for _ in range(found.config.report_tries_max):
        run_due(office, lambda: evening.now, lambda: False)

    client = signed_in(evening, "en")
    assert "Alarms: 1" in client.get("/manage/reports").text
    page = client.get("/manage/reports/schedules").text
    assert "Could not be sent" in page
    assert "the disk did not answer" in page
    book = re.search(r'href="(/manage/reports/runs/[^"]+/workbook)"', page)
    assert book is not None
    openpyxl.load_workbook(io.BytesIO(client.get(book[1]).data))
    decide = book[1].replace("workbook", "decide")
    client.post(decide, data={"action": "drop"})
    page = client.get("/manage/reports/schedules").text
    assert "Will not be sent" in page
    assert "Alarms: 1" not in page


def test_an_auditor_reads_it_all_and_sees_no_address(evening: Evening, client: FlaskClient) -> None:
    form = {
        "report": "volume",
        "span": "yesterday",
        "hour": "7",
        "language": "es",
        "recipients": "eva@example.com",
        "reason": "the owner asks for it",
    }
    client.post("/manage/reports/schedules", data=form)
    evening.database.write(
        lambda session: session.execute(
            update(PersonRow).where(PersonRow.id == MANAGER).values(roles=[AUDITOR])
        )
    )

    page = client.get("/manage/reports/schedules").text
    assert "e•••@example.com" in page
    assert "eva@" not in page
    assert "<form" not in page.split("<main")[1]
    assert client.post("/manage/reports/schedules", data=form).status_code == 403
    assert client.get(f"/manage/reports/volume/report.xlsx?{DAYS}").status_code == 200
    assert PASSWORD not in page
