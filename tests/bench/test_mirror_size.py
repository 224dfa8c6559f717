"""What a station has to fetch and to keep where two thousand cars are in the district's care."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from schemas import states
from tests.bench.conftest import Figures
from tests.bench.counting_line import CountingLine
from tests.bench.town import ServedCloud, Town
from tests.conftest import DATABASES
from tests.station_lines import StationLines, minutes_later

VISITS = 2_000
A_BATCH = 100


@pytest.mark.parametrize("kind", DATABASES)
def test_a_station_that_starts_from_nothing(
    town: Town, tmp_path: Path, figures: Figures, kind: str
) -> None:
    outage = town.enrol(f"station-{kind}", tmp_path / "nothing")
    outage.folder.mkdir()
    with town.serving(kind, tmp_path / "cloud") as cloud, CountingLine(cloud.url) as line:
        _fill(cloud)
        with outage.station(tmp_path / "station", line.url) as (station, client):
            exchange = station.exchange
            requests, asking_s, applying_s = 0, 0.0, 0.0
            more = True
            while more:
                asked = exchange.ask(limit_events=0, limit_bytes=0)
                began_s = time.perf_counter()
                answer = client.exchange(asked)
                come_s = time.perf_counter()
                exchange.take(answer, asked)
                applying_s += time.perf_counter() - come_s
                asking_s += come_s - began_s
                requests, more = requests + 1, answer["more"]
            assert len(station._mirror.visits()) == VISITS
        file = tmp_path / "station" / "station.sqlite3"
        figures[f"mirror of {VISITS} open visits, {kind}"] = {
            "n": 1.0,
            "requests": float(requests),
            "down_mb": round(line.down / 1e6, 2),
            "fetch_s": round(asking_s, 2),
            "apply_s": round(applying_s, 2),
            "on_disk_mb": round(file.stat().st_size / 1e6, 2),
        }


def _fill(cloud: ServedCloud) -> None:
    """Received at a booth, driven off and parked in a lot: three events for each car."""
    booth, lot = StationLines("herrera", "fill"), StationLines("lote-norte", "fill")
    for first in range(0, VISITS, A_BATCH):
        cars = range(first, first + A_BATCH)
        booth.guests.clear()
        out = [booth.received(car) for car in cars]
        out += [booth.taken(car, 2, states.PARK, "lote-norte") for car in cars]
        for batch in (booth.batch(out), lot.batch([lot.parked(car, 3) for car in cars])):
            assert not cloud.kit.take(batch, minutes_later(600)).verdicts
