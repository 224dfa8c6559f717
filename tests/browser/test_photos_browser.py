"""Photos in Chromium: taken at the booth from a file, seen on the driver's phone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from booth_ui import watch
from schemas.jpeg import only_picture
from server.links import token_of
from tests.booth_evening import ANA, EVA, KEYS, Evening
from tests.browser.accessibility import violations
from tests.browser.booth_page import choose, complaints_of, measure, served
from tests.chromium import Pages
from tests.photo_stage import PhotoStage
from tests.served_cloud import served as served_cloud
from tests.station_door import StationDoors
from tests.visit_story import settings

# Every word and every colour once; Spanish is the longer one, and the day has the wider borders.
LOOKS = [("es", "day"), ("en", "night")]
# A car of sorts, so that a person who looks at a screenshot sees one.
DRAW = """([hue, seed]) => {
  const canvas = document.createElement("canvas");
  canvas.width = 1280; canvas.height = 960;
  const draw = canvas.getContext("2d");
  draw.fillStyle = `hsl(${hue} 30% 25%)`; draw.fillRect(0, 0, 1280, 960);
  draw.fillStyle = `hsl(${hue} 70% 55%)`; draw.fillRect(160, 420, 960, 260);
  draw.beginPath(); draw.moveTo(320, 420); draw.lineTo(460, 240); draw.lineTo(860, 240);
  draw.lineTo(1000, 420); draw.fill();
  draw.fillStyle = "#111";
  for (const x of [360, 920]) { draw.beginPath(); draw.arc(x, 690, 90, 0, 7); draw.fill(); }
  draw.fillStyle = "#fff"; draw.font = "bold 72px sans-serif";
  draw.fillText(`AB1234 ${seed}`, 420, 590);
  return canvas.toDataURL("image/jpeg", 0.85).split(",")[1];
}"""


def pictures(page: Page, count: int) -> list[bytes]:
    """Real photos, drawn by the browser itself."""
    page.goto("about:blank")
    return [base64.b64decode(page.evaluate(DRAW, [number * 70, number])) for number in range(count)]


def file_of(content: bytes) -> FilePayload:
    """What a person chooses, or a camera gives."""
    return {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": content}


@pytest.fixture(autouse=True)
def _quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.2)


@pytest.fixture
def evening(tmp_path: Path) -> Iterator[Evening]:
    """A booth and a lot with nobody signed in."""
    evening = Evening(tmp_path)
    yield evening
    evening.close()


def drawn(page: Page, selector: str) -> list[int]:
    """How wide each picture is that is shown; 0 for one that is broken."""
    script = "images => images.map(image => image.complete ? image.naturalWidth : -1)"
    widths = page.locator(selector)
    for index in range(widths.count()):
        widths.nth(index).scroll_into_view_if_needed()
        expect(widths.nth(index)).to_have_js_property("complete", value=True)
    found: list[int] = widths.evaluate_all(script)
    return found


@pytest.mark.parametrize(("language", "theme"), LOOKS)
def test_the_screen_of_photos_fits_and_sends_a_file_as_soon_as_it_is_there(
    evening: Evening, chromium_pages: Pages, language: str, theme: str
) -> None:
    visit_id = evening.received(plate="ABCD123456")
    page = chromium_pages.open()
    photos = pictures(page, 4)
    with served(evening.booth) as url:
        choose(page, url, language=language, theme=theme)
        complaints = complaints_of(page)
        evening.tap(ANA)
        page.goto(f"{url}/tickets/{visit_id}")
        measure(page, "ticket")
        page.click(".camera[href$=photos]")
        expect(page.locator(".photos")).to_be_visible()
        measure(page, "no photos")
        assert violations(page) == []
        for number, content in enumerate(photos, start=1):
            page.set_input_files("[data-send]", file_of(content))
            expect(page.locator(".photos img")).to_have_count(number)
        assert drawn(page, ".photos img") == [1280] * 4
        measure(page, "four photos")
        assert violations(page) == []
        page.click(".bar .plain")
        expect(page.locator(".camera[href$=photos]")).to_contain_text("4")
        assert complaints.lines == []
    refs = evening.booth.photos.of(visit_id)
    assert [ref.size_bytes for ref in refs] == [len(only_picture(each).content) for each in photos]


def test_a_file_that_was_there_before_the_script_is_sent_too(
    evening: Evening, chromium_pages: Pages
) -> None:
    visit_id = evening.received()
    page = chromium_pages.open()
    (photo,) = pictures(page, 1)
    evening.tap(ANA)
    held: list[Route] = []
    is_held = True

    def hold(route: Route) -> None:
        if is_held:
            held.append(route)
        else:
            route.fallback()

    with served(evening.booth) as url:
        page.route("**/*.js", hold)
        with page.expect_request("**/*.js"):
            page.goto(f"{url}/tickets/{visit_id}/photos", wait_until="commit")
        page.set_input_files("[data-send]", file_of(photo))
        assert page.locator(".photos img").count() == 0
        is_held = False
        for script in held:
            script.fallback()
        expect(page.locator(".photos img")).to_have_count(1)


def test_a_file_that_is_none_is_said_on_the_same_screen(
    evening: Evening, chromium_pages: Pages
) -> None:
    page = chromium_pages.open()
    evening.tap(EVA)
    evening.tap(KEYS[0])
    with served(evening.booth) as url:
        page.goto(f"{url}/receive/photos")
        page.set_input_files("[data-send]", file_of(b"no picture"))
        expect(page.locator("[role=alert]")).to_be_visible()
        measure(page, "refused")


@dataclass
class Street:
    """A cloud with a car that has photos, and its link."""

    stage: PhotoStage
    link: str
    contents: list[bytes]


@pytest.fixture
def street(
    tmp_path: Path, sqlite_url: str, chromium_pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Street]:
    """Four photos: in time, late, altered, and still missing."""
    contents = [only_picture(each).content for each in pictures(chromium_pages.open(), 4)]
    stage = PhotoStage(StationDoors(settings(tmp_path, sqlite_url), monkeypatch))
    stage.photographed(*contents)
    stage.bring(contents[0])
    stage.doors.wait(hours=2)
    stage.bring(contents[1])
    stage.bring(contents[2], contents[2][:-1] + b"!")
    with served_cloud(stage.doors.app) as base:
        token = token_of(stage.doors.services.key, stage.visit_id)
        yield Street(stage, f"{base}/t/{token}", contents)
    stage.doors.close()


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize(("language", "dark"), [("es", False), ("en", True)])
def test_a_driver_sees_the_photos_that_came_and_reads_of_the_others(
    street: Street, chromium_pages: Pages, language: str, dark: bool, javascript: bool
) -> None:
    page = chromium_pages.open(
        width=320, height=568, locale=language, dark=dark, javascript=javascript, touch=True
    )
    complaints = complaints_of(page)
    page.goto(f"{street.link}?lang={language}")
    page.click("a[href*=photos]")

    expect(page.locator("figure")).to_have_count(4)
    if javascript:
        assert drawn(page, "figure img") == [1280, 1280]
        assert violations(page) == []
        wide = page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        assert wide
    words = {"es": ("Llegó tarde", "no se muestra", "tarda"), "en": ("late", "not shown", "slow")}
    for number, word in enumerate(words[language], start=1):
        expect(page.locator("figure").nth(number)).to_contain_text(word)
    page.click(".record")
    expect(page.locator("#card")).to_be_visible()
    assert complaints.lines == []
