"""The office's stations in a real Chromium: seen at a glance, let in by a code, shut out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from reader_agent.cloud import Asked, CloudLost
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config
from reader_agent.station_key import KeyRing
from schemas.signing import new_private_key, public_key_of
from server.models import StationCodeRow, StationRow
from server.stations import add_station
from tests.browser.manager_desk import Desk, check_page, serving
from tests.chromium import Pages
from tests.manager_evening import PASSWORD, Evening
from tests.station_kit import config_of
from tests.visit_story import MANAGER

PAGE = "/manage/stations"
FINE, SILENT, CLONED, GONE, CHANGING, NEW = (
    "station-herrera",
    "station-bolivar",
    "station-francia",
    "station-lote-sur",
    "station-lote-norte",
    "herrera-2",
)
# What each station says of itself on the page.
STATES = {
    "es-PA": {
        FINE: "En línea",
        SILENT: "En silencio",
        CLONED: "Duplicada",
        GONE: "Dada de baja",
        CHANGING: "En línea",
        NEW: "Sin noticia aún",
    },
    "en-US": {
        FINE: "Online",
        SILENT: "Silent",
        CLONED: "Duplicated",
        GONE: "Shut out",
        CHANGING: "Online",
        NEW: "Not heard of yet",
    },
}
REFRESH_MS = 20_000
WHY_SHUT_OUT = "form:has(.grave) input[name=reason]"


@pytest.fixture
def desk(tmp_path: Path, chromium_pages: Pages, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk in front of stations in every state; its browser must not complain of anything."""
    with serving(tmp_path, request.getfixturevalue("_sqlite_template")) as (evening, base):
        _set_states(evening)
        desk = Desk(evening, base, chromium_pages)
        yield desk
        assert desk.complaints == []


def _set_states(evening: Evening) -> None:
    now, ago = evening.now, timedelta(hours=3)
    change(evening, FINE, seen_at=now)
    change(evening, SILENT, seen_at=now - ago, depth=41)
    change(evening, CLONED, seen_at=now, cloned_at=now - ago)
    gone = {"revoked_at": now - ago, "revoked_by": MANAGER, "revoked_reason": "La robaron"}
    change(evening, GONE, is_revoked=True, turned_away_at=now, **gone)
    change(evening, CHANGING, seen_at=now, next_public_key="ab" * 32)
    key = public_key_of(new_private_key()).hex()
    evening.database.write(lambda session: add_station(session, NEW, "herrera", key, now))


def change(evening: Evening, station_id: str, **values: object) -> None:
    """Let something be true of a station."""

    def work(station: StationRow | None) -> None:
        assert station is not None
        for name, value in values.items():
            setattr(station, name, value)

    evening.database.write(lambda session: work(session.get(StationRow, station_id)))


def count_codes(evening: Evening) -> int:
    """How many codes were ever made."""
    return evening.database.read(lambda session: session.query(StationCodeRow).count())


def open_page(desk: Desk, *, width: int = 1280, locale: str = "es-PA") -> Page:
    """The page, in front of a manager who is signed in, and on a clock that stands still."""
    page = desk.open(width=width, height=900, locale=locale)
    page.clock.install()
    page.goto(desk.base + PAGE)
    page.fill("#person", MANAGER)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("header .person")
    page.goto(desk.base + PAGE)
    return page


def wish_for_code(page: Page, station_id: str, place: str) -> str:
    """Ask for a code for a new station by keyboard; the code."""
    page.locator("#new-station input[name=station]").focus()
    page.keyboard.type(station_id)
    page.keyboard.press("Tab")
    page.keyboard.type(place)
    page.keyboard.press("Tab")
    page.keyboard.type("una caseta nueva")
    page.keyboard.press("Enter")
    code = page.locator(".station-code code")
    expect(code).to_have_text(re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}"))
    return code.inner_text()


@dataclass
class NewStation:
    """A real station in front of the same cloud."""

    config: Config
    client: CloudClient
    keys: KeyRing

    def speak(self) -> None:
        """Ask for news once. Raises `CloudLost`."""
        header = {
            "v": 1,
            "journal_id": "01900000-0000-7000-8000-000000000001",
            "cursor": None,
            "boot_id": "boot-1",
            "mono_ns": 1,
            "version": "9.9",
        }
        self.client.exchange(Asked(header, [], 0, 0))


@pytest.fixture
def station(desk: Desk, tmp_path: Path) -> Iterator[NewStation]:
    """A new station at Plaza Bolívar that nobody has let in."""
    config = replace(config_of(tmp_path, "bolivar"), cloud_url=desk.base)
    config.data_dir.mkdir()
    keys = KeyRing(config.data_dir)
    client = CloudClient(config, keys, lambda: desk.evening.now)
    yield NewStation(config, client, keys)
    client.close()


