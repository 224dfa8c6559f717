"""A report's files read back: each cell equals the sheet's, and text stays text."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from typing import Any

import openpyxl
import pytest

from server.manager.csv_file import written
from server.manager.sheet_csv import rows_of
from server.reports.charts.data import column_at
from server.reports.sheet import HOUR, SECONDS, Cell, Sheet
from server.reports.shown import Shown
from server.reports.wording import Wording, figure
from server.reports.workbook import workbook
from tests.made_sheets import AT, COVER, FORMULA, all_made, by_hour, every_kind, wording

WORDS = wording()


def read_csv(sheet: Sheet) -> list[list[str]]:
    """The rows of a sheet's CSV, as a spreadsheet reads them."""
    content = b"".join(written(rows_of(sheet.columns, sheet.rows, WORDS)))
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def read_back(content: bytes, sheet: Sheet, title: str) -> list[tuple[Any, ...]]:
    """The rows under a worksheet's headings."""
    page = openpyxl.load_workbook(io.BytesIO(content))[title]
    rows = [tuple(cell.value for cell in row) for row in page.iter_rows()]
    width = len(sheet.columns)
    headings = tuple(WORDS.heading(column) for column in sheet.columns)
    top = next(at for at, row in enumerate(rows) if row[:width] == headings)
    assert rows[0][0] == WORDS.finding(sheet.finding)
    assert any(row[0] == WORDS.counted(sheet) for row in rows[:top])
    assert any(row[0] == WORDS.t(sheet.how) for row in rows[:top])
    assert any(row[0] == COVER.provisional for row in rows[:top]) is sheet.provisional
    return [row[:width] for row in rows[top + 1 :]]


def as_excel_has(words: Wording, kind: str, cell: Cell) -> object:
    """What a spreadsheet says of a cell."""
    if isinstance(cell, datetime):
        return cell.astimezone(words.zone).replace(tzinfo=None, microsecond=0)
    if isinstance(cell, Date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a spreadsheet has no zone
    if isinstance(cell, str):
        return words.cell(kind, cell)
    if cell is None:
        return None
    number = figure(kind, cell)
    return timedelta(seconds=number) if kind == SECONDS else number


@pytest.fixture(scope="module")
def book() -> bytes:
    """A workbook of all made sheets."""
    return workbook(Shown(COVER, WORDS, all_made()))


@pytest.mark.parametrize("place", range(5), ids=[sheet.key for sheet in all_made()])
def test_a_workbook_says_what_the_sheet_says(book: bytes, place: int) -> None:
    sheet = all_made()[place]
    title = openpyxl.load_workbook(io.BytesIO(book)).sheetnames[place]

    wanted = [
        tuple(
            as_excel_has(WORDS, column.kind, cell)
            for column, cell in zip(sheet.columns, row, strict=True)
        )
        for row in sheet.rows
    ]

    assert read_back(book, sheet, title) == wanted


def test_a_workbook_has_a_chart_for_every_sheet_that_has_one(book: bytes) -> None:
    pages = openpyxl.load_workbook(io.BytesIO(book))

    # The grid is a shading of its cells: Excel has no chart of that kind.
    assert [len(page._charts) for page in pages] == [1, 1, 1, 0, 0]
    assert [bool(page.conditional_formatting) for page in pages] == [False] * 3 + [True, False]
    first = pages.worksheets[0]._charts[0]
    # A workbook's series go by cells, so that they are the table's own figures.
    assert [one.val.numRef.f for one in first.series] == [
        "'Por hora'!$B$8:$B$17",
        "'Por hora'!$C$8:$C$17",
    ]
    with zipfile.ZipFile(io.BytesIO(book)) as files:
        drawn = [name for name in files.namelist() if name.startswith("xl/charts/chart")]
    assert len(drawn) == 3


def test_worksheets_have_names_that_excel_takes_each_once() -> None:
    long = [replace(by_hour(), key=key) for key in ("a" * 40, "a" * 50, "b:/?*[]", "B:/?*[]")]

    names = openpyxl.load_workbook(io.BytesIO(workbook(Shown(COVER, WORDS, long)))).sheetnames

    assert len({name.lower() for name in names}) == 4
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


def test_no_cell_is_a_formula(book: bytes) -> None:
    page = openpyxl.load_workbook(io.BytesIO(book)).worksheets[-1]

    found = [cell for row in page.iter_rows() for cell in row if cell.value == FORMULA]
    assert [cell.data_type for cell in found] == ["s"]
    with zipfile.ZipFile(io.BytesIO(book)) as files:
        pages = [files.read(name) for name in files.namelist() if "worksheets/" in name]
    assert not [page for page in pages if b"<f>" in page or b"<hyperlink" in page]
    # In a CSV nothing tells text from formulas, so a mark keeps them apart; a number needs none.
    first = read_csv(every_kind())[1]
    assert first[0] == f"'{FORMULA}"
    assert first[3] == "-3"


@pytest.mark.parametrize("sheet", all_made(), ids=lambda sheet: sheet.key)
def test_a_csv_says_what_the_sheet_says(sheet: Sheet) -> None:
    headings, *rows = read_csv(sheet)

    assert headings == [WORDS.heading_with_unit(column) for column in sheet.columns]
    assert len(rows) == len(sheet.rows)
    for row, read in zip(sheet.rows, rows, strict=True):
        for column, cell, text in zip(sheet.columns, row, read, strict=True):
            if cell is None:
                assert text == ""
            elif isinstance(cell, int | float) and column.kind != HOUR:
                assert float(text) == figure(column.kind, cell)
            elif isinstance(cell, datetime):
                assert datetime.fromisoformat(text) == cell
            elif isinstance(cell, Date):
                assert Date.fromisoformat(text) == cell
            else:
                assert text.removeprefix("'") == WORDS.cell(column.kind, cell)


def test_every_face_shows_the_same_figure() -> None:
    sheet = every_kind()
    row = sheet.rows[0]

    def shown(key: str) -> str:
        place = column_at(sheet, key)
        return WORDS.cell(sheet.columns[place].kind, row[place]).replace("\u00a0", " ")

    assert shown("booth") == "Plaza de Francia"
    assert shown("runner") == "Ana Ruiz"
    assert shown("wait_s") == "1 h 6 min"
    assert shown("kept") == "87.5 %"
    assert figure("percent", 87.46) == 87.5
    assert shown("cost") == "B/. 1,234.50"
    assert shown("hour") == "06:00"
    assert shown("day") == "viernes 20 nov 2026"
    assert shown("at") == "21 nov 2026, 18:05"
    english = wording("en")
    assert english.moment(AT).replace("\u00a0", " ") == "21 Nov 2026, 18:05"
    assert english.moment(datetime(2026, 11, 21, 5, 0, tzinfo=UTC)).endswith("00:00")


def test_a_file_names_no_value_and_no_unknown_id_as_anything_else() -> None:
    sheet = every_kind()

    assert [WORDS.cell(column.kind, None) for column in sheet.columns] == ["–"] * 10
    assert WORDS.cell("place", "unknown") == "unknown"
    assert read_csv(sheet)[3] == [""] * 10
