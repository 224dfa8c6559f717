"""An administrator at work in the browser: forms as they stand on the page, sent with changes."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

REASON = "The city asked for it"
PLACES, CLOSURES = "/manage/admin/places", "/manage/admin/closures"
PEOPLE, TARIFFS = "/manage/admin/people", "/manage/admin/tariffs"
TEXTS, CHANGES = "/manage/admin/texts", "/manage/admin/changes"

_INPUT = re.compile(r"<input [^>]*>")
_AREA = re.compile(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', re.DOTALL)
_SELECT = re.compile(r'<select [^>]*name="([^"]+)".*?</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected>')


@dataclass
class Office:
    """A signed-in browser."""

    client: FlaskClient

    def page(self, path: str) -> str:
        """A page that opens."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def form(self, path: str) -> dict[str, Any]:
        """What the form of a page would send as it stands, with a reason."""
        page = self.page(path).split('id="form"')[1].split("</form>")[0]
        return {**fields_of(page), "reason": REASON}

    def send(self, path: str, **fields: Any) -> TestResponse:
        """Send a form."""
        return self.client.post(path, data={"reason": REASON, **fields})

    def change(self, path: str, **fields: Any) -> TestResponse:
        """Open the form of a page, change some of it and send it."""
        return self.client.post(path, data={**self.form(path), **fields})

    def changes(self, query: str = "") -> str:
        """The record of changes as text without its markup."""
        return words_of(self.page(f"{CHANGES}{query}").split("</form>")[-1])


def fields_of(form: str) -> dict[str, Any]:
    """The fields of a form's markup as a browser sends them."""
    fields: dict[str, Any] = {}
    for tag in _INPUT.findall(form):
        name, value = _attribute(tag, "name"), _attribute(tag, "value")
        if _attribute(tag, "type") in ("checkbox", "radio"):
            if " checked" in tag:
                fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    for name, text in _AREA.findall(form):
        fields[name] = html.unescape(text)
    for match in _SELECT.finditer(form):
        chosen = _CHOSEN.search(match[0])
        fields[match[1]] = "" if chosen is None else chosen[1]
    return fields


def words_of(page: str) -> str:
    """The words of some markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def trouble(answer: TestResponse) -> str:
    """What a form that comes back says of why."""
    parts: Sequence[str] = answer.text.split('id="trouble"')
    return words_of(f"<p {parts[1].split('</div>')[0]}") if len(parts) > 1 else ""


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return "" if found is None else html.unescape(found[1])
