"""Several processes of one server behind one port: one is killed, and all end in order."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.signing import new_private_key, public_key_of, sign
from server import clock
from server.district import current_version
from server.models import StationNonceRow
from server.stations import add_station
from tests.cloud_kit import open_cloud
from tests.fault.cloud_watch import ask
from tests.fault.served_process import served_process
from tests.visit_story import steady_uuid

DEADLINE_S = 90.0

pytestmark = pytest.mark.usefixtures("unmeasured")


def test_the_processes_behind_one_port_count_together_and_stand_in_for_each_other(
    tmp_path: Path, postgres_url: str
) -> None:
    with (
        open_cloud(tmp_path, postgres_url) as kit,
        served_process(
            kit.config, tmp_path, PROCESSES="2", THREADS="16", METRICS_WINDOW_S="3600"
        ) as server,
    ):
        first = children(server.pid, 2)
        looked = 12
        for _ in range(looked):
            assert ask(server.port, "GET", "/manage/sign-in", None, {})[0] == 200
        assert counted(server.port) == looked
        os.kill(first.pop(), 9)
        # The one that is left answers; a line that was open to the other is cut.
        answers = Counter(ask(server.port, "GET", "/manage/sign-in", None, {})[0] for _ in range(8))
        assert answers[200] > 0
        assert set(answers) <= {0, 200}
        until(lambda: len(children(server.pid, None) - first) == 1, "another one was started")
        assert counted(server.port) >= looked + answers[200]


def test_who_waits_for_news_is_answered_when_the_server_ends_in_order(
    tmp_path: Path, sqlite_url: str
) -> None:
    key, name = new_private_key(), "station-francia"
    with (
        open_cloud(tmp_path, sqlite_url) as kit,
        served_process(kit.config, tmp_path, POLL_WAIT_S_MAX="55") as server,
    ):
        public = public_key_of(key).hex()
        kit.database.write(lambda s: add_station(s, name, "francia", public, clock.now()))
        header = {
            "v": 1,
            "journal_id": steady_uuid("waits", "journal"),
            "cursor": kit.database.read(current_version),
            "boot_id": "boot-1",
            "mono_ns": 1,
            "wait_s": 55,
        }
        body = json.dumps(header).encode()
        signed = sign(key, name, "POST", "/v1/sync", body, int(time.time()))
        with ThreadPoolExecutor(1) as pool:
            poll = pool.submit(ask, server.port, "POST", "/v1/sync", body, signed)
            until(lambda: kit.count(StationNonceRow) == 1, "the cloud holds the question")
            # Longer than gunicorn lets a request live on: without a word it would be cut off.
            os.kill(server.pid, signal.SIGTERM)
            status, content = poll.result(DEADLINE_S)
    assert (status, json.loads(content)["changes"]) == (200, [])


def children(pid: int, count: int | None) -> set[int]:
    """The processes that a server has started, once there are so many."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    until(lambda: count is None or len(file.read_text().split()) == count, "they are started")
    return set(map(int, file.read_text().split()))


def counted(port: int) -> int:
    """How often the page was shown, as whichever process is asked says."""
    status, content = ask(port, "GET", "/metrics", None, {})
    assert status == 200
    found = re.search(
        r'^valet_http_requests_total\{[^}]*route="/manage/sign-in"[^}]*\} ([0-9.]+)$',
        content.decode(),
        re.MULTILINE,
    )
    assert found is not None, content.decode()
    return int(float(found[1]))


def until(look: Callable[[], bool], what: str) -> None:
    """Wait for something."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not look():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)
