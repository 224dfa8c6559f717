"""One event from the journal to the cloud and back over real HTTP, and a question without news."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Figures
from tests.bench.outage import learn_district, sign_on
from tests.bench.spread import of_times
from tests.bench.town import ServedCloud, Town
from tests.conftest import DATABASES

WARM = 20
TAPS = 300
POLLS = 500


@pytest.mark.parametrize("kind", DATABASES)
def test_round_trips(town: Town, tmp_path: Path, figures: Figures, kind: str) -> None:
    outage = town.enrol(f"station-{kind}", tmp_path / "before")
    with town.serving(kind, tmp_path / "cloud") as cloud:
        learn_district(outage, cloud.url)
        with outage.station(tmp_path / "station", cloud.url) as (station, client):
            sync = station.sync_with(client)

            def tap() -> None:
                sign_on(station)
                while station.exchange.has_unsent():
                    sync.push_step()

            def poll() -> None:
                asked = station.exchange.ask(limit_events=0, limit_bytes=0)
                station.exchange.take(client.exchange(asked), asked)

            figures[f"one event to the cloud and back, {kind}"] = _timed(cloud, tap, TAPS)
            figures[f"one question without news, {kind}"] = _timed(cloud, poll, POLLS)
            cloud.assert_whole(outage, 2 + WARM + TAPS)


def _timed(cloud: ServedCloud, work: Callable[[], None], count: int) -> dict[str, float]:
    for _ in range(WARM):
        work()
    samples_ms, server_s = [], cloud.cpu_s()
    for _ in range(count):
        began_s = time.perf_counter()
        work()
        samples_ms.append(1e3 * (time.perf_counter() - began_s))
    server_ms = 1e3 * (cloud.cpu_s() - server_s) / count
    return {**of_times(samples_ms), "server_cpu_ms": round(server_ms, 3)}
