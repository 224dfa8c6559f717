"""Tapping the claim card on a phone, in real Chromium: with a script, without one, and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from server import clock
from server.app import create_app
from server.master_key import load_master_key
from tests.browser.accessibility import violations
from tests.chromium import Pages
from tests.claim_cards import ClaimCard, enrolled, receive_with
from tests.opening import Opening
from tests.served_cloud import served
from tests.visit_story import Story, settings

AGAIN = "Acerque la tarjeta otra vez"
pytest_plugins = ("tests.story_stage",)


class Street:
    """A running cloud, a car left with a card, and phones that the card is tapped on."""

    def __init__(self, story: Story, base: str, pages: Pages) -> None:
        self.story, self.base, self.pages = story, base, pages
        self.card = ClaimCard(story.key)
        enrolled(story, self.card)
        self.visit = receive_with(story, self.card, url=self.card.read())

    def tap(self) -> str:
        """What the phone opens when the card is tapped on it."""
        return f"{self.base}/t?{self.card.read().partition('?')[2]}"

    def phone(self, *, javascript: bool = True, locale: str = "es-PA") -> Page:
        """A phone of somebody in the street."""
        return self.pages.open(
            width=360, height=640, locale=locale, javascript=javascript, touch=True
        )


@pytest.fixture
def street(
    sqlite_opening: Opening,
    tmp_path: Path,
    chromium_pages: Pages,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Street]:
    """The street with its cloud."""
    config = settings(tmp_path / "data", sqlite_opening.url)
    story = sqlite_opening.go_on(config, load_master_key(config.key_file))
    monkeypatch.setattr(clock, "now", lambda: story.now)
    app = create_app(config)
    with served(app) as address:
        yield Street(story, address, chromium_pages)
    app.extensions["valet"].database.close()
    story.database.close()


def test_a_tap_opens_the_ticket_by_itself_and_leaves_no_trace_in_the_address(
    street: Street,
) -> None:
    page = street.phone()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    url = street.tap()
    page.goto(url)

    expect(page.get_by_role("heading", level=1)).to_have_text("Recibimos su carro")
    expect(page.get_by_text(street.visit.code)).to_be_visible()
    assert page.url == f"{street.base}/t/card"
    assert all("referer" not in request.headers for request in asked[1:2])
    # Back is the card's page without what it said, and on from there is the ticket again.
    page.go_back()
    page.goto(f"{street.base}/t")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recibimos su carro")


def test_without_a_script_the_button_opens_the_ticket(street: Street) -> None:
    page = street.phone(javascript=False)
    page.goto(street.tap())
    expect(page.get_by_role("heading", level=1)).to_have_text("Su tarjeta de Casco Valet")
    assert violations_without_script(street, page) == []
    page.get_by_role("button", name="Ver mi boleto").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Recibimos su carro")


def violations_without_script(street: Street, page: Page) -> list[str]:
    """What axe, which is a script itself, finds in what a phone without scripts shows."""
    html = page.content()
    reader = street.pages.open(width=360, height=640)
    reader.set_content(html[: html.index("<script")] + "</body></html>")
    return violations(reader)


def test_the_language_can_be_changed_before_the_tap_is_used(street: Street) -> None:
    page = street.phone(javascript=False)
    page.goto(street.tap())
    page.get_by_role("link", name="English").click()
    page.get_by_role("link", name="Español").click()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your Casco Valet card")
    page.get_by_role("button", name="See my ticket").click()

    expect(page.get_by_text(street.visit.code)).to_be_visible()


def test_a_copied_link_asks_for_another_tap_and_shows_nothing_of_the_car(street: Street) -> None:
    url = street.tap()
    owner, thief = street.phone(), street.phone()
    owner.goto(url)
    expect(owner.get_by_text(street.visit.code)).to_be_visible()
    thief.goto(url)

    expect(thief.get_by_role("heading", level=1)).to_have_text(AGAIN)
    assert street.visit.code not in thief.content()
    assert violations(thief) == []
    thief.get_by_role("link", name="English").click()
    expect(thief.get_by_role("heading", level=1)).to_have_text("Tap the card again")


def test_the_page_of_a_tap_asks_for_the_car_and_never_shows_the_code(street: Street) -> None:
    page = street.phone()
    page.goto(street.tap())
    page.get_by_text("Plaza de Francia").click()
    page.get_by_role("button", name="Pedir mi carro").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Su carro está pedido")
    street.visit.take("francia").ready()
    page.reload()

    expect(page.get_by_text("Entregue su tarjeta en la caseta")).to_be_visible()
    assert page.locator(".code, .qr").count() == 0
    assert violations(page) == []


def test_a_page_that_is_open_when_its_while_ends_asks_for_another_tap(street: Street) -> None:
    page = street.phone()
    page.goto(street.tap())
    expect(page.get_by_text(street.visit.code)).to_be_visible()
    street.story.wait(minutes=31)
    # What the page does by itself every 15 seconds.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.get_by_role("heading", level=1)).to_have_text(AGAIN)
