"""Administration in a real Chromium: places, closures, the tariff and texts, by keyboard too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.admin_office import CHANGES, CLOSURES, PEOPLE, PLACES, REASON, TARIFFS, TEXTS
from tests.browser.manager_desk import Desk, check_page, serving
from tests.chromium import Pages

FORMS = (f"{PLACES}/herrera", f"{CLOSURES}/casco-peatonal", f"{TEXTS}/ready/es", f"{PEOPLE}/rosa")
LISTS = ("/manage/admin", PLACES, CLOSURES, TARIFFS, f"{TARIFFS}/new", PEOPLE, TEXTS, CHANGES)


@pytest.fixture
def desk(tmp_path: Path, chromium_pages: Pages, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk whose browser complains of nothing but the form that is refused."""
    with serving(tmp_path, request.getfixturevalue("_sqlite_template")) as (evening, base):
        desk = Desk(evening, base, chromium_pages)
        yield desk
        assert len(desk.complaints) == 1
        assert "422" in desk.complaints[0]


def save(page: Page, said: str = "Quedó guardado y registrado.") -> None:
    """Give the reason and send the form by the Enter key."""
    page.locator("#f-reason").fill(REASON)
    page.locator("#f-reason").press("Enter")
    expect(page.locator(".said")).to_have_text(said)
    page.wait_for_load_state()


def test_an_administrator_changes_places_closures_the_tariff_and_texts(desk: Desk) -> None:
    page = desk.sign_in("/manage/admin/places", width=1280, height=900)
    page.get_by_role("link", name="Plaza Herrera").click()
    row = page.get_by_role("group", name="Fila 1")
    for day in ("vie", "sáb"):
        row.get_by_label(day).check()
    row.get_by_label("Desde las").fill("18:00")
    row.get_by_label("Hasta las").fill("02:00")
    save(page)
    expect(row.get_by_label("vie")).to_be_checked()
    page.goto(f"{desk.base}{PLACES}")
    expect(page.locator("main")).to_contain_text("vie sáb 18:00–02:00")

    page.goto(f"{desk.base}{CLOSURES}/new")
    page.get_by_label("Nombre").fill("Casco Peatonal")
    page.locator("#f-place_id").select_option(label="Plaza Herrera")
    page.get_by_label("Cada semana").check()
    page.get_by_label("dom").check()
    page.locator("#f-from_time").fill("06:00")
    page.locator("#f-until_time").fill("18:00")
    save(page)
    expect(page.locator("main")).to_contain_text("dom 06:00–18:00")

    page.goto(f"{desk.base}{TARIFFS}/new")
    page.locator("#f-minute_cents").fill("0.05")
    page.get_by_role("button", name="Proponer el texto").click()
    wording = page.locator("#f-posted_es")
    expect(wording).to_have_value(
        "SERVICIO DE VALET PARKING\nB/.\u00a00.05 por minuto, sin fracciones y sin redondear hacia "
        "arriba.\nSe cobra el 100 % del tiempo de estacionamiento.\nA estos precios se suma el "
        "ITBMS de 7 %.\nEl tiempo deja de contar cuando usted pide su carro. La propina es "
        "voluntaria."
    )
    page.wait_for_load_state()
    save(page)
    expect(page.locator("main")).to_contain_text("por empezar")

    page.goto(f"{desk.base}{TEXTS}/ready/es")
    page.locator("#f-text").fill("Su carro está listo.")
    page.locator("#f-reason").fill(REASON)
    page.locator("#f-reason").press("Enter")
    expect(page.locator("#trouble")).to_contain_text("El texto debe llevar cada campo")
    page.wait_for_load_state()
    check_page(page, 1280)
    page.locator("#f-text").fill("Listo: {code} en {booth}. {link}")
    save(page)
    expect(page.locator("main")).to_contain_text("Listo: W-00000 en Plaza de Francia.")

    page.goto(f"{desk.base}{CHANGES}")
    expect(page.locator("#changes > li")).to_have_count(4)
    for width, paths in ((320, (*LISTS, *FORMS)), (1920, FORMS[:2])):
        page.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            page.goto(desk.base + path)
            check_page(page, width)
