"""The cloud's machine: the real database, exchanges and worker, and how they are killed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import event

from schemas.catalog import Catalog
from server.app import Services
from server.config import load_config
from server.master_key import load_master_key
from server.news_line import NewsLine
from server.sending import Sender, send_due
from server.shared_news import SharedNews
from server.sms import gateway as carriers
from server.sms.gateway import Outcome
from server.worker import replan_district
from tests.simulation.beginning import database_at
from tests.simulation.clocks import WorldClock
from tests.simulation.door import Application, Exchanges
from tests.simulation.hub import SECOND, Event, Hub, Task
from tests.simulation.network import Call, Reply
from tests.simulation.trace import Trace

GROUP = "cloud"
MASTER_KEY = "07" * 32
_READ_ONLY = "valet_read_only"
_POSITION = "SELECT coalesce(max(position), 0) FROM events WHERE journal_id = ?"


class CloudKilled(BaseException):
    """The cloud's process is gone."""


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
    """One process that serves and works. `hold_s`: how long it sits on a long poll without news;
    `news_s`: how long news wait before it tells those who wait for them."""

    def __init__(
        self,
        hub: Hub,
        trace: Trace,
        numbers: random.Random,
        folder: Path,
        loaded: bytes,
        *,
        news_s: float,
        is_http: bool,
    ) -> None:
        folder.mkdir(parents=True)
        (folder / "master.key").write_text(MASTER_KEY)
        path = folder / "server.sqlite3"
        path.write_bytes(loaded)
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
        self._news_s = news_s
        self.database = database_at(path)
        self.key = load_master_key(config.key_file)
        shared = SharedNews(self.database, self.key, config.changes_per_answer)
        notices = _HeldNews(self)
        self.services = Services(
            config, self.database, self.key, _catalog(), notices, shared, NewsLine()
        )
        self._listeners: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._at_statement,
            "commit": self._at_commit,
        }
        self._holding: dict[Task, tuple[Event, int]] = {}
        self._answers: dict[Task, Callable[[Reply | None], None]] = {}
        self._calls: dict[Task, Call] = {}
        self._is_dying = False
        self._is_looking = False
        self._work = Event(hub)
        self._worker_number = 0
        self.look = sqlite.connect(path, isolation_level=None)
        self.look.row_factory = sqlite.Row
        self._door = Application(self.services) if is_http else Exchanges(self.look, self._wait)
        for name, listener in self._listeners.items():
            event.listen(self.database.engine, name, listener)

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
            reply = self._door.answer(self.services, call)
            self._live_on()
        except CloudKilled:
            self._die_soon()
            take(None)
            return
        finally:
            self._answers.pop(task, None)
            self._holding.pop(task, None)
            self._calls.pop(task, None)
        if reply.status >= 500:
            self._trace.note("cloud", f"500 for {call.station}")
        take(reply)

    def hold(self, cursor: int) -> None:
        """The call at hand waits for news, or for as long as its sender lets it."""
        self._wait(self._calls[self._hub.current()], cursor)

    def _wait(self, call: Call, cursor: int) -> None:
        news, until_ns = Event(self._hub), self._hub.now_ns + round(call.hold_s * SECOND)
        self._holding[self._hub.current()] = (news, until_ns)
        while self.newest() <= cursor and self._hub.now_ns < until_ns:
            news.clear()
            news.wait((until_ns - self._hub.now_ns) / SECOND)

    def newest(self) -> int:
        """The district's version."""
        (row,) = self.look.execute("SELECT version FROM districts").fetchall()
        return int(row[0])

    def position(self, journal_id: str) -> int:
        """The district's version of the last change of this journal's events; 0 without any."""
        (row,) = self.look.execute(_POSITION, (journal_id,)).fetchall()
        return int(row[0])

    def _look_for_news(self) -> None:
        self._is_looking = False
        version = self.newest()
        if version != self.version:
            self.version = version
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
        if self.is_up and self.look.execute("SELECT 1 FROM visits WHERE is_open").fetchone():
            self._hub.spawn("planning", lambda: self._run(self._replan), GROUP)

    def _replan(self) -> None:
        replan_district(self.database, self.config, self._clock.now())

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
            self._live_on()
        except CloudKilled:
            self._die_soon()

    def _send_on(self, sender: Sender) -> None:
        while True:
            self._work.clear()
            if self._next_due_s() <= 0:
                send_due(sender, self._clock.now, lambda: False)
                self._live_on()
            left_s = self._next_due_s()
            # What is due and not sent is in dispute: whoever settles it writes, and wakes us.
            self._work.wait(left_s if left_s > 0 else 600.0)
            self._hub.sleep(0.5)

    def _next_due_s(self) -> float:
        (row,) = self.look.execute(
            "SELECT min(CASE status WHEN 'queued' THEN not_before ELSE lease_until END) AS at"
            " FROM messages WHERE status IN ('queued', 'claimed')"
        ).fetchall()
        if row["at"] is None:
            return 3600.0
        due = datetime.fromisoformat(row["at"]).replace(tzinfo=self._clock.now().tzinfo)
        return (due - self._clock.now()).total_seconds()

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
            self._live_on()
        except CloudKilled:
            self._trace.note("cloud", f"died during {name}")
            self._die_soon()
            return None
        return done

    def mend(self) -> None:
        """Let nothing kill it any more, and let it run. In the main greenlet only."""
        self.kill_in = self.kill_at_commit = None
        if self._is_dying:
            self.kill()
        self.restart()

    def _live_on(self) -> None:
        """Does nothing for who is alive: a commit may have been the last thing that was done."""
        if self._is_dying:
            raise CloudKilled

    def _die_soon(self) -> None:
        self._hub.at(self._hub.now_ns, self.kill)
        self._hub.after(self._numbers.uniform(1.0, 30.0), self.restart)

    def _at_statement(self, *_arguments: object) -> None:
        self._live_on()
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
            self._hub.after(self._news_s, self._look_for_news)

    def close(self) -> None:
        """Let the database go."""
        for name, listener in self._listeners.items():
            event.remove(self.database.engine, name, listener)
        self.look.close()
        self.database.close()


class _HeldNews:
    """News by the world's time."""

    def __init__(self, machine: CloudMachine) -> None:
        self._machine = machine

    def wait(self, seen: int, _wait_s: float) -> int:
        """See `Waking`."""
        self._machine.hold(seen)
        return self._machine.newest()

    def start(self) -> None:
        """See `Waking`."""

    def close(self) -> None:
        """See `Waking`."""


@cache
def _catalog() -> Catalog:
    import server

    return Catalog(Path(server.__file__).parent / "translations", "driver")
