"""The cloud's door, from both sides: as plain calls, and as HTTP.

Plain calls (`Exchanges`) go to `server.station_exchange`, which is everything that the cloud does
with a request once it knows who speaks. Nights that go through HTTP (`Application`) add limits,
compression, signatures, nonces and the schemas of both directions, and take many times as long.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask

from reader_agent.cloud import Asked
from schemas.problems import Refusal
from server import clock, station_exchange
from server.app import Services, create_app
from server.downlink import News
from server.models import StationRow
from tests.simulation.network import Call, Post, Reply

_STATION = "SELECT id, place_id, boot_id, journal_id, seen_at, cloned_at FROM stations WHERE id = ?"


class Exchanges:
    """Answers questions as they are. `hold(call, cursor)` waits for news."""

    def __init__(self, look: Any, hold: Callable[[Call, int], None]) -> None:
        self._look = look
        self._hold = hold
        self._stations: dict[str, tuple[tuple[Any, ...], StationRow]] = {}

    def answer(self, services: Services, call: Call) -> Reply:
        """One answer; a refusal as HTTP would say it."""
        asked = call.content
        assert isinstance(asked, Asked)
        try:
            answer = station_exchange.exchange(
                services,
                self._station(call.station),
                dict(asked.header),
                asked.lines,
                now=clock.now(),
                spend=lambda _session: None,
                hold=lambda cursor, _wait_s: self._hold(call, cursor),
            )
        except Refusal as refusal:
            return Reply(refusal.status, {}, json.dumps({"code": refusal.code}).encode())
        # Each station has its own copy, and nothing but JSON gets through.
        answer["changes"] = json.loads(json.dumps(answer["changes"]))
        return Reply(200, {}, answer)

    def _station(self, station_id: str) -> StationRow:
        (row,) = self._look.execute(_STATION, (station_id,)).fetchall()
        columns = tuple(row)
        known = self._stations.get(station_id)
        if known is None or known[0] != columns:
            station = StationRow(
                id=row["id"],
                place_id=row["place_id"],
                boot_id=row["boot_id"],
                journal_id=row["journal_id"],
                seen_at=_time(row["seen_at"]),
                cloned_at=_time(row["cloned_at"]),
            )
            known = self._stations[station_id] = (columns, station)
        return known[1]


class Application:
    """Answers HTTP, by the real application."""

    def __init__(self, services: Services) -> None:
        self._app: Flask = create_app(services.config)
        self._app.extensions["valet"].database.close()

    def answer(self, services: Services, call: Call) -> Reply:
        """One answer."""
        assert isinstance(call.content, Post)
        self._app.extensions["valet"] = services
        status = [0]
        headers: dict[str, str] = {}

        def start_response(line: str, found: list[tuple[str, str]], _error: Any = None) -> Any:
            status[0] = int(line.split(" ", 1)[0])
            headers.update(found)
            return None

        chunks = self._app.wsgi_app(_environ(call.content), start_response)
        try:
            content = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return Reply(status[0], headers, content)


class NewsOnce:
    """News are worked out once for all stations that ask the same of the same district.

    What `server.downlink.news` gives follows from the cursor and from rows that carry the
    district's version of their last change, so until the next version the answer stands. Who
    asks counts only where something that it recorded came in after the cursor.
    """

    def __init__(
        self,
        newest: Callable[[], int],
        position: Callable[[str], int],
        real: Callable[[Services, int, str], News] = station_exchange._news,
    ) -> None:
        self._newest = newest
        self._position = position
        self._real = real
        self._version = -1
        self._known: dict[tuple[int, str | None], News] = {}

    def __call__(self, found: Services, cursor: int, journal_id: str) -> News:
        """See `server.station_exchange`."""
        version = self._newest()
        if version != self._version:
            self._version = version
            self._known.clear()
        asked = cursor, journal_id if self._position(journal_id) > cursor else None
        if asked not in self._known:
            self._known[asked] = self._real(found, cursor, journal_id)
        return self._known[asked]


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _environ(post: Post) -> dict[str, Any]:
    named = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in post.headers.items()}
    return {
        **named,
        "CONTENT_TYPE": post.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(post.body)),
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": post.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "cloud",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "cloud",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(post.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
