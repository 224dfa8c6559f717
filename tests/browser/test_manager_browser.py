"""The manager's pages in a real Chromium: Spanish and English, phone, tablet and wide screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect
from sqlalchemy import delete

from schemas import states
from server.dispatch.scenario_file import content_of
from server.models import SessionRow, WhatIfRow
from tests.browser.manager_desk import Desk, check_page, serving
from tests.chromium import Pages
from tests.manager_evening import DATE, PASSWORD, Evening
from tests.visit_story import MANAGER

# Width, language and light: each of the usual widths in both languages, and the outermost ones.
SIGHTS = (
    (320, "en-US", "dark"),
    (360, "es-PA", "light"),
    (360, "en-US", "dark"),
    (800, "es-PA", "dark"),
    (800, "en-US", "light"),
    (1280, "es-PA", "light"),
    (1280, "en-US", "dark"),
    (1920, "es-PA", "light"),
)


@pytest.fixture(scope="module")
def _served(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Evening, str]]:
    template = request.getfixturevalue("_sqlite_template")
    with serving(tmp_path_factory.mktemp("manager"), template) as served:
        yield served


@pytest.fixture
def desk(_served: tuple[Evening, str], chromium_pages: Pages) -> Iterator[Desk]:
    """A desk whose browser must not have complained of anything at the end."""
    desk = Desk(*_served, chromium_pages)
    yield desk
    assert not desk.complaints


def paths(evening: Evening) -> list[str]:
    """Every kind of page."""
    return [
        f"/manage/day?date={DATE}",
        f"/manage/day?date={DATE}&booth=bolivar",
        "/manage/day?date=2026-11-01",
        f"/manage/visits/{evening.whole[1].id}",
        f"/manage/visits/{evening.held.id}",
        f"/manage/visits/{evening.late.id}",
        "/manage/refused",
        "/manage/tags",
        "/manage/tags?kind=badge",
    ]


@pytest.mark.parametrize(("width", "locale", "light"), SIGHTS)
def test_pages_fit_and_can_be_used_by_everybody(
    desk: Desk, width: int, locale: str, light: str
) -> None:
    page = desk.open(width=width, height=900, locale=locale, dark=light == "dark")
    page.goto(f"{desk.base}/manage/")
    expect(page.locator("html")).to_have_attribute("lang", locale[:2])
    check_page(page, width)
    page.fill("#person", MANAGER)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#day")
    for path in paths(desk.evening):
        page.goto(desk.base + path)
        page.evaluate("""document.querySelectorAll(".cards summary").forEach(one => one.click())""")
        check_page(page, width)


def test_a_wrong_password_is_said_and_what_was_typed_stays(desk: Desk) -> None:
    page = desk.open(width=360, height=740)
    page.goto(f"{desk.base}/manage/sign-in")
    page.fill("#person", MANAGER)
    page.fill("#password", "not-this-one")
    page.keyboard.press("Enter")

    expect(page.locator("#wrong")).to_contain_text("no coinciden")
    expect(page.locator("#person")).to_have_value(MANAGER)
    expect(page.locator("#password")).to_have_value("")
    check_page(page, 360)
    # The browser notes the answer's status; that is no fault of the page.
    desk.complaints.clear()


def test_a_filter_swaps_the_day_and_its_address(desk: Desk) -> None:
    page = desk.sign_in(width=1280, height=900)
    page.evaluate("window.stayed = true")

    page.select_option("select[name=booth]", "bolivar")

    expect(page.locator("h1")).to_contain_text("Plaza Bolívar")
    expect(page.locator("#figure-received .number")).to_have_text("2")
    assert "booth=bolivar" in page.url
    assert page.evaluate("window.stayed") is True
    page.go_back()
    expect(page.locator("#figure-received .number")).to_have_text("7")


def test_the_day_before_is_a_link_away_and_has_no_figure_of_now(desk: Desk) -> None:
    page = desk.sign_in(width=800, height=900)

    page.get_by_role("link", name="Día anterior").click()

    expect(page.locator("h1")).to_contain_text("jueves 19", ignore_case=True)
    expect(page.locator("#finding")).to_contain_text("Sin datos")
    expect(page.locator("#figure-late")).to_have_count(0)


def test_an_open_day_follows_and_takes_nothing_from_who_reads_it(
    chromium_pages: Pages, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    template = request.getfixturevalue("_sqlite_template")
    with serving(tmp_path, template) as (evening, base):
        desk = Desk(evening, base, chromium_pages)
        page = desk.open(width=1280, height=700)
        page.clock.install()
        page.goto(f"{base}/manage/")
        page.fill("#person", MANAGER)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("#live-state")).to_contain_text("En vivo")
        # Somebody reads how a figure is computed, has gone to a link by keyboard, and scrolled.
        page.locator("#places-title").scroll_into_view_if_needed()
        page.locator("#how-places summary").click()
        page.evaluate("document.getElementById('part-ledger').isTheSame = true")
        link = page.locator(f"#open-{evening.late.id} a")
        link.focus()
        before = top_of(link)

        evening.parked.take("bolivar", move=states.RETRIEVE)
        page.clock.run_for(16_000)
        expect(page.locator("#drives")).to_contain_text(evening.parked.code)
        expect(page.locator("#map-title")).to_contain_text("1 en camino")

        expect(link).to_be_focused()
        assert page.locator("#how-places").get_attribute("open") is not None
        assert page.evaluate("document.getElementById('part-ledger').isTheSame") is True
        # Where the reader is nothing has jumped, whatever came in above.
        assert abs(top_of(link) - before) <= 1
        expect(page.locator("#live-said")).to_have_text("")
        assert not desk.complaints


def top_of(link: Locator) -> float:
    """How far below the upper edge of the screen it is."""
    top: float = link.evaluate("one => one.getBoundingClientRect().top")
    return top


def test_a_page_that_hears_nothing_says_so_and_one_that_nobody_sees_asks_nothing(
    desk: Desk,
) -> None:
    page = desk.open(width=360, height=740)
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/live" in sent.url else None)
    page.goto(f"{desk.base}/manage/")
    page.fill("#person", MANAGER)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#live-state")).to_contain_text("En vivo")

    page.route("**/day/live*", lambda route: route.abort())
    page.clock.run_for(60_000)
    expect(page.locator("#live-state")).to_contain_text("Sin noticias desde hace")
    expect(page.locator("#live-said")).to_contain_text("no decida con esto")
    page.unroute("**/day/live*")
    page.clock.run_for(16_000)
    expect(page.locator("#live-state")).to_contain_text("En vivo")
    expect(page.locator("#live-said")).to_have_text("La página vuelve a estar al día.")

    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    count = len(asked)
    page.clock.run_for(120_000)
    assert len(asked) == count > 4
    page.evaluate(
        """Object.defineProperty(document, "hidden", {value: false, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"))"""
    )
    expect(page.locator("#live-state")).to_contain_text("En vivo")
    assert len(asked) == count + 1

    desk.evening.database.write(lambda session: session.execute(delete(SessionRow)))
    page.clock.run_for(16_000)
    expect(page.locator("#live-state")).to_contain_text("Su sesión terminó")
    # What was cut off on purpose is no fault of the page.
    desk.complaints.clear()


@pytest.mark.parametrize(
    ("width", "locale", "light"),
    [(320, "en-US", "dark"), (1920, "es-PA", "light")],
)
def test_search_and_what_if_fit_and_can_be_used_by_everybody(
    desk: Desk, width: int, locale: str, light: str
) -> None:
    page = desk.sign_in(
        "/manage/search", width=width, height=900, locale=locale, dark=light == "dark"
    )
    check_page(page, width)
    page.keyboard.press("Tab")
    page.locator("[name=text]").focus()
    page.keyboard.type("AB1000")
    page.keyboard.press("Enter")
    expect(page.locator("#found")).to_contain_text(desk.evening.whole[0].code)
    assert "AB1000" not in page.url
    check_page(page, width)
    for path in ("/manage/what-if?night=made:theatre", f"/manage/what-if/{answered(desk.evening)}"):
        page.goto(desk.base + path)
        check_page(page, width)
    expect(page.locator("#differences")).to_contain_text("n")


def answered(evening: Evening) -> str:
    """A question whose answer is there."""
    figures = {"cars": 9, "left": 0, "wait_p90_min": 9, "overflow_min": 2, "kept_percent": 90}
    played = [
        {
            "seed": seed,
            "without": {**figures, "wait_median_min": 8, "cost_min": 5},
            "with": {**figures, "wait_median_min": 6 + seed / 2, "cost_min": 4},
        }
        for seed in (1, 2)
    ]
    row = WhatIfRow(
        id="answered",
        made_by=MANAGER,
        made_at=evening.now,
        source="made:theatre",
        night=content_of("theatre"),
        change={"kind": "runners", "more": 1},
        seeds=2,
        state="done",
        played=played,
        spent_s=9,
        done_at=evening.now,
    )
    evening.database.write(lambda session: session.merge(row))
    return row.id


def test_a_decision_is_made_without_a_mouse(
    chromium_pages: Pages, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    template = request.getfixturevalue("_sqlite_template")
    with serving(tmp_path, template) as (evening, base):
        desk = Desk(evening, base, chromium_pages)
        page = desk.sign_in(f"/manage/day?date={DATE}", width=360, height=740)
        held = page.locator(f"#held-{evening.held.id}")
        held.locator("select").focus()
        held.locator("select").select_option("parked lote-norte")
        page.keyboard.press("Tab")
        page.keyboard.type("El conductor lo vio en el lote")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        expect(page.locator(".said")).to_be_visible()
        expect(page.locator(f"#held-{evening.held.id}")).to_have_count(0)
        assert evening.held.row().state == states.PARKED
        assert not desk.complaints


def test_everything_works_without_javascript(desk: Desk) -> None:
    page = desk.sign_in(f"/manage/day?date={DATE}", width=800, height=900, javascript=False)

    page.select_option("select[name=booth]", "francia")
    page.get_by_role("button", name="Ver", exact=True).click()
    expect(page.locator("h1")).to_contain_text("Plaza de Francia")
    page.locator("#figure-median summary").click()
    expect(page.locator("#figure-median details p")).to_be_visible()
    page.locator("#open a").first.click()
    expect(page.locator(".timeline li").first).to_contain_text("Recibido")


def test_the_language_is_a_button_away_and_stays(desk: Desk) -> None:
    page = desk.sign_in(f"/manage/day?date={DATE}&booth=bolivar", width=800, height=900)

    page.get_by_role("button", name="English").click()

    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.endswith(f"date={DATE}&booth=bolivar")
    page.goto(f"{desk.base}/manage/refused")
    expect(page.locator("h1")).to_have_text("Refused events")


def test_the_csv_comes_as_a_file(desk: Desk) -> None:
    page = desk.sign_in(width=1280, height=900)

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()

    assert download.value.suggested_filename == f"valet_{DATE}_all.csv"
    assert Path(download.value.path()).read_text(encoding="utf-8-sig").startswith("boleto,placa,")


def test_signing_out_leaves_nothing_behind(desk: Desk) -> None:
    page = desk.sign_in(width=800, height=900)

    page.get_by_role("button", name="Salir").click()

    expect(page.locator("#password")).to_be_visible()
    page.go_back()
    expect(page.locator("#password")).to_be_visible()


def test_a_list_of_tags_that_is_wrong_is_told_line_by_line_and_stays_typed(desk: Desk) -> None:
    page = desk.sign_in("/manage/tags", width=360, height=900)
    page.get_by_text("Inscribir muchas a la vez").click()
    typed = "C900;nfca:04A1B2C3D4E5F6\nC901;08A1B2C3"
    page.fill("#lines", typed)
    page.fill("#reason-many", "llegaron tarjetas")
    page.get_by_role("button", name="Inscribir todas").click()

    expect(page.locator("#faults")).to_contain_text("Línea 2.")
    expect(page.locator("#faults")).to_contain_text("Empieza con 08")
    expect(page.locator("#lines")).to_have_value(typed)
    check_page(page, 360)
    # The browser notes the answer's status; that is no fault of the page.
    desk.complaints.clear()


def test_the_inventory_is_filtered_without_leaving_the_page(desk: Desk) -> None:
    page = desk.sign_in("/manage/tags", width=1280, height=900)
    page.evaluate("window.stayed = true")

    page.select_option("#filter select[name=kind]", "claim")

    expect(page.locator("#list-title")).to_have_text("Inventario: 40")
    assert "kind=claim" in page.url
    assert page.evaluate("window.stayed") is True
