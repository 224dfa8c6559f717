"""The touchscreen of a real station in a real Chromium, and what every screen must hold to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Request

from booth_ui.app import create_app
from booth_ui.screen_server import ScreenServer
from reader_agent.practice import Practice
from reader_agent.station import Station
from schemas.reception import HANDLING
from tests.booth_evening import ANA, CLAIMS, KEYS, OTHER_BOOTH, Evening
from tests.browser.gallery import keep
from tests.station_kit import event_change

MEASURE = """() => {
  const shown = (element) => element.checkVisibility({ visibilityProperty: true })
    && !element.closest(".unseen");
  const name = (element) => element.outerHTML.slice(0, 90);
  const inView = (box) => box.width > 0 && box.height > 0;
  const targets = [...document.querySelectorAll("a, button, input:not([type=hidden]), label.tile")]
    .filter(shown).filter((element) => !["radio", "checkbox"].includes(element.type));
  const small = targets.filter((element) => {
    const box = element.getBoundingClientRect();
    return inView(box) && (box.width < 55.9 || box.height < 55.9);
  }).map(name);
  const texts = [...document.querySelectorAll("body *")].filter(shown).filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
  const tiny = texts.filter((element) => parseFloat(getComputedStyle(element).fontSize) < 16)
    .map(name);
  const boxes = [".main", ".flow", ".side", ".ticket", ".twosides", ".left", ".bar", ".button",
    ".chip", ".tile", ".problem", ".badge"];
  const cut = [...document.querySelectorAll(boxes.join())]
    .filter(shown).filter((element) => element.scrollHeight > element.clientHeight + 1
      || element.scrollWidth > element.clientWidth + 1).map(name);
  const outside = targets.filter((element) => {
    const box = element.getBoundingClientRect();
    return inView(box) && !element.closest(".list") && (box.right > innerWidth + 0.5
      || box.bottom > innerHeight + 0.5 || box.left < -0.5 || box.top < -0.5);
  }).map(name);
  const page = document.scrollingElement;
  return {
    small, tiny, cut, outside,
    scrolls: page.scrollWidth > innerWidth || page.scrollHeight > innerHeight,
    leaked: document.body.innerText.match(/\\b[a-z_]+\\.[a-z_]{3,}\\b/g) ?? [],
  };
}"""

SETTLE_S = 5
SETTLE_STEP_MS = 50
CLEAN: dict[str, Any] = {
    "small": [],
    "tiny": [],
    "cut": [],
    "outside": [],
    "scrolls": False,
    "leaked": [],
}


@dataclass
class Complaints:
    """What the console of a page said that it should not."""

    lines: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Begin to note errors and warnings."""
        page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.lines.append(message.text)


def complaints_of(page: Page) -> Complaints:
    """Note what the console of `page` says from now on."""
    complaints = Complaints()
    complaints.listen(page)
    return complaints


def measure(page: Page, where: str) -> None:
    """Fail for a page that scrolls, a target or a letter too small, or a word that is cut."""
    # A screen that is still on its way in is measured again, as `expect` would look again.
    page.wait_for_load_state()
    deadline = time.monotonic() + SETTLE_S
    while (found := page.evaluate(MEASURE)) != CLEAN and time.monotonic() < deadline:
        page.wait_for_timeout(SETTLE_STEP_MS)
    assert {"at": where, **found} == {"at": where, **CLEAN}
    keep(page, f"booth {where}")


@contextmanager
def served(station: Station, practice: Practice | None = None) -> Iterator[str]:
    """The touchscreen of `station` on a free port, as its address without the last slash."""
    server = ScreenServer(create_app(station, practice), 0)
    server.start()
    try:
        yield server.url.rstrip("/")
    finally:
        station.feed.close()
        if practice is not None:
            practice.stop()
        server.stop()


def choose(page: Page, url: str, *, language: str = "es", theme: str = "night") -> None:
    """Set the cookies that the settings would."""
    page.context.add_cookies(
        [
            {"name": "language", "value": language, "url": url},
            {"name": "theme", "value": theme, "url": url},
        ]
    )


def type_on_keypad(page: Page, text: str) -> None:
    """Press the keys of our own keypad."""
    for letter in text:
        page.click(f'.keypad [data-key="{letter}"]')


def hold(page: Page, name: str) -> None:
    """Keep a button down until its form was sent, as what cannot be undone asks for."""
    page.get_by_role("button", name=name).hover()

    def is_form(request: Request) -> bool:
        # What was typed just before is posted on its own, and may be late.
        return request.method == "POST" and not request.url.endswith("/receive/typing")

    with page.expect_request(is_form):
        page.mouse.down()
    page.mouse.up()


def talkative_car(evening: Evening) -> str:
    """A car of which there is more to say than its ticket has room for."""
    evening.tap(ANA)
    evening.tap(KEYS[11])
    evening.booth.edit_draft(plate="ABCD123456", phone="61234567", claim_tag=CLAIMS[11])
    evening.booth.edit_draft(handling=HANDLING, colour="white", no_damage=True)
    visit_id = evening.booth.receive().visit_id
    evening.meet()
    evening.tap(ANA)
    evening.booth.request_car(visit_id, OTHER_BOOTH)
    evening.booth.floor.waiting.delay(visit_id, 30, "traffic")
    evening.promise(visit_id, 40)
    return visit_id


def busy_evening(folder: Path) -> tuple[Evening, dict[str, str]]:
    """Cars in every state, and the addresses of every screen that shows one."""
    evening = Evening(folder)
    kerb = evening.received(1, plate="AB1234")
    parked = evening.parked(2, plate="CD5678")
    asked = evening.parked(3, plate="472913")
    ready = evening.ready(4, plate="EF9012")
    held = evening.parked(5, plate="GH3456")
    elsewhere = event_change(
        held,
        "visit.handed_over",
        9,
        OTHER_BOOTH,
        data={"proof": "claim_tag"},
        actor="ana",
        at=evening.clock.wall(),
    )
    evening.cloud.changes.append(elsewhere)
    noted = talkative_car(evening)
    evening.ask_for(asked)
    evening.promise(asked, -4)
    evening.promise(ready, 6)
    return evening, {
        "queue": "/queue",
        "kerb": f"/tickets/{kerb}",
        "parked": f"/tickets/{parked}",
        "asked": f"/tickets/{asked}",
        "ready": f"/tickets/{ready}",
        "noted": f"/tickets/{noted}",
        "noted_facts": f"/tickets/{noted}/facts",
        "held": f"/tickets/{held}",
        "resolve": f"/tickets/{held}/resolve",
        "request": f"/tickets/{parked}/request",
        "take": f"/tickets/{kerb}/take",
        "hand_over": f"/hand-over/{ready}",
        "hand_over_not_here": f"/hand-over/{parked}",
        "supervisor": f"/hand-over/{ready}/supervisor",
        "delay": f"/tickets/{asked}/delay",
        "damage": f"/tickets/{ready}/incident/damage",
        "keys": "/keys",
        "shift": "/shift",
        "board": "/board",
        "search": "/search",
        "status": "/status",
        "receive": "/receive",
        "missing": "/nowhere",
    }
