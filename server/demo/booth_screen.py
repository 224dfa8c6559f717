"""A hand at a booth's touchscreen: the same forms that a person fills in, over loopback."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

_TOKEN = re.compile(r'name="token" value="([^"]*)"')
_PROBLEM = re.compile(r'class="problem".*?<span>(.*?)</span>', re.DOTALL)


class ScreenError(Exception):
    """The screen did not answer, or refused the form; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the screen: where we ended up and what is shown."""

    path: str
    text: str


class BoothScreen:
    """One station's screen at `url` (http://127.0.0.1:PORT)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=2, read=10), retries=urllib3.Retry(redirect=5, other=0)
        )

    def show(self, path: str) -> Page:
        """Open a screen, following where it leads. Raises `ScreenError`."""
        return self._ask("GET", path, None)

    def fill(self, path: str, fields: Mapping[str, str]) -> Page:
        """Open the form at `path`, fill it in and send it. Raises `ScreenError` if refused."""
        form = self._ask("GET", path, None)
        token = _TOKEN.search(form.text)
        sent = dict(fields) | ({"token": html.unescape(token[1])} if token else {})
        return self._ask("POST", path, sent)

    def _ask(self, method: str, path: str, fields: Mapping[str, str] | None) -> Page:
        try:
            answer = (
                self._pool.request_encode_body(
                    method, self._url + path, fields=fields, encode_multipart=False
                )
                if fields is not None
                else self._pool.request(method, self._url + path)
            )
        except urllib3.exceptions.HTTPError as error:
            raise ScreenError(f"{path}: {error}") from None
        text = answer.data.decode(errors="replace")
        if answer.status >= 400:
            said = _PROBLEM.search(text)
            raise ScreenError(f"{path}: {answer.status} {said[1].strip() if said else ''}")
        reached = answer.geturl() or path
        return Page(reached.removeprefix(self._url).split("?")[0], text)
