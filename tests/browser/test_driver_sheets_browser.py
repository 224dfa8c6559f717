"""What is behind the ticket, in real Chromium: small phones, both languages, without script too."""

from __future__ import annotations

import re
import zlib

import pytest
from playwright.sync_api import FilePayload, expect

from schemas.jpeg import only_picture
from tests.browser.accessibility import violations
from tests.browser.gallery import keep
from tests.driver_street import Street, too_small
from tests.visit_story import StoryVisit

pytest_plugins = ("tests.street_stage",)


def over(street: Street) -> StoryVisit:
    visit = street.story.receive("herrera").take("lote-norte")
    street.story.wait(minutes=6)
    visit.park().request("francia").take("francia")
    return visit.ready().hand_over()


def test_every_sheet_fits_a_small_phone_in_both_languages(street: Street) -> None:
    ended, begun = over(street), street.story.receive("bolivar")
    page = street.phone(width=320, height=568)
    sheets = [(ended, path) for path in ("/custody", "/receipt", "/data", "/problem", "/photos")]
    for language, dark in (("es", False), ("en", True)):
        page.emulate_media(color_scheme="dark" if dark else "light")
        for visit, path in [*sheets, (begun, "/share"), (begun, "/data")]:
            page.goto(street.link(visit, f"{path}?lang={language}"))
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
            assert too_small(page) == [], path
            assert violations(page) == [], path
            assert re.search(r"driver\.|\{\w+\}", page.inner_text("body")) is None, path
            keep(page, f"driver {path}")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_whole_way_after_the_car_is_back(street: Street, javascript: bool) -> None:
    visit = over(street)
    page = street.phone(javascript=javascript)
    page.goto(street.link(visit))
    page.get_by_role("button", name="4 de 5").click()
    expect(page.get_by_role("button", name="4 de 5")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Avisar de un problema").click()
    page.get_by_label("¿Qué pasó?").fill("Golpe en la puerta")
    page.get_by_role("button", name="Enviar el aviso").click()
    expect(page.get_by_text("Golpe en la puerta")).to_be_visible()
    page.get_by_role("link", name="Volver a su boleto").click()
    expect(page.get_by_text("Recibimos su aviso")).to_be_visible()
    page.get_by_role("link", name="Quién ha tenido su carro").click()
    expect(page.get_by_text("La cadena está completa")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Sus datos y quién los vio").click()
    page.get_by_label("Sí, quiero borrar mis datos").check()
    page.get_by_role("button", name="Borrar mis datos").click()
    expect(page.get_by_text("Sus datos se borraron.")).to_be_visible()


def png(width: int, height: int, text: bytes) -> bytes:
    """A picture of one colour with words beside it (ISO/IEC 15948)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    rows = zlib.compress((b"\0" + b"\x20\x60\xa0" * width) * height)
    parts = ((b"IHDR", size + b"\x08\2\0\0\0"), (b"tEXt", text), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def test_photos_are_made_smaller_on_the_phone_and_one_it_cannot_open_is_told(
    street: Street,
) -> None:
    visit = over(street)
    page = street.phone()
    page.goto(street.link(visit, "/problem"))
    page.get_by_label("¿Qué pasó?").fill("Golpe en la puerta")
    shot = png(2600, 1300, b"Comment\0GPS 8.95 N 79.53 W")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    photos: list[FilePayload] = [
        {"name": "a.png", "mimeType": "image/png", "buffer": shot},
        {"name": "b.heic", "mimeType": "image/heic", "buffer": heic},
    ]
    page.get_by_label("Fotos (hasta 4)").set_input_files(photos)
    expect(page.locator("#shrunk")).to_contain_text("Su teléfono no pudo abrir una foto")
    expect(page.locator("#shrunk")).to_contain_text("Listas: 1")
    page.get_by_role("button", name="Enviar el aviso").click()
    expect(page.get_by_text("Golpe en la puerta")).to_be_visible()
    expect(page.get_by_text("Fotos en este aviso: 1")).to_be_visible()
    page.goto(street.link(visit, "/photos"))
    source = page.locator("figure img").get_attribute("src")
    kept = only_picture(page.request.get(f"{street.base}{source}").body())
    assert (kept.width, kept.height) == (2048, 1024)


def test_a_link_is_shared_opened_and_withdrawn(street: Street) -> None:
    visit = street.story.receive("herrera").request("francia").take("francia").ready()
    owner, friend = street.phone(), street.phone()
    owner.goto(street.link(visit))
    owner.get_by_role("link", name="Compartir este boleto").click()
    owner.get_by_text("Retirar el carro").click()
    owner.get_by_role("button", name="Crear el enlace").click()
    shared = owner.locator(".link").inner_text().partition("/t/")[2]
    friend.goto(f"{street.base}/t/{shared}")
    expect(friend.locator(".code span")).to_have_count(4)
    assert violations(friend) == []
    assert too_small(friend) == []
    owner.get_by_role("button", name="Retirar este enlace").click()
    expect(owner.get_by_role("button", name="Crear el enlace")).to_be_visible()
    friend.goto(f"{street.base}/t/{shared}")
    expect(friend.get_by_role("heading", level=1)).to_have_text("Este enlace ya no está activo")
    street.told[:] = [text for text in street.told if "410" not in text]


def test_walks_are_counted_from_where_the_driver_is_only_after_a_tap(street: Street) -> None:
    visit = street.story.receive("herrera")
    page = street.phone()
    page.context.grant_permissions(["geolocation"])
    # At the booth of Bolívar: 180 m east and 60 m north of the cathedral.
    here = {"latitude": 8.9526453 + 60 / 110574, "longitude": -79.5353495 + 180 / 109964}
    page.context.set_geolocation(here)  # type: ignore[arg-type]
    page.goto(street.link(visit))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    bolivar = page.locator(".pick", has_text="Plaza Bolívar").locator(".walk")
    expect(bolivar).to_have_text("8 min a pie")
    page.get_by_role("button", name="Contar desde donde estoy").click()

    expect(bolivar).to_have_text(re.compile("^[01] min a pie$"))
    expect(page.get_by_text("Su ubicación no sale del teléfono.")).to_be_visible()
    assert asked == []
