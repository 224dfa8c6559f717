"""Reports in a real Chromium: every width, the keyboard alone, files, and the print read back."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pypdf
import pytest
from playwright.sync_api import Page, expect

from server.figures.keep import keep
from tests.browser.manager_desk import Desk, check_page, serving
from tests.chromium import Pages
from tests.manager_evening import DATE, Evening, services_of
from tests.one_car import until

DAYS = f"first={DATE}&last={DATE}"


@pytest.fixture(scope="module")
def _served(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Evening, str]]:
    template = request.getfixturevalue("_sqlite_template")
    with serving(tmp_path_factory.mktemp("reports"), template) as (evening, base):
        found = services_of(evening.app)
        while keep(found.database, found.config):
            pass
        yield evening, base


@pytest.fixture
def desk(_served: tuple[Evening, str], chromium_pages: Pages) -> Iterator[Desk]:
    """A desk whose browser must not have complained of anything at the end."""
    desk = Desk(*_served, chromium_pages)
    yield desk
    assert not desk.complaints


def check_pictures(page: Page, width: int) -> None:
    """Of each chart there is the one that fits, its smallest letters not too small to read."""
    shown = page.locator(".picture:visible svg")
    assert shown.count() == page.locator(".picture").count() / 2
    sizes = shown.evaluate_all(
        """charts => charts.map(chart => 13 * chart.getBoundingClientRect().width
                                           / chart.viewBox.baseVal.width)"""
    )
    assert all(9.5 <= size <= 19 for size in sizes), (width, sizes)


def test_reports_can_be_read_by_everybody_at_every_width(desk: Desk) -> None:
    page = desk.sign_in("/manage/reports", width=1280, height=900)
    check_page(page, 1280)
    for width, path in (
        (1280, f"/manage/reports/volume?{DAYS}"),
        (320, f"/manage/reports/lots?first=2026-11-14&last={DATE}"),
        (320, "/manage/reports/schedules"),
        (1920, f"/manage/reports/waits?{DAYS}"),
    ):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(desk.base + path)
        page.evaluate("document.querySelectorAll('summary').forEach(one => one.click())")
        check_page(page, width)
        check_pictures(page, width)
    dark = desk.sign_in(
        f"/manage/reports/runners?{DAYS}", width=360, height=800, locale="en-US", dark=True
    )
    check_page(dark, 360)
    check_pictures(dark, 360)
    # A colour of the day would not be seen by night.
    fill = dark.locator(".picture:visible .name").first
    assert fill.evaluate("one => getComputedStyle(one).fill") == "rgb(242, 245, 248)"


def test_a_report_is_asked_read_and_taken_along_by_keyboard(desk: Desk) -> None:
    page = desk.sign_in(f"/manage/reports/volume?{DAYS}", width=800, height=900)
    page.locator("select[name=booth]").focus()
    page.locator("select[name=booth]").select_option("bolivar")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"last={DATE}.*booth=bolivar"))
    expect(page.locator(".head .note")).to_contain_text("Plaza Bolívar")
    # The table's own box is reached, and scrolled by the arrows.
    box = page.locator(".scroll").first
    box.focus()
    expect(box).to_be_focused()
    page.keyboard.press("End")
    until(lambda: box.evaluate("box => box.scrollTop") > 0, "the table has moved")

    with page.expect_download() as download:
        page.get_by_role("link", name="Libro de Excel").press("Enter")
    assert download.value.suggested_filename == f"valet_volume_{DATE}_bolivar.xlsx"
    content = Path(download.value.path()).read_bytes()
    pages = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    assert pages[0]["A1"].value == page.locator("#volume_by_hour").inner_text().removesuffix(
        " provisional"
    )

    page.locator("#table-volume_by_booth a").first.press("Enter")
    expect(page.locator("h1")).to_contain_text("2")
    page.locator("tbody a").first.press("Enter")
    expect(page.locator(".timeline li").first).to_contain_text("Recibido")


def test_the_print_has_page_numbers_charts_and_every_row(desk: Desk) -> None:
    page = desk.sign_in(f"/manage/reports/volume?{DAYS}", width=1280, height=900)
    rows = page.locator("table.data tbody tr").count()
    findings = page.locator(".sheet h2").all_inner_texts()

    content = page.pdf(prefer_css_page_size=True, tagged=True)

    read = pypdf.PdfReader(io.BytesIO(content))
    assert str(read.root_object["/Lang"]) == "es"
    assert "/StructTreeRoot" in read.root_object
    width, height = read.pages[0].mediabox[2:]
    assert (round(width), round(height)) == (612, 792)
    texts = [" ".join(each.extract_text().split()) for each in read.pages]
    assert len(texts) > 1
    for number, text in enumerate(texts, start=1):
        assert f"{number} / {len(texts)}" in text
    whole = " ".join(texts)
    for finding in findings:
        assert " ".join(finding.split()) in whole
    assert rows == 24 + 3 + 2
    assert all(f"{hour:02d}:00" in whole for hour in range(24))
    # How it is computed is told although it is folded on the screen; ways to elsewhere are not.
    assert "¿Cómo se calcula?" in whole
    how = page.locator(".sheet details p").first.text_content()
    assert how is not None
    assert " ".join(how.split()[:6]) in whole
    assert "Ver casos" not in whole
    assert "Salir" not in whole
    assert whole.count("Recibidos, antes") == whole.count("Estadía p90") >= 3
