"""The worker: sends messages, keeps the plan and the reports' figures up to date and learns travel
times.

Any number may run, on any hosts. Messages, reports and questions are claimed one by one, and what
is erased may be erased twice. What only one should do (plan, learn, count figures, close days) is
done by whoever has the dispatcher's lease; when he dies another takes it over.
"""

from __future__ import annotations

import signal
import threading
from _thread import start_new_thread
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Protocol

import structlog
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from schemas.catalog import Catalog
from schemas.request_ids import new_request_id
from server import clock, leg_times, planner_searches, tracing, workers
from server.config import Config
from server.database import Database, open_database
from server.database_time import DatabaseTime
from server.day_closing import close_days, is_due
from server.dispatch import planner_state, waiting_places
from server.dispatch.past_evenings import Forecasts
from server.dispatch.replan import outlook, replan, rides_of, routes_of, search
from server.dispatch.what_if_player import WhatIfPlayer
from server.district import current_version, next_version
from server.figures.keep import keep
from server.keys.reseal import Resealing
from server.keys.root import open_key
from server.leases import DISPATCHER, LeaseHolder
from server.master_key import MasterKey
from server.notices import Notices
from server.photo_stores import drop_old_parts, open_photo_store
from server.purge import open_purge
from server.report_runs import open_office, run_due
from server.sending import Sender, send_due, worker_name
from server.sms import open_gateway, open_receipts

log = structlog.get_logger()

_LOOK_EVERY_S = 0.5
_BESIDE_EVERY_S = 5
_TRANSLATIONS = Path(__file__).parent / "translations"


class _NothingChanged(Exception):
    """Rolls back a plan that says what the last one said."""


@dataclass(slots=True)
class _Rounds:
    """Runs a piece of work round after round; says its loss once and its return once."""

    name: str
    work: Callable[[], object]
    is_failing: bool = field(default=False)

    def once(self) -> None:
        """One round. A fault is logged and left for the next round. What is logged meanwhile has
        the round's name and an id of its own, as a request has."""
        with bound_contextvars(work=self.name, request_id=new_request_id()):
            try:
                self.work()
            except Exception:
                if not self.is_failing:
                    log.exception("work_failing", work=self.name)
                self.is_failing = True
                return
            if self.is_failing:
                log.info("work_back", work=self.name)
            self.is_failing = False


