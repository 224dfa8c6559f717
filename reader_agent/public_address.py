"""The address under which drivers find the district's pages: what a QR code on the screen leads to.

It is another one than the station's own way to the cloud, and the cloud tells it with every
answer; the last word is kept, so that a booth without a network shows it too.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from reader_agent.station_db import StationDB

_KEY = "public_url"


class PublicAddress:
    """`url` has no slash at its end; `default` holds until the cloud has spoken."""

    def __init__(self, db: StationDB, default: str) -> None:
        self._db = db
        rows = db.rows("SELECT value FROM meta WHERE key = ?", (_KEY,))
        self.url = str(rows[0]["value"]) if rows else default.rstrip("/")

    def learn(self, told: str | None) -> None:
        """Take over the cloud's word; what is no address of a page is passed over. Raises
        `Refusal` when storage fails."""
        url = (told or "").rstrip("/")
        if url == self.url or not _is_address(url):
            return
        with self._db.transaction() as work:
            work.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, url))
        self.url = url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
