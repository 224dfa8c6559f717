"""The pages of reports as tests read them: their tables, and what should stand in these."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from server.figures.keep import keep_up
from server.reports.asked import Asked, Range
from server.reports.day import parse_date
from server.reports.sheet import Sheet
from server.reports.shown import sheets_of
from server.reports.wording import Wording, read_wording
from tests.manager_evening import DATE, Evening, services_of

DAYS = f"first={DATE}&last={DATE}"


class Tables(HTMLParser):
    """The cells of every table with an id, by that id, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self._rows = self.found.setdefault(dict(attrs).get("id") or "", [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        """Words in a cell."""
        if self._in_cell:
            self._rows[-1][-1] += data


def counted_up(evening: Evening) -> Evening:
    """The evening with its figures."""
    found = services_of(evening.app)
    keep_up(found.database, found.config)
    return evening


def made(evening: Evening, name: str, *, compare: bool = True) -> tuple[list[Sheet], Wording]:
    """The sheets of a report of the evening, and English words for them."""
    found, day = services_of(evening.app), parse_date(DATE)
    asked = Asked(Range(day, day), compare=compare)

    def read(session: object) -> tuple[list[Sheet], Wording]:
        sheets = sheets_of(session, found.config, name, asked, evening.now)  # type: ignore[arg-type]
        return sheets, read_wording(session, found.catalog, "en")  # type: ignore[arg-type]

    return found.database.read(read)
