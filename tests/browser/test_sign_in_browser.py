"""Signing in where people do it: at a booth's touchscreen, and at the office in two steps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import expect

from schemas.staff_pin import PinCost, hash_pin
from server.sign_in import second_factor
from tests.booth_evening import ANA, EVA, Evening
from tests.browser.accessibility import violations
from tests.browser.booth_page import choose, complaints_of, measure, served, type_on_keypad
from tests.browser.manager_desk import check_page, serving
from tests.chromium import Pages
from tests.manager_evening import PASSWORD, services_of
from tests.visit_story import MANAGER

PIN, OWN = "402913", "618274"


def tell(evening: Evening, person_id: str, *, is_temporary: bool) -> None:
    """The cloud tells the booth of a PIN."""
    evening.cloud.tell_pin(
        person_id,
        {
            "verifier": hash_pin(PIN, PinCost(8, 1, 1)),
            "since": evening.clock.wall().isoformat(),
            "is_temporary": is_temporary,
            "is_locked": False,
            "unlocked_at": None,
        },
    )
    evening.meet()


def test_a_shift_begins_with_badge_and_pin_and_a_supervisor_helps_who_has_none(
    tmp_path: Path, chromium_pages: Pages
) -> None:
    evening = Evening(tmp_path, asks_pin=True)
    tell(evening, "eva", is_temporary=True)
    with served(evening.booth) as url:
        page = chromium_pages.open()
        choose(page, url)
        complaints = complaints_of(page)
        page.goto(f"{url}/queue")
        expect(page.locator("html[data-stream=open]")).to_be_attached()
        evening.tap(EVA)
        expect(page.get_by_role("heading", name="Eva Luna")).to_be_visible()
        measure(page, "pin")
        type_on_keypad(page, "402914")
        page.get_by_role("button", name="Entrar").click()
        expect(page.get_by_text("Intentos que quedan: 4")).to_be_visible()
        measure(page, "pin wrong")
        type_on_keypad(page, PIN)
        page.get_by_role("button", name="Entrar").click()
        expect(page.get_by_role("heading", name="Elija su PIN")).to_be_visible()
        measure(page, "pin first")
        type_on_keypad(page, OWN)
        page.get_by_role("button", name="Guardar PIN").click()
        expect(page.locator(".who")).to_have_text("Eva Luna")

        choose(page, url, language="en", theme="day")
        for path in ("settings", "settings/pin", "settings/pins", "settings/pins/ana"):
            page.goto(f"{url}/{path}")
            measure(page, path)
            assert violations(page) == [], path
        page.get_by_text("New here").click()
        page.get_by_role("button", name="Give a PIN").click()
        shown = page.locator(".hugeclock")
        expect(shown).to_have_text(re.compile(r"^\d{6}$"))
        measure(page, "pin given")
        evening.tap(ANA)
        expect(page.get_by_role("heading", name="Ana Ríos")).to_be_visible()
        # A refused form is one line of Chromium's own; nothing of ours may be there beside it.
        own = [line for line in complaints.lines if "422" not in line and "axe" not in line]
        assert own == [], own
    evening.close()


def test_a_manager_sets_up_an_app_signs_in_with_it_and_sees_where(
    tmp_path: Path, request: pytest.FixtureRequest, chromium_pages: Pages
) -> None:
    with serving(tmp_path, request.getfixturevalue("_sqlite_template")) as (evening, base):
        found = services_of(evening.app)
        # As it is by default: who manages needs two steps.
        config = replace(found.config, second_factor_roles=frozenset({"manager"}))
        evening.app.extensions["valet"] = replace(found, config=config)
        page = chromium_pages.open(width=800, height=900)
        page.goto(f"{base}/manage/account")
        page.locator("#person").fill(MANAGER)
        page.locator("#password").fill(PASSWORD)
        page.get_by_role("button", name="Entrar").click()
        expect(page.get_by_role("heading", name="Aplicación de autenticación")).to_be_visible()
        check_page(page, 800)
        secret = "".join(page.locator("main code").inner_text().split())
        page.locator("#code").fill(pyotp.TOTP(secret).at(evening.now))
        page.get_by_role("button", name="Confirmar").click()
        expect(page.locator("#codes li")).to_have_count(10)
        check_page(page, 800)
        code = page.locator("#codes li").first.inner_text()
        page.get_by_role("link", name="Ya los guardé: seguir").click()
        expect(page.get_by_role("heading", name="Mi cuenta")).to_be_visible()
        check_page(page, 800)

        other = chromium_pages.open(width=400, height=800)
        other.goto(f"{base}/manage/account")
        other.locator("#person").fill(MANAGER)
        other.locator("#password").fill(PASSWORD)
        other.get_by_role("button", name="Entrar").click()
        check_page(other, 400)
        other.locator("#code").fill(code)
        other.get_by_role("button", name="Entrar").click()
        expect(other.get_by_role("heading", name="Mi cuenta")).to_be_visible()
        check_page(other, 400)
        page.goto(f"{base}/manage/admin/people/ana")
        check_page(page, 800)
        page.locator("#pin input[name=reason]").fill("primer día")
        page.get_by_role("button", name="Dar un PIN provisional").click()
        expect(page.locator("#new-pin code")).to_have_text(re.compile(r"^\d{6}$"))
        check_page(page, 800)
        assert found.database.read(lambda session: second_factor.is_kept(session, MANAGER))
