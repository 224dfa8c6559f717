"""What a driver's page costs a phone: bytes, requests, and the wait for its first paint on a slow
line (400 ms there and back, 400 kbit/s) and a slow phone (a sixth of this machine)."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import pytest
from playwright.sync_api import Page, Request

from tests.bench.conftest import Figures
from tests.driver_street import Street
from tests.visit_story import StoryVisit

pytest_plugins = ("tests.street_stage",)

ROUNDS = 5
BYTES_MAX = 12_000
_SLOW = {
    "offline": False,
    "latency": 400,
    "downloadThroughput": 400_000 / 8,
    "uploadThroughput": 400_000 / 8,
}
_FIRST_PAINT = """() => new Promise((resolve) => {
  const found = () => performance.getEntriesByName('first-contentful-paint')[0];
  const look = () => found() ? resolve(found().startTime) : setTimeout(look, 20);
  look();
})"""


def received(street: Street) -> StoryVisit:
    return street.story.receive("herrera")


def ready(street: Street) -> StoryVisit:
    return received(street).request("francia").take("francia").ready()


def over(street: Street) -> StoryVisit:
    return ready(street).hand_over()


@pytest.mark.parametrize("make", [received, ready, over], ids=lambda make: str(make.__name__))
def test_a_driver_page_on_a_slow_phone(
    street: Street, figures: Figures, make: Callable[[Street], StoryVisit]
) -> None:
    visit = make(street)
    paints, seen, sizes, html = [], [], [], ""
    for _ in range(ROUNDS):
        page = street.phone(width=320, height=568)
        asked = requests_of(page)
        slow_down(page)
        page.goto(street.link(visit))
        paints.append(float(page.evaluate(_FIRST_PAINT)))
        seen.append(len(asked))
        sizes.append(asked[0].sizes()["responseBodySize"])
        html = page.content()
        page.close()
    figures[f"driver page: {make.__name__}"] = {
        "compressed_bytes": max(sizes),
        "html_bytes": len(html.encode()),
        "requests": max(seen),
        "first_paint_ms_median": round(median(paints)),
        "first_paint_ms_max": round(max(paints)),
    }
    assert max(seen) == 1
    assert max(sizes) <= BYTES_MAX


def requests_of(page: Page) -> list[Request]:
    """What the page asks for from now on."""
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    return asked


def slow_down(page: Page) -> None:
    """Let the page be a slow phone on a slow line from now on."""
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", _SLOW)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
