"""What 1, 10 and 100 districts cost on one PostgreSQL, by made data.

A process serves one district: its tables know no other. More districts are more databases (or
schemas) of the same PostgreSQL, each with a door and a worker of its own. What lies in the database
is measured with that many of them present; processes are measured for one district and multiplied,
which the names of those figures say (`for_all`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
from psycopg import sql

from schemas import events, states
from server.database import Database
from server.dispatch.past_evenings import Forecasts
from server.driver.stay import find_stay
from server.figures.keep import keep_up
from server.links import token_of
from server.reports.day import day_of
from server.reports.day_report import day_report
from server.worker import replan_district
from tests import postgres
from tests.bench.conftest import Figures
from tests.bench.process_cost import family_cpu_s, group_cpu_s, resident_mb
from tests.bench.year_of_data import PANAMA
from tests.cloud_kit import CloudKit, open_cloud
from tests.fault.cloud_processes import cloud_processes
from tests.patroni_kit import children_of
from tests.station_lines import StationLines, minutes_later, visit_id_of
from tests.stores import new_store
from tests.visit_story import EVENING, KEY, settings

DISTRICTS = (1, 10, 100)
CARS = 400
"""So many visits are over in each district; `CARS_HERE` more stand ready."""
CARS_A_BATCH = 100
CARS_HERE = 20
LOOKS = 30
IDLE_S = 20.0
NOW = minutes_later(36 * 60)


@dataclass(frozen=True)
class Town:
    """That many districts, each with its database; `kits` are of those that are at work here."""

    cluster: postgres.Cluster
    names: list[str]
    kits: list[CloudKit]


def drive(kit: CloudKit, name: str, first: int, count: int, *, until_ready: bool = False) -> int:
    """Let so many cars come, be parked, asked for and handed over; how many events that were."""
    booth, lot = StationLines("herrera", name), StationLines("lote-norte", name)
    taken = 0
    for start in range(first, first + count, CARS_A_BATCH):
        cars = range(start, min(start + CARS_A_BATCH, first + count))
        story: list[tuple[StationLines, Callable[[int], list[bytes]]]] = [
            (
                booth,
                lambda car: [
                    booth.received(car),
                    booth.taken(car, 2, states.PARK, "lote-norte"),
                ],
            ),
            (lot, lambda car: [lot.parked(car, 3)]),
            (booth, lambda car: [booth.requested(car, 4, "herrera")]),
            (lot, lambda car: [lot.taken(car, 5, states.RETRIEVE, "herrera")]),
            (
                booth,
                lambda car: [
                    booth.of(events.CAR_READY, car, 6),
                    *([] if until_ready else [booth.handed_over(car, 7)]),
                ],
            ),
        ]
        for station, told in story:
            lines = [line for car in cars for line in told(car)]
            receipt = kit.take(station.batch(lines), NOW)
            assert not receipt.verdicts
            station.guests.clear()
            taken += len(lines)
    return taken


@pytest.fixture(scope="module")
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A district with its past, to be copied; and where its settings lie."""
    folder = tmp_path_factory.mktemp("growth")
    url = new_store(request, "postgresql", folder).url
    with open_cloud(folder, url) as kit:
        drive(kit, "past", 1, CARS)
        drive(kit, "present", CARS + 1, CARS_HERE, until_ready=True)
        keep_up(kit.database, kit.config)
    return url, folder


