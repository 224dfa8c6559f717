"""A hundred stations, each with its own key and a hundred events, whose lines come back at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reader_agent.cloud import Answer, Asked, Cloud, CloudLost
from schemas.problems import HTTP_STATUS
from tests.bench.conftest import Figures
from tests.bench.outage import Outage, learn_district, live_through
from tests.bench.spread import of_times
from tests.bench.town import ServedCloud, Town
from tests.conftest import DATABASES
from tests.visit_story import BOOTHS

STATIONS = 100
EVENTS = 100
DEADLINE_S = 300.0
LATER = ("429", "503")
P99_MS = 2_000.0
"""What we set ourselves."""


@dataclass
class TimedCloud:
    """A cloud that notes how long each request takes and how it ends."""

    cloud: Cloud
    times_ms: list[float] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud`."""
        began_s, end = time.perf_counter(), "200"
        try:
            return self.cloud.exchange(asked)
        except CloudLost as error:
            end = str(HTTP_STATUS.get(error.problem or "", error.problem))
            raise
        finally:
            self.times_ms.append(1e3 * (time.perf_counter() - began_s))
            self.ends.append(end)

    def close(self) -> None:
        """See `Cloud`."""
        self.cloud.close()


@pytest.fixture(scope="module")
def outages(town: Town, tmp_path_factory: pytest.TempPathFactory) -> list[Outage]:
    folder = tmp_path_factory.mktemp("outages")
    found = [
        town.enrol(f"station-{number}", folder / str(number), BOOTHS[number % len(BOOTHS)])
        for number in range(STATIONS)
    ]
    with town.serving("sqlite", folder / "cloud") as cloud:
        for outage in found:
            learn_district(outage, cloud.url)
    for outage in found:
        live_through(outage, EVENTS)
    return found


@pytest.mark.parametrize("kind", DATABASES)
def test_all_stations_reconnect_at_once(
    town: Town, outages: list[Outage], tmp_path: Path, figures: Figures, kind: str
) -> None:
    starting = threading.Barrier(STATIONS + 1)
    with (
        town.serving(kind, tmp_path / "cloud") as cloud,
        ThreadPoolExecutor(STATIONS) as pool,
    ):
        runs = [
            pool.submit(_send_all, outage, tmp_path / outage.station_id, cloud, starting)
            for outage in outages
        ]
        starting.wait(DEADLINE_S)
        began_s, server_s = time.perf_counter(), cloud.cpu_s()
        clouds = [run.result(DEADLINE_S) for run in runs]
        took_s, server_s = time.perf_counter() - began_s, cloud.cpu_s() - server_s
        for outage in outages:
            cloud.assert_whole(outage, EVENTS)
    times_ms = [time_ms for one in clouds for time_ms in one.times_ms]
    ends = Counter(end for one in clouds for end in one.ends)
    # To be asked to come later is an answer too; nothing else is.
    assert set(ends) <= {"200", *LATER}, ends
    assert all(one.ends[-1] == "200" for one in clouds)
    figures[f"{STATIONS} stations reconnect at once, {kind}"] = {
        **of_times(times_ms),
        "most_wanted_p99_ms": P99_MS,
        "asked_to_come_later": float(sum(ends[status] for status in LATER)),
        "all_s": round(took_s, 2),
        "server_cpu_s": round(server_s, 2),
        "events_per_s": round(STATIONS * EVENTS / took_s, 1),
    }


def _send_all(
    outage: Outage, folder: Path, cloud: ServedCloud, starting: threading.Barrier
) -> TimedCloud:
    with outage.station(folder, cloud.url) as (station, client):
        timed = TimedCloud(client)
        sync = station.sync_with(timed)
        starting.wait(DEADLINE_S)
        began_s = time.perf_counter()
        while station.exchange.has_unsent():
            sync.push_step()
            assert time.perf_counter() - began_s < DEADLINE_S, timed.ends
        assert station.status().refused == 0
    return timed
