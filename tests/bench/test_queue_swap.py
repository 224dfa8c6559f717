"""The queue of a full evening: how long the screen takes to draw it anew on a slow processor.

200 open visits, of which a page shows the first forty; Chromium's processor is slowed six times,
about what a Raspberry Pi is beside a desktop machine. `answer`: the station makes the page. `swap`:
from the answer's text to the new page laid out, which is when a person sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from booth_ui.app import create_app
from booth_ui.screen_server import ScreenServer
from tests.bench.conftest import Figures
from tests.bench.spread import of_times
from tests.chromium import Pages, running_browser
from tests.station_kit import (
    ANA,
    HERRERA,
    StationKit,
    event_change,
    received_data,
    visit_change,
)

VISITS = 200
THROTTLE = 6
ROUNDS = 40
SWAP = """async () => {
  const times = {};
  const begin = () => (times.begin = performance.now());
  document.addEventListener("htmx:before:swap", begin, { once: true });
  const asked = performance.now();
  await window.htmx.ajax("GET", "/queue", {
    source: "#redrawing", target: "#frame", select: "#frame", swap: "outerMorph", push: "false",
    headers: { "Booth-Redraw": "1" },
  });
  document.getElementById("list").getBoundingClientRect();
  const end = performance.now();
  return [times.begin - asked, end - times.begin];
}"""


@pytest.fixture
def full_booth(tmp_path: Path) -> Iterator[StationKit]:
    """A booth where 200 cars are asked for."""
    kit = StationKit(tmp_path, actor_idle_s=3600)
    changes = []
    for number in range(1, VISITS + 1):
        visit_id = f"01900000-0000-7000-8000-{number:012x}"
        tag = f"em4100:0B{number:08X}"
        data = received_data(f"H-{number:04d}", key_tag=tag, claim_tag=None)
        asked = {"booth_id": HERRERA, "wanted_at": None, "source": "driver"}
        changes += [
            event_change(visit_id, "visit.received", 1, HERRERA, data=data),
            event_change(visit_id, "visit.requested", 2, HERRERA, data=asked),
            visit_change(visit_id, plate=f"AB{number:04d}"),
        ]
    kit.tell(*changes)
    kit.tap(ANA)
    yield kit
    kit.station.close()


def test_queue_swap(full_booth: StationKit, figures: Figures) -> None:
    server = ScreenServer(create_app(full_booth.station), 0)
    server.start()
    try:
        with running_browser() as browser:
            pages = Pages(browser)
            page = pages.open()
            page.goto(f"{server.url}queue")
            page.wait_for_selector("html[data-stream=open]")
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
            times = [page.evaluate(SWAP) for _ in range(ROUNDS)]
            assert page.locator(".row").count() == full_booth.config.limits.page_rows
            pages.close()
    finally:
        full_booth.station.feed.close()
        server.stop()
    name = f"queue of {VISITS} visits, processor {THROTTLE} times slower"
    figures[f"{name}: answer"] = of_times([answer for answer, _ in times])
    figures[f"{name}: swap"] = of_times([swap for _, swap in times])
