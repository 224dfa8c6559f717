"""The cloud's machine: the real application, database and worker, and how they are killed."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import event

from schemas import district as districts
from schemas.catalog import Catalog
from server.app import Services, create_app
from server.config import load_config
from server.district import load_district
from server.migrate import upgrade
from server.sending import Sender, send_due
from server.sms import gateway as carriers
from server.sms.gateway import Outcome
from server.stations import add_station
from server.version_watch import LOOK_EVERY_S, VersionWatch
from server.worker import replan_district
from tests.simulation.clocks import WorldClock
from tests.simulation.hub import SECOND, Event, Hub, Task
from tests.simulation.network import Call, Reply
from tests.simulation.trace import Trace

GROUP = "cloud"
REQUEST_S = 15.0
"""What a request's time-out leaves beside its long poll (`Limits.request_timeout_s`)."""
MASTER_KEY = "07" * 32
_READ_ONLY = "valet_read_only"


class CloudKilled(BaseException):
    """The cloud's process is gone."""


_MIGRATED: list[bytes] = []


def empty_database(folder: Path) -> bytes:
    """The bytes of a migrated database without a row; made once for a process."""
    if not _MIGRATED:
        path = folder / "template.sqlite3"
        upgrade(f"sqlite:///{path}")
        connection = sqlite.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        connection.close()
        _MIGRATED.append(path.read_bytes())
        path.unlink()
    return _MIGRATED[0]


class Carrier:
    """A text message carrier; `sends` are (message, phone, outcome) in their order."""

    def __init__(self, hub: Hub, numbers: random.Random) -> None:
        self._hub = hub
        self._numbers = numbers
        self.trouble = 0.0
        self.before_send: Callable[[str, str], None] = lambda _reference, _phone: None
        self.after_send: Callable[[], None] | None = None
        self.sends: list[tuple[str, str, str]] = []

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        """See `SMSGateway.send`."""
        assert text
        self.before_send(reference, phone)
        self._hub.sleep(self._numbers.uniform(0.1, 2.0))
        kind = carriers.SENT
        if self._numbers.random() < self.trouble:
            kind = self._numbers.choice((carriers.REFUSED, carriers.LATER, carriers.UNKNOWN))
        self.sends.append((reference, phone, kind))
        if self.after_send is not None:
            action, self.after_send = self.after_send, None
            action()
        self._hub.sleep(self._numbers.uniform(0.01, 0.2))
        provider_id = reference if kind == carriers.SENT else None
        return Outcome(kind, provider_id, None if provider_id else "simulated")


