"""The driver's page in real Chromium: small phones, both languages, light and dark, no script."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Literal

import pytest
from playwright.sync_api import Request, expect
from sqlalchemy.orm import Session

from schemas.events import VISIT_CALLED
from schemas.hours import Hours
from schemas.states import PARK
from server.models import PlaceRow
from tests.browser.accessibility import violations
from tests.browser.gallery import keep
from tests.driver_street import Street, too_small
from tests.visit_story import Story, StoryVisit

SIZES = ((320, 568), (360, 640))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
BYTES_MAX = 12_000
pytest_plugins = ("tests.street_stage",)


def received(story: Story) -> StoryVisit:
    return story.receive("herrera")


def parked(story: Story) -> StoryVisit:
    visit = received(story).take("lote-norte")
    story.wait(minutes=6)
    return visit.park()


def asked(story: Story) -> StoryVisit:
    visit = parked(story)
    story.wait(minutes=30)
    return visit.request("francia")


def late(story: Story) -> StoryVisit:
    visit = asked(story).take("francia")
    story.wait(minutes=40)
    return visit


def ready(story: Story) -> StoryVisit:
    return asked(story).take("francia").ready()


def called(story: Story) -> StoryVisit:
    visit = ready(story)
    story.tell("francia", VISIT_CALLED, None, visit, {"number": 1})
    return visit


def taken_back(story: Story) -> StoryVisit:
    visit = called(story).take("lote-norte", move=PARK)
    story.wait(minutes=6)
    visit.park()
    open_from(story, bolivar=("21:00", "02:00"), francia=("18:00", "20:45"))
    return visit


def open_from(story: Story, **hours: tuple[str, str]) -> None:
    """Give booths hours that are the same on every day."""

    def work(session: Session) -> None:
        for booth_id, (from_time, until_time) in hours.items():
            place = session.get_one(PlaceRow, booth_id)
            place.hours = (Hours(tuple(range(7)), from_time, until_time),)

    story.database.write(work)


def over(story: Story) -> StoryVisit:
    return ready(story).hand_over()


def held(story: Story) -> StoryVisit:
    return ready(story).ready("bolivar")


STATES = (received, taken_back, asked, late, called, over, held)


@pytest.mark.parametrize("make", STATES, ids=lambda make: str(make.__name__))
def test_every_state_fits_small_phones_in_both_languages_and_themes(
    street: Street, make: Callable[[Story], StoryVisit]
) -> None:
    visit = make(street.story)
    page = street.phone()
    for language, scheme in product(("es", "en"), SCHEMES):
        page.emulate_media(color_scheme=scheme)
        page.goto(street.link(visit, f"?lang={language}"))
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("[innerWidth, innerHeight]") == [width, height]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert too_small(page) == []
            assert width != SIZES[0][0] or violations(page) == []
            assert re.search(r"driver\.|\{\w+\}", page.inner_text("body")) is None
            keep(page, f"driver {make.__name__}")


def test_the_page_is_one_small_request(street: Street) -> None:
    visit = asked(street.story)
    page = street.phone()
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request))
    page.goto(street.link(visit))
    page.wait_for_load_state("networkidle")

    assert [request.url for request in seen] == [street.link(visit)]
    assert 0 < seen[0].sizes()["responseBodySize"] <= BYTES_MAX


@pytest.mark.parametrize("javascript", [True, False])
def test_a_driver_asks_changes_and_cancels(street: Street, javascript: bool) -> None:
    visit = parked(street.story)
    page = street.phone(javascript=javascript)
    page.goto(street.link(visit))

    page.get_by_text("Plaza de Francia").click()
    page.get_by_role("button", name="Pedir mi carro").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Su carro está pedido")
    expect(page.get_by_text("Se lo llevamos a Plaza de Francia.")).to_be_visible()
    assert page.url == street.link(visit)

    page.get_by_text("Cambiar caseta u hora").click()
    page.get_by_text("Plaza Bolívar").click()
    page.get_by_label("¿Cuándo?").select_option("21:30")
    page.get_by_role("button", name="Guardar el cambio").click()
    expect(page.get_by_text("Se lo llevamos a Plaza Bolívar para las 9:30 p. m.")).to_be_visible()

    page.get_by_role("button", name="Cancelar el pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Su carro está estacionado")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_refusal_is_read_above_the_form_and_a_reload_is_harmless(
    street: Street, javascript: bool
) -> None:
    visit = parked(street.story)
    page = street.phone(javascript=javascript)
    page.goto(street.link(visit))
    page.get_by_label("¿Cuándo?").select_option("20:30")
    street.story.wait(minutes=40)
    page.get_by_role("button", name="Pedir mi carro").click()

    expect(page.get_by_role("alert")).to_contain_text("Esa hora ya pasó")
    assert street.told == forgiven(street, "422")
    page.goto(page.url)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert page.url == street.link(visit)


def forgiven(street: Street, status: str) -> list[str]:
    """Chromium notes every answer of 400 and more on its console; that one was meant."""
    street.told[:] = [text for text in street.told if status not in text]
    return []


def test_without_script_the_page_reloads_itself_and_shows_the_code(street: Street) -> None:
    visit = ready(street.story)
    page = street.phone(javascript=False)
    page.goto(street.link(visit))

    code = page.locator(".code").inner_text()
    assert re.fullmatch(r"(\d\s*){4}", code)
    refresh = page.locator('meta[http-equiv="refresh"]')
    assert (
        refresh.get_attribute("content") == f"30;url={street.link(visit).removeprefix(street.base)}"
    )


def test_the_page_follows_the_car_without_a_reload(street: Street) -> None:
    visit = asked(street.story)
    page = street.phone()
    page.clock.install()
    page.goto(street.link(visit))
    answers: list[int] = []
    page.on("response", lambda response: answers.append(response.status))

    with page.expect_response(street.link(visit)):
        page.clock.run_for(15_000)
    visit.take("francia")
    street.story.wait(minutes=1)
    with page.expect_response(street.link(visit)):
        page.clock.run_for(15_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Su carro viene en camino")
    expect(page.locator("#updated")).to_have_text("8:37 p. m.")
    visit.ready()
    with page.expect_response(street.link(visit)):
        page.clock.run_for(15_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Su carro está listo en Plaza de Francia"
    )
    expect(page.locator(".code span")).to_have_count(4)
    visit.hand_over()
    with page.expect_response(street.link(visit)):
        page.clock.run_for(15_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Entregado")
    page.clock.run_for(600_000)

    assert answers == [304, 200, 200, 200]


def test_a_form_that_is_being_filled_is_left_alone(street: Street) -> None:
    visit = parked(street.story)
    page = street.phone()
    page.clock.install()
    page.goto(street.link(visit))
    page.get_by_text("Plaza de Francia").click()
    page.get_by_label("¿Cuándo?").select_option("21:00")
    street.story.wait(minutes=20)

    with page.expect_response(street.link(visit)):
        page.clock.run_for(15_000)

    expect(page.locator("#updated")).to_have_text("8:26 p. m.")
    expect(page.get_by_label("¿Cuándo?")).to_have_value("21:00")
    expect(page.get_by_label("Plaza de Francia")).to_be_checked()


def test_a_booth_cannot_be_chosen_for_a_time_at_which_it_is_shut(street: Street) -> None:
    visit = parked(street.story)
    open_from(street.story, bolivar=("21:00", "02:00"), francia=("18:00", "20:45"))
    page = street.phone()
    page.goto(street.link(visit))
    bolivar, francia = page.get_by_label("Plaza Bolívar"), page.get_by_label("Plaza de Francia")
    expect(bolivar).to_be_disabled()
    expect(francia).to_be_enabled()
    francia.check()
    page.get_by_label("¿Cuándo?").select_option("21:00")
    expect(francia).to_be_disabled()
    expect(francia).not_to_be_checked()
    bolivar.check()
    page.get_by_role("button", name="Pedir mi carro").click()
    expect(page.get_by_text("Se lo llevamos a Plaza Bolívar para las 9:00 p. m.")).to_be_visible()


def test_a_form_that_can_no_longer_be_sent_goes_away(street: Street) -> None:
    visit = asked(street.story)
    page = street.phone()
    page.clock.install()
    page.goto(street.link(visit))
    page.get_by_text("Cambiar caseta u hora").click()
    visit.take("francia")

    with page.expect_response(street.link(visit)):
        page.clock.run_for(15_000)

    expect(page.locator("#ask button")).to_have_count(0)


def test_a_page_without_signal_says_how_old_it_is_and_recovers(street: Street) -> None:
    visit = asked(street.story)
    page = street.phone()
    page.clock.install()
    page.goto(street.link(visit))
    expect(page.locator("#stale")).to_be_hidden()

    page.context.set_offline(True)
    asked_times: list[str] = []
    page.on("requestfailed", lambda request: asked_times.append(request.url))
    for _ in range(8):
        page.clock.run_for(30_000)
    expect(page.locator("#stale")).to_contain_text(
        re.compile(r"Sin señal\. Último dato hace \d min\.")
    )
    # 15 s, then 30, 60 and 120: not a request every quarter of a minute.
    assert 2 <= len(asked_times) <= 4
    for _ in range(8):
        page.clock.run_for(30_000)
    expect(page.locator(".window")).to_be_hidden()
    expect(page.get_by_text("Sin dato reciente")).to_be_visible()

    page.context.set_offline(False)
    with page.expect_response(street.link(visit)):
        page.clock.run_for(120_000)
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator(".window")).to_be_visible()
    assert street.told
    street.told[:] = [text for text in street.told if "ERR_INTERNET_DISCONNECTED" not in text]


def test_a_hidden_page_does_not_ask_and_looks_at_once_when_it_is_back(street: Street) -> None:
    visit = asked(street.story)
    page = street.phone()
    page.clock.install()
    page.goto(street.link(visit))
    asked_times: list[str] = []
    page.on("request", lambda request: asked_times.append(request.url))

    page.evaluate(f"({HIDE})(true)")
    page.clock.run_for(120_000)
    assert asked_times == []

    with page.expect_response(street.link(visit)):
        page.evaluate(f"({HIDE})(false)")
    assert len(asked_times) == 1


HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_link_that_has_ended_while_open_says_so(street: Street) -> None:
    visit = ready(street.story)
    page = street.phone()
    page.clock.install()
    page.goto(street.link(visit))
    visit.hand_over()
    street.story.now += timedelta(days=2)

    with page.expect_navigation():
        page.clock.run_for(15_000)

    expect(page.get_by_role("heading", level=1)).to_have_text("Este enlace ya no está activo")
    assert violations(page) == []
    street.told[:] = [text for text in street.told if "410" not in text]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_wrong_link_keeps_language_and_help(street: Street, width: int, height: int) -> None:
    page = street.phone(width=width, height=height, locale="en-US", dark=True)
    page.goto(f"{street.base}/t/nothing")

    expect(page.get_by_role("heading", level=1)).to_have_text("We can't find this ticket")
    expect(page.get_by_text("Plaza Bolívar")).to_be_visible()
    assert violations(page) == []
    assert too_small(page) == []
    page.get_by_role("link", name="Español").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No encontramos este boleto")
    assert street.told
    forgiven(street, "404")


def test_the_language_is_kept_for_the_next_time(street: Street) -> None:
    visit = parked(street.story)
    page = street.phone()
    page.goto(street.link(visit))
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your car is parked")
    assert visit.row().language == "en"
    page.goto(street.link(visit))

    expect(page.get_by_role("heading", level=1)).to_have_text("Your car is parked")
    assert page.get_attribute("html", "lang") == "en"


def test_the_whole_way_goes_by_keyboard(street: Street) -> None:
    visit = parked(street.story)
    page = street.phone()
    page.goto(street.link(visit))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    # Past the walk from where one is, and the time.
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Se lo llevamos a Plaza de Francia.")).to_be_visible()
