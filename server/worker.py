"""The worker: sends messages, keeps the plan and the reports' figures up to date and learns travel
times. Several may run at once."""

from __future__ import annotations

import signal
import threading
from _thread import start_new_thread
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType

import structlog
from sqlalchemy.orm import Session

from schemas.catalog import Catalog
from server import clock, leg_times, planner_searches, workers
from server.config import Config
from server.database import Database
from server.day_closing import close_days, is_due
from server.dispatch import planner_state, waiting_places
from server.dispatch.past_evenings import Forecasts
from server.dispatch.replan import outlook, replan, routes_of, search
from server.dispatch.what_if_player import WhatIfPlayer
from server.district import current_version, next_version
from server.figures.keep import keep
from server.master_key import MasterKey, load_master_key
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
        """One round. A fault is logged and left for the next round."""
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
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # On a thread of its own: the handler may interrupt `stop.wait`, whose lock `set` needs.
        start_new_thread(stop.set, ())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    work(config, stop)


def work(config: Config, stop: threading.Event) -> None:
    """Work until `stop` is set."""
    database = Database(config.database_url)
    sender = Sender(
        config=config,
        database=database,
        key=load_master_key(config.key_file),
        catalog=Catalog(_TRANSLATIONS, "driver"),
        gateway=open_gateway(config),
        worker=worker_name(),
        receipts=open_receipts(config),
    )
    log.info("worker_started", worker=sender.worker)
    sending = _Rounds("sending", lambda: send_due(sender, clock.now, stop.is_set))
    forecasts = Forecasts()
    planning = _Rounds(
        "planning",
        lambda: replan_district(database, config, clock.now(), forecasts, note_search(database)),
    )
    beating = _Rounds(
        "beat",
        lambda: database.note(lambda session: workers.beat(session, sender.worker, clock.now())),
    )
    closing = _Rounds(
        "closing", lambda: close_ended_days(database, config, sender.key, clock.now())
    )
    photos = open_photo_store(config, sender.key)
    sweeping = _Rounds("photos", lambda: drop_old_parts(photos, config, clock.now()))
    learning = _Rounds("learning", lambda: leg_times.refresh(database, config, clock.now()))
    figuring = _Rounds("figures", lambda: keep(database, config))
    player = WhatIfPlayer(config, database)
    playing = _Rounds("what_if", lambda: player.once(clock.now))
    office = open_office(config, database, sender.key, sender.worker)
    reporting = _Rounds("reports", lambda: run_due(office, clock.now, stop.is_set))
    purge = open_purge(config, database, photos, sender.worker)
    purging = _Rounds("purging", lambda: purge.once(clock.now()))
    # A report and its mail, or a store of photos, take longer than a driver's message should wait.
    beside = threading.Thread(target=_go_on, args=(stop, reporting, purging), name="beside")
    beside.start()
    plan_at_ns = clock.mono_ns()
    try:
        while not stop.is_set():
            sending.once()
            figuring.once()
            if clock.mono_ns() >= plan_at_ns and not stop.is_set():
                beating.once()
                learning.once()
                planning.once()
                closing.once()
                sweeping.once()
                playing.once()
                plan_at_ns = clock.mono_ns() + config.replan_s * 10**9
            stop.wait(_LOOK_EVERY_S)
    finally:
        stop.set()
        beside.join()
        player.close()
        database.close()
        log.info("worker_stopped", worker=sender.worker)


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


def note_search(database: Database) -> Callable[[str | None, float], None]:
    """Counts searches, for `replan_district`."""

    def note(fault: str | None, took_s: float) -> None:
        database.note(lambda session: planner_searches.note(session, fault, took_s))

    return note


def replan_district(
    database: Database,
    config: Config,
    now: datetime,
    forecasts: Forecasts | None = None,
    timed: Callable[[str | None, float], None] | None = None,
) -> bool:
    """Plan anew because time has passed; whether anything changed.

    The search looks at a snapshot, with no transaction open. To put into force what it found, the
    district's version is raised first, as everyone does who changes something; it falls back with
    the transaction when the plan is the old one: no station hears of nothing. `timed` is told the
    search's fault, if any, and its seconds.
    """
    if database.read(current_version) == 0:
        return False
    forecast = None if forecasts is None else forecasts.at(database, config, now)
    snapshot = database.read(lambda session: outlook(session, config, now, forecast))
    began_s = clock.mono_s()
    found = search(snapshot, config)
    if timed is not None:
        timed(found.fault, clock.mono_s() - began_s)

    def plan(session: Session) -> None:
        version = next_version(session)
        before = planner_state.faults(session)
        planner_state.note_search(session, before, found, now)
        is_news = waiting_places.tell(session, snapshot, found.plan, version)
        touched = replan(session, config, version, now, standing=routes_of(found.plan))
        if not touched and not is_news and planner_state.faults(session) == before:
            raise _NothingChanged

    try:
        database.write(plan)
    except _NothingChanged:
        return False
    return True
