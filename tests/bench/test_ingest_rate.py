"""How fast the cloud takes events in, with all that follows from them, on both databases.

The district is at work meanwhile: sixty cars stand in the lots and are planned for. Each car of
the load is received, asked for, ready and handed over, so four events make a visit with its
guest record, link, messages, request, promise and closing.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from schemas import events, states
from server.ingest import Batch
from server.models import EventRow
from tests.bench.conftest import Figures
from tests.bench.spread import of_rates
from tests.cloud_kit import CloudKit, open_cloud
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import OTHER_RUNNER, RUNNER

NOW = minutes_later(10)
STANDING = 60
RUNS = 3
# About as many transactions of each size as can be waited for.
EVENTS = {1: 120, 50: 1_000, 500: 2_000}


@pytest.mark.parametrize("size", sorted(EVENTS))
def test_events_a_second(tmp_path: Path, database_url: str, figures: Figures, size: int) -> None:
    database = database_url.partition(":")[0].partition("+")[0]
    with open_cloud(tmp_path, database_url) as cloud:
        fill(cloud)
        runs_s = [drain(cloud, run, size, EVENTS[size]) for run in range(RUNS)]
        assert cloud.count(EventRow) == 3 * STANDING + 2 + RUNS * EVENTS[size]
    figures[f"ingest {database}, batches of {size}"] = of_rates(EVENTS[size], runs_s)


def fill(cloud: CloudKit) -> None:
    """Put the standing cars into the lots and two runners to work."""
    booth, lot = StationLines("herrera", "fill"), StationLines("lote-norte", "fill")
    cars = range(100_000, 100_000 + STANDING)
    lines = [lot.line(actor=RUNNER), lot.line(actor=OTHER_RUNNER)]
    out = [booth.received(car) for car in cars]
    out += [booth.taken(car, 2, states.PARK, "lote-norte") for car in cars]
    cloud.take(booth.batch(out), NOW)
    cloud.take(lot.batch([*lines, *(lot.parked(car, 3) for car in cars)]), NOW)


def drain(cloud: CloudKit, run: int, size: int, count: int) -> float:
    """Seconds for so many events of one journal, in batches of a size."""
    batches = load(run, size, count)
    began_s = time.perf_counter()
    for batch in batches:
        receipt = cloud.take(batch, NOW)
        assert not receipt.verdicts
    return time.perf_counter() - began_s


def load(run: int, size: int, count: int) -> list[Batch]:
    """The batches of one run, made before the time is taken."""
    station = StationLines("bolivar", f"run-{run}")
    lines: list[bytes] = []
    guests: dict[int, int] = {}
    for number in range(count // 4):
        car = run * 10_000 + number
        guests[len(lines)] = number
        lines += [
            station.received(car),
            station.requested(car, 2),
            station.of(events.CAR_READY, car, 3, actor=RUNNER),
            station.handed_over(car, 4),
        ]
    return [
        station.batch(
            lines[start : start + size],
            guests=tuple(
                station.guests[guests[at]]
                for at in range(start, min(start + size, len(lines)))
                if at in guests
            ),
        )
        for start in range(0, len(lines), size)
    ]
