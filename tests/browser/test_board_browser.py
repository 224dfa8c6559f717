"""The screen on the pavement in a real Chromium: it follows by itself and never goes blank."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.booth_evening import ANA, Evening
from tests.browser.booth_page import complaints_of, served
from tests.chromium import Pages


def follow(page: Page, codes: list[str]) -> None:
    """Let the page ask, until these are ready; a busy machine may leave one question unanswered."""
    shown = page.locator(".boardready li")
    for _ in range(60):
        page.clock.run_for(5_000)
        page.wait_for_timeout(200)
        if shown.all_inner_texts() == codes:
            return
    assert shown.all_inner_texts() == codes


def test_the_pavement_follows_by_itself_and_says_when_nobody_answers(
    tmp_path: Path, chromium_pages: Pages
) -> None:
    evening = Evening(tmp_path)
    visit_id = evening.ready(1)
    page = chromium_pages.open(width=1280, height=720)
    page.clock.install()
    with served(evening.booth) as url:
        complaints = complaints_of(page)
        page.goto(f"{url}/board")
        expect(page.locator(".boardready li")).to_have_text("H-0001")
        evening.ready(2, plate="CD5678")
        follow(page, ["H-0001", "H-0002"])
        evening.tap(ANA)
        evening.booth.take(visit_id)
        follow(page, ["H-0002"])
        assert complaints.lines == []
    page.clock.run_for(5_000)
    expect(page.locator(".boardfoot")).to_contain_text("Pantalla sin respuesta")
    expect(page.locator(".boardready li")).to_have_text("H-0002")
    evening.close()
