"""What managers take away from a report: its lists as files, and the whole in print."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pypdf
import pytest
from flask.testing import FlaskClient

from server.reports import print_pdf
from server.reports.sheet import Cell, Sheet
from tests.manager_evening import DATE, Evening
from tests.report_reading import DAYS, Tables, counted_up, made

pytest_plugins = ("tests.manager_stage",)
# The figures are tested on both databases where they are made; here it is their faces.
pytestmark = pytest.mark.parametrize("_kind", ["sqlite"], indirect=True, scope="module")


@pytest.fixture
def counted(shown: Evening) -> Evening:
    """The shared evening with its figures."""
    return counted_up(shown)


LISTS = (
    "rows=received",
    "rows=handed_over&booth=bolivar",
    "rows=waits&sort=wait_s",
    "rows=promises",
    "rows=drives&person=rosa",
    "rows=kerb",
    "rows=lot&hour=21",
    "rows=incidents",
    "rows=held",
    "rows=ratings",
    "rows=checks",
    "rows=closings",
    "rows=messages",
    "rows=keys",
    "rows=events",
)


@pytest.mark.parametrize("rows", LISTS)
def test_a_list_as_a_file_has_all_of_its_pages(
    counted: Evening, looking: FlaskClient, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written in one go and handed out in pieces, the page shows a few at a time."""
    monkeypatch.setattr("server.manager.csv_file._IN_MEMORY_BYTES", 50)
    monkeypatch.setattr("server.manager.csv_file._CHUNK_BYTES", 40)
    address = f"/manage/reports/volume/rows?{rows}&{DAYS}"
    page = looking.get(address).text
    listed = Tables(page).found.get("", [[]])

    answer = looking.get(address.replace("/rows?", "/rows.csv?"))

    assert answer.mimetype == "text/csv"
    read = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(read) == max(1, len(listed))
    for on_screen, in_file in zip(listed[1:], read[1:], strict=True):
        assert len(on_screen) == len(in_file)
        assert on_screen[0].strip() in ("–", in_file[0])
    if listed[1:]:
        assert "rows.csv?" in page


@pytest.mark.parametrize("path", ["nothing/rows.csv?rows=received", "volume/rows.csv?rows=x"])
def test_a_list_that_there_is_not_is_no_file(looking: FlaskClient, path: str) -> None:
    assert looking.get(f"/manage/reports/{path}").status_code in (404, 422)


def test_a_printed_report_has_all_tables_charts_and_page_numbers(
    counted: Evening, looking: FlaskClient
) -> None:
    """WeasyPrint itself: what comes out is read back."""
    assert print_pdf.has_pdf(), "WeasyPrint or its libraries are missing: .ci/find_tools.py"
    sheets, words = made(counted, "waits")

    answer = looking.get(f"/manage/reports/waits/report.pdf?{DAYS}")

    assert answer.headers["Content-Disposition"].endswith(f'"valet_waits_{DATE}.pdf"')
    read = pypdf.PdfReader(io.BytesIO(answer.data))
    pages = [" ".join(page.extract_text().split()) for page in read.pages]
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
    text = " ".join(pages)
    for sheet in sheets:
        # Columns are narrow, so that words wrap: only their order is sure.
        assert words.finding(sheet.finding).replace("\u00a0", " ") in text
        for row in sheet.rows:
            cells = [words.cell(*each) for each in zip_kinds(sheet, row)]
            assert " ".join(cells).replace("\u00a0", " ") in text
    for hidden in ("Show", "This table as CSV", "Sign out"):
        assert hidden not in text
    assert str(read.root_object["/Lang"]) == "en"
    assert "/Marked': True" in str(read.root_object["/MarkInfo"])
    # Charts are drawn, not pasted in.
    assert not any(len(page.images) for page in read.pages)
    drawn = read.pages[0].get_contents()
    assert drawn is not None
    assert drawn.get_data().count(b" re\n") > len(sheets[0].rows)


def zip_kinds(sheet: Sheet, row: Sequence[Cell]) -> list[tuple[str, Cell]]:
    """The cells of a row, each with its kind."""
    return [(column.kind, cell) for column, cell in zip(sheet.columns, row, strict=True)]
