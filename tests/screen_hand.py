"""A hand at a station without a window: it taps tags, touches what a page shows, and counts.

    hand = ScreenHand(evening, station)
    with hand.step("park"):
        hand.tap(ROSA)
        hand.tap(KEYS[0])
        hand.touch("Está bien")

Only what stands on the page that is open can be touched: a link by its words, a button by its
words together with the fields of its form. A tap that opens a screen opens it here, as the page's
script does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import cast

from werkzeug.test import TestResponse

from booth_ui.viewer import Viewer
from booth_ui.watch import said
from reader_agent.station import Station
from reader_agent.tap_outcome import TapOutcome
from tests.booth_client import client_of, text_of
from tests.booth_evening import Evening

_TAG = re.compile(r"<(/?)(a|button|form|input)\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


@dataclass
class Counts:
    """The most taps that any step of a name took, how often it was done, and what was typed."""

    most: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)


@dataclass
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class ScreenHand:
    """One person's hand at one station."""

    def __init__(self, evening: Evening, station: Station, counts: Counts) -> None:
        self.counts = counts
        self._evening = evening
        self._station = station
        self._client = client_of(station)
        self._page = self._client.get("/queue")
        self._typed: dict[str, str] = {}
        self._taps = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what is tapped and touched within as one step."""
        self._taps = 0
        yield
        counts = self.counts
        counts.most[name] = max(counts.most.get(name, 0), self._taps)
        counts.times[name] = counts.times.get(name, 0) + 1

    @property
    def words(self) -> str:
        """What a person reads of the page that is open."""
        return text_of(self._page)

    def tap(self, tag: str) -> TapOutcome:
        """Lay a tag on the reader."""
        self._taps += 1
        outcome = self._evening.tap(tag, self._station)
        path = said(outcome.message(), _NO_WORDS, self._station)["path"]
        self._open(str(path) or self._page.request.path)
        return outcome

    def type(self, name: str, text: str) -> None:
        """Type into a field that is on the page."""
        assert f'name="{name}"' in self._page.get_data(as_text=True), name
        self.counts.typed.add(name)
        self._typed[name] = text

    def touch(self, words: str) -> None:
        """Touch the link or button with these words."""
        self._taps += 1
        self._open_what(words)

    def _open_what(self, words: str) -> None:
        form: _Form | None = None
        forms = self._forms()
        body = self._page.get_data(as_text=True)
        for found in _TAG.finditer(body):
            is_end, tag, attributes = bool(found[1]), found[2], _attributes(found[3])
            if tag == "form":
                form = None if is_end else _Form(attributes["action"])
            if is_end or tag not in ("a", "button"):
                continue
            inside = unescape(re.sub(r"<[^>]*>", " ", body[found.end() :].split(f"</{tag}>")[0]))
            if words not in " ".join(inside.split()):
                continue
            if tag == "a":
                self._open(attributes["href"])
                return
            owner = forms.get(attributes.get("form", ""), form)
            if owner is None:
                owner = form
            assert owner is not None, words
            self._send(forms.get(owner.action, owner), attributes)
            return
        raise AssertionError(f"{words!r} is not on the page: {self.words}")

    def _forms(self) -> dict[str, _Form]:
        """The forms of the page with their hidden and chosen fields, by id and by action."""
        forms: dict[str, _Form] = {}
        form: _Form | None = None
        for found in _TAG.finditer(self._page.get_data(as_text=True)):
            is_end, tag, attributes = bool(found[1]), found[2], _attributes(found[3])
            if tag == "form":
                form = None
                if not is_end:
                    form = _Form(attributes["action"])
                    forms[attributes.get("id", "")] = forms[form.action] = form
            elif tag == "input" and form is not None and "name" in attributes:
                kind = attributes.get("type", "text")
                if kind not in ("radio", "checkbox") or "checked" in attributes:
                    form.fields[attributes["name"]] = attributes.get("value", "")
        return forms

    def _send(self, form: _Form, button: dict[str, str]) -> None:
        fields = dict(form.fields)
        fields |= {name: text for name, text in self._typed.items() if name in fields}
        if "name" in button:
            fields[button["name"]] = button.get("value", "")
        self._typed = {}
        self._show(self._client.post(form.action, data=fields))

    def _open(self, path: str) -> None:
        self._show(self._client.get(path))

    def _show(self, page: TestResponse) -> None:
        while location := page.headers.get("Location"):
            page = self._client.get(location)
        # A ticket that was closed meanwhile says so; the reader works under it all the same.
        assert page.status_code in (200, 404), text_of(page)
        self._page = page


class _NoWords:
    def t(self, key: str, /, **_values: object) -> str:
        return key


_NO_WORDS = cast("Viewer", _NoWords())


def _attributes(text: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(text)}