def run(config: Config) -> None:
    """Work until SIGTERM or SIGINT; the message at hand is finished first."""
    tracing.begin(config)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # On a thread of its own: the handler may interrupt `stop.wait`, whose lock `set` needs.
        start_new_thread(stop.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    work(config, stop)


def work(config: Config, stop: threading.Event) -> None:
    """Work until `stop` is set."""
    database = open_database(config)
    sender = Sender(
        config=config,
        database=database,
        key=open_key(config),
        catalog=Catalog(_TRANSLATIONS, "driver"),
        gateway=open_gateway(config),
        worker=worker_name(),
        receipts=open_receipts(config),
    )
    log.info("worker_started", worker=sender.worker)
    notices = Notices(database, config.notice_s)
    notices.start()
    time = DatabaseTime(database)
    holder = LeaseHolder(database, DISPATCHER, sender.worker, config.lease_s)
    photos = open_photo_store(config, sender.key)
    player = WhatIfPlayer(config, database)
    office = open_office(config, database, sender.key, sender.worker)
    purge = open_purge(config, database, photos, sender.worker)
    anew = Resealing(database, sender.key, config.purge_batch)

    def beat() -> None:
        time.compare()
        database.note(lambda session: workers.beat(session, sender.worker, time.now()))

    sending = _Rounds("sending", lambda: send_due(sender, time.now, stop.is_set))
    seldom = (
        _Rounds("beat", beat),
        _Rounds("photos", lambda: drop_old_parts(photos, config, clock.now())),
        _Rounds("what_if", lambda: player.once(time.now)),
    )
    # A report and its mail, or a store of photos, take longer than a driver's message should wait.
    others = (
        _Rounds("reports", lambda: run_due(office, time.now, stop.is_set)),
        _Rounds("purging", lambda: purge.once(time.now())),
        _Rounds("resealing", lambda: anew.once(time.now())),
    )
    threads = (
        threading.Thread(target=_go_on, args=(stop, *others), name="beside"),
        threading.Thread(
            target=_dispatch, args=(stop, config, database, holder, time), name="dispatch"
        ),
    )
    for thread in threads:
        thread.start()
    try:
        _take_turns(stop, config.replan_s, sending, seldom)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        player.close()
        notices.close()
        database.close()
        log.info("worker_stopped", worker=sender.worker)


def _dispatch(
    stop: threading.Event,
    config: Config,
    database: Database,
    holder: LeaseHolder,
    time: DatabaseTime,
) -> None:
    """What one worker of the district does, while that is this one."""
    forecasts, key, noted = Forecasts(), open_key(config), note_search(database)

    def ours(name: str, work: Callable[[], object]) -> _Rounds:
        return _Rounds(name, lambda: holder.keep() and work())

    def plan() -> bool:
        return replan_district(
            database, config, time.now(), forecasts, noted, may_decide=holder.is_ours
        )

    seldom = (
        ours("learning", lambda: leg_times.refresh(database, config, time.now())),
        ours("planning", plan),
        ours("closing", lambda: close_ended_days(database, config, key, time.now())),
    )
    figuring = ours("figures", lambda: keep(database, config))
    try:
        _take_turns(stop, config.replan_s, figuring, seldom, lambda: holder.is_held)
    finally:
        _Rounds("lease", holder.give_back).once()


def _take_turns(
    stop: threading.Event,
    every_s: int,
    often: _Rounds,
    seldom: Sequence[_Rounds],
    is_due: Callable[[], bool] = lambda: True,
) -> None:
    """Do `often` again and again, and the others every `every_s` while they are due at all."""
    next_ns = clock.mono_ns()
    while not stop.is_set():
        often.once()
        if clock.mono_ns() >= next_ns and is_due():
            for each in seldom:
                if not stop.is_set():
                    each.once()
            next_ns = clock.mono_ns() + every_s * 10**9
        stop.wait(_LOOK_EVERY_S)


def _go_on(stop: threading.Event, *rounds: _Rounds) -> None:
    while not stop.is_set():
        for each in rounds:
            each.once()
        stop.wait(_BESIDE_EVERY_S)


def close_ended_days(database: Database, config: Config, key: MasterKey, now: datetime) -> int:
    """Close the days that are over in the ledger; how many.

    The write lock is taken only where there is one.
    """
    if not database.read(lambda session: is_due(session, config, now)):
        return 0
    return database.write(lambda session: close_days(session, config, key, now))


class Timed(Protocol):
    """Is told of a search: its fault, if any, its seconds, and what its plan and that of first
    come, first served cost."""

    def __call__(
        self, fault: str | None, took_s: float, cost: float = 0, baseline_cost: float = 0
    ) -> None: ...


def note_search(database: Database) -> Timed:
    """Counts searches, for `replan_district`."""

    def note(fault: str | None, took_s: float, cost: float = 0, baseline_cost: float = 0) -> None:
        ended = planner_searches.Ended(fault, took_s, cost, baseline_cost)
        database.note(lambda session: planner_searches.note(session, ended))

    return note


def replan_district(
    database: Database,
    config: Config,
    now: datetime,
    forecasts: Forecasts | None = None,
    timed: Timed | None = None,
    may_decide: Callable[[Session], bool] | None = None,
) -> bool:
    """Plan anew because time has passed; whether anything changed.

    The search looks at a snapshot, with no transaction open. To put into force what it found, the
    district's version is raised first, as everyone does who changes something; it falls back with
    the transaction when the plan is the old one: no station hears of nothing. `may_decide` says in
    the transaction whether the plan is still ours to make.
    """
    if database.read(current_version) == 0:
        return False
    forecast = None if forecasts is None else forecasts.at(database, config, now)
    snapshot = database.read(lambda session: outlook(session, config, now, forecast))
    began_s = clock.mono_s()
    found = search(snapshot, config)
    if timed is not None:
        costs = found.plan.cost, found.plan.baseline_cost
        timed(found.fault, clock.mono_s() - began_s, *costs)

    def plan(session: Session) -> None:
        version = next_version(session)
        if may_decide is not None and not may_decide(session):
            raise _NothingChanged
        before = planner_state.faults(session)
        planner_state.note_search(session, before, found, now)
        is_news = waiting_places.tell(session, snapshot, found.plan, version)
        standing, rides = routes_of(found.plan), rides_of(found.plan)
        touched = replan(session, config, version, now, standing=standing, rides=rides)
        if not touched and not is_news and planner_state.faults(session) == before:
            raise _NothingChanged

    try:
        database.write(plan, in_turn=True)
    except _NothingChanged:
        return False
    return True