@pytest.mark.parametrize(
    ("width", "locale", "light"),
    [(1280, "es-PA", "light"), (1280, "en-US", "dark"), (360, "es-PA", "dark"), (360, "en-US", "")],
)
def test_every_station_is_seen_as_it_is_on_any_screen(
    desk: Desk, width: int, locale: str, light: str
) -> None:
    page = desk.sign_in(PAGE, width=width, height=900, locale=locale, dark=light == "dark")
    page.goto(desk.base + PAGE)

    for station_id, words in STATES[locale].items():
        state = page.locator(f"#station-{station_id} .state")
        assert (station_id, state.inner_text()) == (station_id, words)
    alarms = page.locator("#alarms")
    assert [name in alarms.inner_text() for name in (CLONED, GONE, FINE)] == [True, True, False]
    expect(page.locator("nav .state")).to_contain_text("2")
    expect(page.locator(f"#station-{SILENT}")).to_contain_text("41")
    expect(page.locator(f"#station-{GONE}")).to_contain_text("La robaron")
    for summary in page.locator("td.change summary").all():
        summary.click()
    check_page(page, width)
    wish_for_code(page, "bolivar-1", "Plaza Bol")
    check_page(page, width)


def test_a_code_is_shown_once_and_says_how_long_it_is_good(desk: Desk) -> None:
    page = open_page(desk, width=360)

    code = wish_for_code(page, "bolivar-1", "Plaza Bol")

    new_code = page.locator("#new-code")
    expect(new_code.locator(".command")).to_have_text(f"valet-agent enroll {code}")
    expect(new_code).to_contain_text("Plaza Bolívar")
    expect(new_code).to_contain_text("Sirve hasta las 22:5")
    expect(new_code.locator(".left")).to_have_text(re.compile(r"Quedan (10:00|9:5\d)\."))
    expect(page.locator("#waiting-bolivar-1")).to_contain_text("Por inscribir")
    # What is being read is not refreshed, so that no answer is due while the clock runs.
    page.locator("#stations section > details summary").click()
    page.clock.run_for(120_000)
    expect(new_code.locator(".left")).to_have_text(re.compile(r"Quedan [78]:\d\d\."))
    page.clock.run_for(481_000)
    expect(new_code.locator(".left")).to_have_text("Ya no sirve: dé otro código.")
    check_page(page, 360)
    # To look at the page again neither shows the code nor makes another one.
    page.reload()
    expect(page.locator("h1")).to_have_text("Estaciones")
    expect(new_code).to_have_count(0)
    assert page.url == desk.base + PAGE
    assert count_codes(desk.evening) == 1


def test_a_station_is_let_in_heard_and_shut_out_without_a_mouse(
    desk: Desk, station: NewStation
) -> None:
    page = open_page(desk, locale="en-US")
    row = page.locator("#station-bolivar-1")
    code = wish_for_code(page, "bolivar-1", "Plaza Bol")

    station.client.enroll(code, station.config, station.keys.current)
    page.clock.run_for(REFRESH_MS + 1000)
    expect(row).to_contain_text("Not heard of yet")
    expect(page.locator("#waiting-bolivar-1")).to_have_count(0)
    station.speak()
    page.clock.run_for(REFRESH_MS + 1000)
    expect(row).to_contain_text("Online")
    expect(row).to_contain_text("9.9")

    row.locator("summary").focus()
    page.keyboard.press("Enter")
    # Past the reason and the button for a new code.
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("It was stolen")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_contain_text("Shut out")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("can no longer speak")
    expect(row).to_contain_text("Shut out")
    expect(row).to_contain_text("It was stolen")

    with pytest.raises(CloudLost) as lost:
        station.speak()
    assert lost.value.problem == "revoked_station"
    page.clock.run_for(REFRESH_MS + 1000)
    expect(page.locator("#alarms")).to_contain_text("bolivar-1 was shut out and last tried to")


def test_nothing_is_refreshed_while_somebody_writes_a_reason(desk: Desk) -> None:
    page = open_page(desk)
    row = page.locator(f"#station-{FINE}")
    row.locator("summary").click()
    row.locator(WHY_SHUT_OUT).fill("Se la llev")

    change(desk.evening, FINE, depth=77)
    page.clock.run_for(2 * REFRESH_MS)

    assert "77" not in row.inner_text()
    expect(row.locator(WHY_SHUT_OUT)).to_have_value("Se la llev")
    row.locator("summary").click()
    row.locator("summary").blur()
    page.clock.run_for(REFRESH_MS + 1000)
    expect(row).to_contain_text("77")


def test_a_code_is_given_and_a_station_shut_out_without_javascript(desk: Desk) -> None:
    page = desk.sign_in(PAGE, width=800, height=900, javascript=False)
    page.goto(desk.base + PAGE)

    wish_for_code(page, "bolivar-1", "Plaza Bol")
    expect(page.locator("#new-code")).to_contain_text("una sola vez")
    page.goto(f"{desk.base}{PAGE}/code")
    expect(page.locator("#new-code")).to_have_count(0)
    row = page.locator(f"#station-{FINE}")
    row.locator("summary").click()
    row.locator(WHY_SHUT_OUT).fill("Se la llevaron")
    row.locator("button.grave").click()
    expect(row).to_contain_text("Dada de baja")
    assert count_codes(desk.evening) == 1
