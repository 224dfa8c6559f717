"""One cloud and the stations in front of it, over loopback, with one time for all.

Everything that travels is kept as it is (`Stage.requests`). What is imported here has existed since
the first version that is recorded, and so can be run in a copy of it.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server

from reader_agent import cloud_client
from reader_agent.clock import FakeClock
from reader_agent.cloud import Asked
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config
from reader_agent.presence import Arrival
from reader_agent.station import Station
from schemas.district import District
from schemas.signing import new_private_key, public_key_of
from server import clock
from server.app import create_app, services
from server.config import Config as CloudConfig
from server.database import Database
from server.district import load_district
from server.stations import add_station
from tests.station_kit import config_of
from tests.visit_story import EVENING, settings, small_district

MASTER_KEY = "07" * 32
CHANGES_PER_ANSWER = 2
LONG_POLL_S = 25
_TAGS_OF_A_KIND = 5
_SIGNED = ("Valet-Station", "Valet-Time", "Valet-Nonce", "Valet-Signature")
WSGIApp = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class Stage:
    """The cloud on a migrated database; `now` is everybody's time, `step` what is being told."""

    def __init__(self, folder: Path, url: str) -> None:
        self.now = EVENING
        self.step = ""
        self.requests: list[dict[str, Any]] = []
        self.stations: dict[str, Speaker] = {}
        self.folder = folder
        self.cloud_url = ""
        self.config = cloud_config(folder, url)
        self.district = few_tags(small_district())
        self._database = Database(url)
        self._database.write(lambda session: load_district(session, self.district))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve the cloud inside the block."""
        app = create_app(self.config)
        app.wsgi_app = self._listening(app.wsgi_app)  # type: ignore[method-assign, assignment]
        server = make_server("127.0.0.1", 0, app, request_handler=_Quiet)
        self.cloud_url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        # A signature covers the body as it travels: text, so that it can be read and kept.
        unpacked = patch.object(cloud_client, "GZIP_FROM_BYTES", 2**40)
        try:
            with unpacked, patch.object(clock, "now", lambda: self.now):
                yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            for station in self.stations.values():
                station.close()
            with app.app_context():
                services().database.close()
            self._database.close()

    def station(self, place_id: str, **clock_says: Any) -> Speaker:
        """Let a new station in at a place."""
        speaker = Speaker(self, place_id, **clock_says)
        config, public_key = speaker.config, public_key_of(speaker.key).hex()
        self._database.write(
            lambda session: add_station(session, config.station_id, place_id, public_key, self.now)
        )
        self.stations[config.station_id] = speaker
        return speaker

    def wait(self, seconds: float) -> None:
        """Let time pass everywhere."""
        self.now += timedelta(seconds=seconds)
        for station in self.stations.values():
            station.clock.advance(seconds)

    def _listening(self, app: WSGIApp) -> WSGIApp:
        def listen(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            # An answer that is packed says the same, and cannot be read in a recording.
            environ.pop("HTTP_ACCEPT_ENCODING", None)
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            status: list[str] = []

            def start(line: str, headers: Any, *rest: Any) -> Any:
                status.append(line)
                return start_response(line, headers, *rest)

            answer = b"".join(app(environ, start))
            self.requests.append(
                {
                    "step": self.step,
                    "at": self.now.isoformat(),
                    "path": environ["PATH_INFO"],
                    "headers": {name: environ[_in_environ(name)] for name in _SIGNED},
                    "body": body.decode().split("\n"),
                    "status": int(status[0].split()[0]),
                    "is_lost": False,
                    "answer": json.loads(answer),
                }
            )
            return [answer]

        return listen


class Speaker:
    """One station and its line to the cloud."""

    def __init__(self, stage: Stage, place_id: str, **clock_says: Any) -> None:
        self._stage = stage
        self.key = new_private_key()
        self.config: Config = replace(config_of(stage.folder, place_id), cloud_url=stage.cloud_url)
        boot = f"00000000-0000-4000-8000-{len(stage.stations) + 1:012d}"
        self.clock = FakeClock(mono_ns=10**12, wall=stage.now, boot_id=boot, **clock_says)
        self.client = CloudClient(self.config, self.key, lambda: stage.now)
        self.station = Station(self.config, self.clock)

    def tap(self, *tags: str) -> None:
        """Lay tags on the reader, one after the other."""
        for tag in tags:
            self._stage.wait(10)
            self.station.on_arrival(Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True))

    def ask(self, *, wait_s: int = 0, limit_events: int = 500) -> Asked:
        """The next request."""
        return self.station.exchange.ask(
            limit_events=limit_events, limit_bytes=10**6, wait_s=wait_s
        )

    def push(self, step: str) -> None:
        """Send what is unsent, in one request."""
        self._speak(step, self.ask())

    def push_in_vain(self, step: str) -> None:
        """Send what is unsent; the answer is lost on its way."""
        self._stage.step = step
        self.client.exchange(self.ask())
        self._stage.requests[-1]["is_lost"] = True

    def pull(self, step: str, *, wait_s: int = 0) -> None:
        """Ask for news until there is no more."""
        is_more = True
        while is_more:
            is_more = self._speak(step, self.ask(wait_s=wait_s, limit_events=0))

    def believe(self, ack_seq: int) -> None:
        """Take it that the cloud has the events up to here."""
        asked = self.ask()
        answer = {"ack_seq": ack_seq, "verdicts": [], "gap": None, "chain_broken_at": None}
        no_news = {"from_cursor": asked.cursor, "cursor": None, "more": False}
        said = {**answer, **no_news, "changes": [], "server_time": self._stage.now}
        self.station.exchange.take(said, asked)

    def restart(self, meanwhile: Callable[[Path], None]) -> None:
        """End the station, let something be done to its folder, and begin it again."""
        self.station.close()
        meanwhile(self.config.data_dir)
        self.station = Station(self.config, self.clock)

    def close(self) -> None:
        """End the station and its line."""
        self.client.close()
        self.station.close()

    def _speak(self, step: str, asked: Asked) -> bool:
        self._stage.step = step
        answer = self.client.exchange(asked)
        self.station.exchange.take(answer, asked)
        return bool(answer["more"])


def cloud_config(folder: Path, url: str) -> CloudConfig:
    """The cloud's settings: a known key, and answers small enough to come in pages. A long poll
    without news is answered at once, because nothing here happens meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    config = settings(folder, url)
    config.key_file.write_text(MASTER_KEY)
    return replace(config, changes_per_answer=CHANGES_PER_ANSWER, poll_wait_s_max=0)


def few_tags(district: District) -> District:
    """The district with so few tags that the recording stays small."""
    kinds: dict[str, int] = {}
    tags = []
    for tag in district.tags:
        kinds[tag.kind] = kinds.get(tag.kind, 0) + 1
        if kinds[tag.kind] <= _TAGS_OF_A_KIND:
            tags.append(tag)
    return replace(district, tags=tuple(tags))


def district_facts(district: District) -> dict[str, Any]:
    """The district as its file would say it."""
    facts: dict[str, Any] = json.loads(json.dumps(asdict(district)))
    return facts


def at_of(request: dict[str, Any]) -> datetime:
    """When a recorded request came."""
    return datetime.fromisoformat(request["at"])


def _in_environ(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


class _Quiet(WSGIRequestHandler):
    def log(self, *_args: object) -> None:
        pass
