"""The page notices an agent that is frozen or dead, says so, and comes back by itself."""

from __future__ import annotations

import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.booth_process import RunningBooth

FROZEN = "Sistema sin respuesta"


def open_screen(page: Page, booth: RunningBooth) -> None:
    """The lock screen of a real agent, with its stream open and the page's clock in our hands."""
    page.clock.install()
    page.goto(booth.url)
    expect(page.locator("html")).to_have_attribute("data-stream", "open")


def test_a_frozen_agent_is_noticed_after_twelve_seconds(
    tmp_path: Path, chromium_page: Page
) -> None:
    page = chromium_page
    with RunningBooth(tmp_path) as booth:
        open_screen(page, booth)
        assert FROZEN not in page.inner_text("#badge")

        booth.send(signal.SIGSTOP)
        page.clock.run_for(9_000)
        assert FROZEN not in page.inner_text("#badge")
        page.clock.run_for(5_000)
        assert page.inner_text("#badge") == FROZEN

        booth.send(signal.SIGCONT)
        # The next heartbeat may be five seconds away.
        expect(page.locator("#badge")).not_to_contain_text(FROZEN, timeout=60_000)


def test_a_page_that_heard_nothing_for_half_a_minute_reloads_once_somebody_answers(
    tmp_path: Path, chromium_page: Page
) -> None:
    page = chromium_page
    with RunningBooth(tmp_path) as booth:
        open_screen(page, booth)
        page.evaluate("window.isOldPage = true")
        # The stream alone is broken: the page itself would be answered.
        page.route("**/watch", lambda route: route.abort())
        page.evaluate("document.getElementById('watch').remove()")

        with page.expect_event("domcontentloaded"):
            page.clock.run_for(33_000)

        assert page.evaluate("window.isOldPage") is None


def test_a_dead_agent_leaves_the_last_screen_and_a_word_and_no_error_page(
    tmp_path: Path, chromium_page: Page
) -> None:
    page = chromium_page
    with RunningBooth(tmp_path) as booth:
        open_screen(page, booth)
        booth.send(signal.SIGKILL)
        booth.process.wait(60)
        page.clock.run_for(60_000)

        assert page.inner_text("h1") == "Acerque su credencial"
        assert page.inner_text("#badge") == FROZEN
