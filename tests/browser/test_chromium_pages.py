"""The tests' own Chromium: Panama's time, the asked language, and nothing off this machine."""

from __future__ import annotations

import pytest
from playwright.sync_api import Error, Page

from tests.chromium import Pages


def test_a_page_is_in_panamas_time_and_in_spanish(chromium_page: Page) -> None:
    zone = chromium_page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")

    assert zone == "America/Panama"
    assert chromium_page.evaluate("navigator.language") == "es-PA"
    assert chromium_page.evaluate("[innerWidth, innerHeight]") == [800, 480]


def test_a_page_can_be_in_english_and_of_another_size(chromium_pages: Pages) -> None:
    page = chromium_pages.open(locale="en-US", width=360, height=640)

    assert page.evaluate("[navigator.language, innerWidth]") == ["en-US", 360]


def test_a_page_that_leaves_this_machine_is_stopped_and_reported(chromium_pages: Pages) -> None:
    page = chromium_pages.open()

    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://192.0.2.1/")

    with pytest.raises(AssertionError, match="192.0.2.1"):
        chromium_pages.assert_clean()
    chromium_pages.strays.clear()


def test_an_error_in_a_script_is_reported(chromium_pages: Pages) -> None:
    page = chromium_pages.open()
    with page.context.expect_event("weberror"):
        page.set_content("<script>nothing.like.this()</script>")

    with pytest.raises(AssertionError, match="nothing is not defined"):
        chromium_pages.assert_clean()
    chromium_pages.errors.clear()
