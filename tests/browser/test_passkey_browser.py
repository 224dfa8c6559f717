"""Passkeys in a real browser: made, shown instead of password and code, and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from server.models import PasskeyRow
from tests.browser.manager_desk import check_page, serving
from tests.chromium import Pages
from tests.cloud_kit import CloudKit
from tests.manager_evening import PASSWORD, services_of
from tests.visit_story import MANAGER

# A phone's own: CTAP 2.1 (WebAuthn Level 3, 12, "user-agent automation").
DEVICE = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def device_of(page: Page) -> tuple[CDPSession, str]:
    """A device that this page's browser has, and its id."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    made: dict[str, Any] = devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return devices, made["authenticatorId"]


def test_a_passkey_is_made_and_shown_and_a_device_that_does_not_know_its_owner_is_refused(
    tmp_path: Path, request: pytest.FixtureRequest, chromium_pages: Pages
) -> None:
    with serving(tmp_path, request.getfixturevalue("_sqlite_template")) as (evening, address):
        found, base = services_of(evening.app), address.replace("127.0.0.1", "localhost")
        config = replace(found.config, public_url=base)
        evening.app.extensions["valet"] = replace(found, config=config)
        page = chromium_pages.open(width=1280, height=900)
        devices, device = device_of(page)
        page.goto(f"{base}/manage/account")
        page.locator("#person").fill(MANAGER)
        page.locator("#password").fill(PASSWORD)
        page.get_by_role("button", name="Entrar", exact=True).click()
        page.locator("#passkey-name").fill("Teléfono de Luis")
        page.locator("#passkey-password").fill("no es esta")
        page.get_by_role("button", name="Crear una llave de acceso").click()
        expect(page.locator("#passkeys [role=alert]")).to_be_visible()
        page.locator("#passkey-password").fill(PASSWORD)
        page.get_by_role("button", name="Crear una llave de acceso").click()
        expect(page.locator("#passkeys th[scope=row]")).to_have_text("Teléfono de Luis")
        check_page(page, 1280)

        page.get_by_role("button", name="Salir").click()
        enter = page.get_by_role("button", name="Entrar con una llave de acceso")
        # The device cannot say who holds it: the browser gives nothing to the page.
        said = {"authenticatorId": device, "isUserVerified": False}
        devices.send("WebAuthn.setUserVerified", said)
        enter.click()
        expect(page.locator("[data-passkey] [role=alert]")).to_be_visible()
        check_page(page, 1280)
        devices.send("WebAuthn.setUserVerified", {**said, "isUserVerified": True})
        enter.click()
        expect(page.locator("header .person")).to_have_text("Luis Mora")

        # A copy of the device that counts on from long ago opens nothing.
        kit = CloudKit(found.database, config)
        assert kit.one(PasskeyRow).sign_count > 0

        def ahead(session: Any) -> None:
            session.query(PasskeyRow).update({"sign_count": 1000})

        found.database.write(ahead)
        page.get_by_role("button", name="Salir").click()
        page.get_by_role("button", name="Entrar con una llave de acceso").click()
        expect(page.locator("#wrong")).to_have_text("Esa llave de acceso no sirve aquí.")
