"""Two thousand long polls on one process: what they cost, and how soon a change reaches all."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from schemas.signing import new_private_key, public_key_of
from server import clock
from server.district import current_version
from server.notices import Notices
from server.stations import add_station
from tests.bench.conftest import Figures
from tests.bench.process_cost import group_cpu_s, resident_mb
from tests.bench.spread import of_times
from tests.bench.streams import Streams
from tests.cloud_kit import CloudKit, open_cloud
from tests.fault.served_process import ServedProcess, served_process
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import settings

DEADLINE_S = 120.0
IDLE_S = 5.0
POOL = 15


@pytest.mark.parametrize("count", [200, 2000])
def test_streams_that_wait_on_one_process(
    tmp_path: Path, postgres_url: str, figures: Figures, count: int
) -> None:
    room = {
        "THREADS": str(count + 32),
        "STREAMS_MAX": str(count),
        "DATABASE_CONNECTIONS": str(POOL),
    }
    config = settings(tmp_path, postgres_url)
    # The one that `kit.take` seals with.
    config.key_file.write_text((b"\x07" * 32).hex())
    with (
        open_cloud(tmp_path, postgres_url) as kit,
        served_process(kit.config, tmp_path, **room) as server,
    ):
        key = new_private_key()
        kit.database.write(
            lambda session: add_station(
                session, "station-francia", "francia", public_key_of(key).hex(), clock.now()
            )
        )
        # This process commits as another process of the cloud does, and says so.
        notices = Notices(kit.database)
        notices.start()
        empty_mb = resident_mb(worker_pid(server))
        streams = Streams(server.port, "station-francia", key)
        began_s = time.perf_counter()
        streams.open(count, kit.database.read(current_version), wait_s=55)
        wait_until_held(postgres_url, count)
        opened_s = time.perf_counter() - began_s
        held_mb = resident_mb(worker_pid(server))
        idle_s = idle_cpu_s(server)
        assert streams.early() == 0
        connections, busy = connections_of(postgres_url)
        assert connections <= POOL + 1
        assert busy == 0

        committed_s = change(kit)
        streams.read_all()
        notices.close()

    late_ms = [1e3 * (at_s - committed_s) for at_s in streams.answered_s]
    assert streams.statuses == {b"200"}
    assert len(late_ms) == count
    figures[f"{count} long polls on one process"] = {
        **of_times(late_ms),
        "kib_each": round(1e3 * (held_mb - empty_mb) / 1.024 / count, 1),
        "process_mb": round(held_mb, 1),
        "opened_in_s": round(opened_s, 1),
        "idle_cpu_percent": round(100 * idle_s / IDLE_S, 1),
        "connections": float(connections),
    }


def worker_pid(server: ServedProcess) -> int:
    """The process that serves: gunicorn's first one only looks after it."""
    (child,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return int(child)


def idle_cpu_s(server: ServedProcess) -> float:
    """Processor seconds while nothing happens."""
    before_s = group_cpu_s(server.pid)
    time.sleep(IDLE_S)
    return group_cpu_s(server.pid) - before_s


def wait_until_held(url: str, count: int) -> None:
    """Until each request has spent its nonce and nothing moves any more."""
    deadline_s = time.perf_counter() + DEADLINE_S
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT count(*) FROM station_nonces").fetchone()
            if row is not None and row[0] >= count:
                break
            assert time.perf_counter() < deadline_s, row
            time.sleep(0.1)
    while connections_of(url)[1]:
        assert time.perf_counter() < deadline_s
        time.sleep(0.1)


def connections_of(url: str) -> tuple[int, int]:
    """The server's connections, and how many of them are at something."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'valet'"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def change(kit: CloudKit) -> float:
    """A car is received at another booth; when that was committed, by `perf_counter`."""
    station = StationLines("herrera")
    kit.take(station.batch([station.received(1)]), minutes_later(5))
    return time.perf_counter()


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