class CloudMachine:
    """One process that serves and works. `hold_s`: how long it sits on a long poll without news."""

    def __init__(
        self, hub: Hub, trace: Trace, numbers: random.Random, folder: Path, hold_s: float
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "master.key").write_text(MASTER_KEY)
        path = folder / "server.sqlite3"
        path.write_bytes(empty_database(folder.parent))
        config = replace(load_config(), data_dir=folder, database_url=f"sqlite:///{path}")
        self.config = config
        self.carrier = Carrier(hub, numbers)
        self.is_up = True
        self.kill_in: int | None = None
        self.kill_at_commit: str | None = None
        self.version = 0
        self.commits = 0
        self._hub = hub
        self._trace = trace
        self._numbers = numbers
        self._clock = WorldClock(hub)
        self._hold_s = hold_s
        self._app = create_app(config)
        self.services: Services = self._app.extensions["valet"]
        self.database = self.services.database
        self.key = self.services.key
        self._holding: dict[Task, tuple[Event, int]] = {}
        self._answers: dict[Task, Callable[[Reply | None], None]] = {}
        self._calls: dict[Task, Call] = {}
        self._is_dying = False
        self._is_looking = False
        self._work = Event(hub)
        self._worker_number = 0
        self.look = sqlite.connect(path, isolation_level=None)
        self.look.row_factory = sqlite.Row
        event.listen(self.database.engine, "before_cursor_execute", self._at_statement)
        event.listen(self.database.engine, "commit", self._at_commit)

    def load(self, district: districts.District, stations: dict[str, tuple[str, bytes]]) -> None:
        """Load a district and let stations in: id → place and public key."""
        now = self._clock.now()
        self.database.write(lambda session: load_district(session, district))
        for station_id, (place_id, public_key) in stations.items():
            self.database.write(
                lambda session, who=station_id, where=place_id, key=public_key: add_station(
                    session, who, where, key.hex(), now
                )
            )

    # The door.

    def door(self, call: Call, take: Callable[[Reply | None], None]) -> None:
        """A request arrives; see `network.Door`."""
        if not self.is_up:
            self._hub.after(0.05, lambda: take(None))
            return
        task = self._hub.spawn(f"call {call.station}", lambda: self._serve(call, take), GROUP)
        self._answers[task], self._calls[task] = take, call

    def _serve(self, call: Call, take: Callable[[Reply | None], None]) -> None:
        task = self._hub.current()
        try:
            reply = self._handle(call)
            if self._is_dying:
                raise CloudKilled
        except CloudKilled:
            self._die_soon()
            return
        finally:
            self._answers.pop(task, None)
            self._holding.pop(task, None)
            self._calls.pop(task, None)
        if reply.status >= 500:
            self._trace.note("cloud", f"500 for {call.station}")
        take(reply)

    def _handle(self, call: Call) -> Reply:
        status = [0]
        headers: dict[str, str] = {}

        def start_response(line: str, found: list[tuple[str, str]], _error: Any = None) -> Any:
            status[0] = int(line.split(" ", 1)[0])
            headers.update(found)
            return None

        chunks = self._app.wsgi_app(_environ(call), start_response)
        try:
            content = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return Reply(status[0], headers, content)

    def hold(self, _look_every_s: float) -> None:
        """A long poll waits for its next look: until there is news, or for `hold_s` without."""
        task = self._hub.current()
        call = self._calls[task]
        if task not in self._holding:
            hold_s = self._hold_s if call.wait_s > self._hold_s else call.wait_s - REQUEST_S
            self._holding[task] = (Event(self._hub), self._hub.now_ns + round(hold_s * SECOND))
            # The first look may have been at a version that was read a moment before.
            self._hub.sleep(LOOK_EVERY_S)
            return
        news, until_ns = self._holding[task]
        news.clear()
        news.wait(max(LOOK_EVERY_S, (until_ns - self._hub.now_ns) / SECOND))

    def _look_for_news(self) -> None:
        self._is_looking = False
        (row,) = self.look.execute("SELECT version FROM districts").fetchall() or [(0,)]
        if row[0] != self.version:
            self.version = row[0]
            for news, _ in list(self._holding.values()):
                news.set()
        self._work.set()

    # The worker.

    def start(self) -> None:
        """Begin to work."""
        self._worker_number += 1
        name = f"worker-{self._worker_number}"
        sender = Sender(
            config=self.config,
            database=self.database,
            key=self.key,
            catalog=_catalog(),
            gateway=self.carrier,
            worker=name,
        )
        self._hub.spawn(name, lambda: self._run(lambda: self._send_on(sender)), GROUP, 0.5)

    def plan(self) -> None:
        """The worker's other round: plan anew because time has passed."""
        if self.is_up:
            self._hub.spawn("planning", lambda: self._run(self._replan), GROUP)

    def _replan(self) -> None:
        replan_district(self.database, self.config, self._clock.now())

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except CloudKilled:
            self._die_soon()

    def _send_on(self, sender: Sender) -> None:
        while True:
            self._work.clear()
            send_due(sender, self._clock.now, lambda: False)
            self._work.wait(self._next_due_s())
            self._hub.sleep(0.5)

    def _next_due_s(self) -> float:
        (row,) = self.look.execute(
            "SELECT min(CASE status WHEN 'queued' THEN not_before ELSE lease_until END) AS at"
            " FROM messages WHERE status IN ('queued', 'claimed')"
        ).fetchall()
        if row["at"] is None:
            return 3600.0
        due = datetime.fromisoformat(row["at"]).replace(tzinfo=self._clock.now().tzinfo)
        left_s = (due - self._clock.now()).total_seconds()
        # What is due and not sent is in dispute: whoever settles it writes, and wakes us.
        return left_s if left_s > 0 else 600.0

    # Its end, and its beginning.

    def kill(self) -> None:
        """End everything at once. In the main greenlet only."""
        if not self.is_up:
            return
        self.is_up = self._is_dying = False
        self.kill_in = self.kill_at_commit = None
        answers, self._answers = self._answers, {}
        self._hub.end_group(GROUP)
        self._holding.clear()
        self._trace.note("cloud", f"killed with {len(answers)} requests")
        for take in answers.values():
            self._hub.after(0.03, partial(take, None))

    def restart(self) -> None:
        """Begin again, with nothing but the database."""
        if self.is_up:
            return
        watch = VersionWatch(self.database)
        self.services = replace(self.services, watch=watch)
        self._app.extensions["valet"] = self.services
        self.is_up = True
        self._trace.note("cloud", "started")
        self.start()
        self._look_for_news()

    def do(self, name: str, work: Callable[[], Any]) -> Any:
        """Something that a person does in the cloud's pages. None if the cloud died of it."""
        if not self.is_up:
            return None
        try:
            done = work()
            if self._is_dying:
                raise CloudKilled
        except CloudKilled:
            self._trace.note("cloud", f"died during {name}")
            self._die_soon()
            return None
        return done

    def _die_soon(self) -> None:
        self._hub.at(self._hub.now_ns, self.kill)
        self._hub.after(self._numbers.uniform(1.0, 30.0), self.restart)

    def _at_statement(self, *_arguments: object) -> None:
        if self._is_dying:
            raise CloudKilled
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in = None
                raise CloudKilled

    def _at_commit(self, connection: Any) -> None:
        if connection.get_execution_options().get(_READ_ONLY):
            return
        if self.kill_at_commit is not None:
            when, self.kill_at_commit = self.kill_at_commit, None
            if when == "before":
                raise CloudKilled
            self._is_dying = True
        self.commits += 1
        if not self._is_looking:
            self._is_looking = True
            self._hub.after(LOOK_EVERY_S, self._look_for_news)

    def close(self) -> None:
        """Let the database go."""
        self.look.close()
        self.database.close()


@cache
def _catalog() -> Catalog:
    import server

    return Catalog(Path(server.__file__).parent / "translations", "driver")


def _environ(call: Call) -> dict[str, Any]:
    named = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in call.headers.items()}
    return {
        **named,
        "CONTENT_TYPE": call.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(call.body)),
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": call.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "cloud",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "cloud",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
