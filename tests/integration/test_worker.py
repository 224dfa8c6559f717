"""The worker as it runs: messages go out, plans stay true, and a fault ends nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from server import planner_searches, worker, workers
from server.config import Config
from server.database import Database
from server.district import current_version
from server.master_key import load_master_key
from server.models import MessageRow, PromiseRow, VisitFigureRow
from server.sending import Sender, send_due
from server.sms.recording import FILE_NAME, read_recorded
from server.worker import replan_district
from tests.visit_story import Story, settings

DEADLINE_S = 60.0


@pytest.fixture
def story(database_url: str, tmp_path: Path) -> Iterator[Story]:
    config = settings(tmp_path / "data", database_url)
    database = Database(database_url)
    yield Story(database, config, load_master_key(config.key_file), now=datetime.now(UTC))
    database.close()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def statuses(story: Story) -> list[str]:
    return story.database.read(
        lambda session: sorted(session.scalars(select(MessageRow.status)).all())
    )


def counted(story: Story) -> int:
    """How many visits are in the reports' figures."""
    return story.database.read(lambda session: len(session.scalars(select(VisitFigureRow)).all()))


def is_watched(story: Story) -> bool:
    """Whether a worker has said that it lives, and how long it searched for a plan."""
    return story.database.read(
        lambda session: (
            workers.seen_lately(session, story.config, datetime.now(UTC)) == 1
            and planner_searches.searches(session).upto[None] > 0
        )
    )


@contextmanager
def working(config: Config) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(config, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def test_messages_go_out_and_cars_are_counted_while_it_runs(story: Story) -> None:
    story.receive("herrera", phone="+50761111111")
    with working(story.config):
        wait_for(lambda: statuses(story) == ["sent"])
        story.receive("herrera", phone="+50762222222")
        wait_for(lambda: statuses(story) == ["sent", "sent"])
        wait_for(lambda: counted(story) == 2)
        wait_for(lambda: is_watched(story))

    recorded = read_recorded(story.config.data_dir / FILE_NAME)
    assert [message.phone for message in recorded] == ["+50761111111", "+50762222222"]


def test_it_waits_for_a_district(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)

    assert not replan_district(database, settings(tmp_path, sqlite_url), datetime.now(UTC))
    database.close()


def test_a_plan_that_says_the_same_leaves_no_trace(story: Story) -> None:
    story.receive("herrera")
    replan_district(story.database, story.config, story.now)
    version = story.database.read(current_version)

    for _ in range(3):
        story.wait(seconds=5)
        assert not replan_district(story.database, story.config, story.now)

    assert story.database.read(current_version) == version


def test_a_promise_that_time_has_broken_is_moved_and_told_to_the_stations(story: Story) -> None:
    visit = story.receive("herrera")
    visit.take("lote-norte").park().request("bolivar")
    version = visit.row().version
    story.wait(minutes=30)

    assert replan_district(story.database, story.config, story.now)

    assert visit.row().version > version
    assert story.database.read(current_version) == visit.row().version
    reasons = story.database.read(
        lambda session: session.scalars(
            select(PromiseRow.reason).order_by(PromiseRow.made_at)
        ).all()
    )
    assert list(reasons) == ["first", "late"]


def test_a_fault_is_said_once_and_its_end_once(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.receive("herrera")
    faults = [OSError("the disk is full")] * 3

    def failing_thrice(
        sender: Sender, now: Callable[[], datetime], is_stopping: Callable[[], bool]
    ) -> int:
        if faults:
            raise faults.pop()
        return send_due(sender, now, is_stopping)

    monkeypatch.setattr("server.worker.send_due", failing_thrice)
    monkeypatch.setattr(worker, "_LOOK_EVERY_S", 0.01)
    with capture_logs() as logged, working(story.config):
        wait_for(lambda: statuses(story) == ["sent"])

    said = [entry["event"] for entry in logged if entry["event"].startswith("work_")]
    assert said == ["work_failing", "work_back"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(
    story: Story, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    story.receive("herrera")
    environment = {
        **os.environ,
        "VALET_SERVER_DATA_DIR": str(story.config.data_dir),
        "VALET_SERVER_DATABASE_URL": story.config.database_url,
    }
    code = (
        "from server.config import load_config; from server.worker import run; run(load_config())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        wait_for(lambda: statuses(story) == ["sent"])
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
    output = capfd.readouterr()
    assert "worker_stopped" in output.out + output.err
    assert "+5076" not in output.out + output.err