@pytest.fixture(params=DISTRICTS)
def town(
    request: pytest.FixtureRequest,
    store: tuple[str, Path],
    postgres_cluster: postgres.Cluster,
) -> Iterator[Town]:
    """So many copies of it, gone after the test."""
    url, folder = store
    template = url.rpartition("/")[2]
    names = [f"growth_{number}" for number in range(request.param)]
    with ExitStack() as opened:
        kits = []
        for name in names:
            copy_files(postgres_cluster, name, template)
            opened.callback(postgres_cluster.drop, name)
        # The first, the last and one between.
        for name in {names[0], names[len(names) // 2], names[-1]}:
            own = postgres_cluster.url(name)
            database = opened.enter_context(closing(Database(own, connections=1)))
            kits.append(CloudKit(database, settings(folder, own)))
        yield Town(postgres_cluster, names, kits)


def copy_files(cluster: postgres.Cluster, name: str, template: str) -> None:
    """Copy a database by its files: through the log, a hundred of them take minutes."""
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with postgres._connect(cluster.port) as connection:
        connection.execute(command.format(sql.Identifier(name), sql.Identifier(template)))


def test_what_many_districts_cost(town: Town, figures: Figures) -> None:
    found: dict[str, float] = {"districts": float(len(town.names))}
    sizes = sizes_mb(town)
    found["database_mb_each"] = round(sizes / len(town.names), 1)
    found["database_mb_all"] = round(sizes, 1)
    for kit in town.kits:
        # The first of everything works the statements out.
        drive(kit, "warm", 80_000, 1)
        worker_round(kit)
    rates, rounds_s = [], []
    for number, kit in enumerate(town.kits * 3):
        began_s = time.perf_counter()
        count = drive(kit, f"now-{number}", 1_000 * (number + 1), CARS_A_BATCH)
        rates.append(count / (time.perf_counter() - began_s))
        began_s = time.perf_counter()
        worker_round(kit)
        rounds_s.append(time.perf_counter() - began_s)
    found["ingest_per_s"] = round(median(rates), 1)
    found["report_p95_ms"] = in_turn(town, report)
    found["driver_page_data_p95_ms"] = in_turn(town, driver_page)
    found["worker_round_ms"] = round(1e3 * median(rounds_s), 1)
    found["worker_rounds_s_for_all"] = round(len(town.names) * median(rounds_s), 2)
    figures[f"growth, {len(town.names)} districts"] = found
    assert found["ingest_per_s"] > 0


def in_turn(town: Town, look: Callable[[CloudKit], object]) -> float:
    """The 95th in a hundred of a look's milliseconds, at one district after the other."""
    taken = []
    for number in range(LOOKS):
        kit = town.kits[number % len(town.kits)]
        began_s = time.perf_counter()
        look(kit)
        taken.append(1e3 * (time.perf_counter() - began_s))
    return round(sorted(taken)[-(-95 * len(taken) // 100) - 1], 1)


def report(kit: CloudKit) -> object:
    """What the page of a day has to read."""
    day = day_of(EVENING.astimezone(PANAMA).date(), PANAMA, kit.config.day_starts_hour)
    return kit.database.read(lambda session: day_report(session, kit.config, day, None, NOW))


def driver_page(kit: CloudKit) -> object:
    """What the page of a driver has to read whose car is there."""
    token = token_of(KEY, visit_id_of(CARS + 1))
    return kit.database.read(
        lambda session: find_stay(session, kit.config, KEY, token, NOW, by_tap=False)
    )


def worker_round(kit: CloudKit) -> None:
    """What a worker does every few seconds: the figures, and a search for a better plan."""
    keep_up(kit.database, kit.config)
    replan_district(kit.database, kit.config, NOW, Forecasts())


def sizes_mb(town: Town) -> float:
    """All databases of the town on the disk."""
    with postgres._connect(town.cluster.port) as connection:
        row = connection.execute(
            "SELECT sum(pg_database_size(datname)) FROM pg_database WHERE datname = ANY(%s)",
            [town.names],
        ).fetchone()
    assert row is not None
    return float(str(row[0])) / 1e6


def test_what_the_processes_of_one_district_cost_at_rest(
    store: tuple[str, Path],
    postgres_cluster: postgres.Cluster,
    tmp_path: Path,
    figures: Figures,
) -> None:
    name = "growth_processes"
    copy_files(postgres_cluster, name, store[0].rpartition("/")[2])
    url = postgres_cluster.url(name)
    config = settings(tmp_path / "cloud", url)
    config.key_file.parent.mkdir(parents=True)
    config.key_file.write_text(KEY.secret.hex())
    with cloud_processes(config, tmp_path, {}, doors=1, workers=1) as cloud:
        pids = {"serve": cloud.doors[0].pid, "worker": cloud.workers[0].pid}
        # The first rounds of a worker learn and count.
        time.sleep(IDLE_S / 2)
        before = [*map(group_cpu_s, pids.values()), family_cpu_s(postgres_cluster.process.pid)]
        time.sleep(IDLE_S)
        after = [*map(group_cpu_s, pids.values()), family_cpu_s(postgres_cluster.process.pid)]
        held = {
            kind: resident_mb(pid) + sum(map(resident_mb, children_of(pid)))
            for kind, pid in pids.items()
        }
        connections = connections_of(postgres_cluster, name)
    postgres_cluster.drop(name)
    cores = [(b - a) / IDLE_S for a, b in zip(before, after, strict=True)]
    found = {f"{kind}_mb": round(mb, 1) for kind, mb in held.items()}
    found |= {
        f"{kind}_idle_cores": round(each, 4)
        for kind, each in zip(("serve", "worker", "database"), cores, strict=True)
    }
    found["connections_at_rest"] = float(connections)
    for count in DISTRICTS:
        found[f"for_all_{count}_mb"] = round(count * sum(held.values()), 0)
        found[f"for_all_{count}_idle_cores"] = round(count * sum(cores), 2)
        found[f"for_all_{count}_connections_at_rest"] = float(count * connections)
    figures["growth, processes of a district"] = found
    assert min(held.values()) > 0


def connections_of(cluster: postgres.Cluster, name: str) -> int:
    """How many connections a database has."""
    with postgres._connect(cluster.port) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchone()
    assert row is not None
    return int(str(row[0]))
