"""One car through a running show: the taps, forms and links of the end-to-end tests."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar
from urllib.parse import urlencode

import urllib3

from schemas.district import BADGE, CLAIM_TAG, KEY_TAG
from server.demo.booth_screen import BoothScreen
from server.demo.evening import code_on, read_page, type_pin
from server.demo.show import MANAGER, PASSWORD, Show
from server.sms.recording import read_recorded

T = TypeVar("T")

PATIENCE_S = 120.0
OFF_THE_READER_S = 0.8
_LINK = re.compile(r"https?://\S+")


def first_port() -> int:
    """Where this process's shows begin to look for ports; another test run begins elsewhere."""
    return 20_000 + os.getpid() * 37 % 10_000


def until(look: Callable[[], T | None], what: str) -> T:
    """What `look` finds, asked again until it finds something; fails after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"did not happen within {PATIENCE_S:.0f} s: {what}")


@dataclass
class OneCar:
    """A car with its tags, and hands for everybody who deals with it."""

    show: Show
    plate: str = "AB1234"
    phone: str = "+50761234567"

    def tag(self, kind: str, number: int) -> str:
        """The n-th enrolled tag of a kind."""
        return [tag.id for tag in self.show.district.tags if tag.kind == kind][number]

    @property
    def key_tag(self) -> str:
        """The tag on this car's keys."""
        return self.tag(KEY_TAG, 19)

    @property
    def claim_tag(self) -> str:
        """The tag that its driver gets."""
        return self.tag(CLAIM_TAG, 19)

    def badge(self, person_id: str) -> str:
        """A person's badge."""
        found = next(p.badge_tag for p in self.show.district.people if p.id == person_id)
        assert found is not None
        assert found in [tag.id for tag in self.show.district.tags if tag.kind == BADGE]
        return found

    def screen(self, place_id: str) -> BoothScreen:
        """The touchscreen of a place."""
        return BoothScreen(self.show.screen_url(place_id))

    def tap(self, place_id: str, *tags: str) -> None:
        """Lay tags on a place's reader, one after the other."""
        for tag in tags:
            self.show.counters[place_id].tap(tag)
            person = next((p for p in self.show.district.people if p.badge_tag == tag), None)
            if person is not None:
                type_pin(self.screen(place_id), person, self.show.pins[person.id])
            # A tag that comes back sooner has never left, as far as a reader can tell.
            time.sleep(OFF_THE_READER_S)

    def receive(self, place_id: str, valet: str) -> str:
        """Take the car in at a booth's touchscreen; returns the visit's id."""
        screen = self.screen(place_id)
        self.tap(place_id, self.badge(valet), self.key_tag)
        until(lambda: screen.show("/receive").path == "/receive/plate", "the plate is asked for")
        screen.fill("/receive/plate", {"plate": self.plate})
        screen.fill("/receive/phone", {"phone": self.phone})
        screen.fill("/receive/damage", {"none": "1"})
        self.tap(place_id, self.claim_tag)
        # Not yet at the last step, where the tap itself would save.
        until(lambda: "claimed" in screen.show("/receive/details").text, "the claim tag is noted")
        page = screen.fill("/receive/check", {})
        assert page.path.startswith("/tickets/")
        return page.path.removeprefix("/tickets/")

    def texts(self) -> list[str]:
        """The text messages that this driver has got."""
        return [sms.text for sms in read_recorded(self.show.messages) if sms.phone == self.phone]

    def link(self) -> str:
        """The link in the first text message."""
        return until(lambda: _links(self.texts()), "the driver gets a link")[0]

    def code(self, link: str) -> str:
        """The four digits that the link shows once the car is ready."""
        return until(lambda: code_on(read_page(link)), "the link shows the code")

    def state(self, visit_id: str) -> str | None:
        """The visit's state as the cloud's API tells a manager; None before the cloud knows it."""
        answer = self.manager("GET", f"/v1/visits/{visit_id}")
        if answer.status == 404:
            return None
        assert answer.status == 200, answer.data
        return str(json.loads(answer.data)["state"])

    def manager(self, method: str, path: str) -> urllib3.BaseHTTPResponse:
        """A request with the manager's session."""
        headers = {"Cookie": self._cookie}
        url = self.show.cloud_url + path
        return urllib3.request(method, url, headers=headers, redirect=False)

    @cached_property
    def _cookie(self) -> str:
        sign_in = f"{self.show.cloud_url}/manage/sign-in"
        signed = post(sign_in, person=MANAGER, password=PASSWORD)
        return str(signed.headers["Set-Cookie"].split(";")[0])


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(url: str, **fields: str) -> urllib3.BaseHTTPResponse:
    """Send a form, as a page without JavaScript would."""
    return urllib3.request("POST", url, body=urlencode(fields), headers=FORM, redirect=False)


def _links(texts: list[str]) -> list[str]:
    return [found[0] for text in texts if (found := _LINK.search(text))]
