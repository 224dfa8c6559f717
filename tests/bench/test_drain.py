"""How fast 10,000 events that waited come to rest in the cloud, beside other ways to do it.

All in the same rounds, because a machine is not the same from one minute to the next: what counts
are the ratios within a round. Ours does its full work (signatures, chain, validation, visits,
moves, messages, news); the peers do no more than carry and insert.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import postgres
from tests.bench.conftest import MISSING, Figures
from tests.bench.drain import Drained, drain
from tests.bench.outage import Outage, learn_district, live_through
from tests.bench.peers.jetstream import JetStream
from tests.bench.peers.mosquitto import Mosquitto
from tests.bench.peers.peer import A_COMMIT, Peer, Run
from tests.bench.peers.raw import RawInserts
from tests.bench.spread import of_rates, of_ratios
from tests.bench.town import Town
from tests.conftest import DATABASES

EVENTS = 10_000
ROUNDS = 5
OURS = "ours, full work"
PEERS: tuple[Peer, ...] = (
    Mosquitto(1),
    Mosquitto(1, events_a_mark=1),
    Mosquitto(100),
    JetStream(1),
    JetStream(1, events_a_mark=1),
    JetStream(100),
    RawInserts(),
)
LEAST = {
    **{("sqlite", Mosquitto(1, mark).name): 4.0 for mark in (1, A_COMMIT)},
    **{("postgresql", Mosquitto(1, mark).name): 3.5 for mark in (1, A_COMMIT)},
    **{("sqlite", JetStream(1, mark).name): 2.0 for mark in (1, A_COMMIT)},
    **{("postgresql", JetStream(1, mark).name): 1.5 for mark in (1, A_COMMIT)},
    ("sqlite", RawInserts().name): 0.08,
    ("postgresql", RawInserts().name): 0.20,
}
"""What we set ourselves: so many times the peer's rate."""


@pytest.fixture(scope="module")
def outage(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Outage:
    folder = tmp_path_factory.mktemp("outage")
    outage = town.enrol("station-herrera", folder / "station")
    with town.serving("sqlite", folder / "cloud") as cloud:
        learn_district(outage, cloud.url)
    live_through(outage, EVENTS)
    return outage


@pytest.fixture(scope="module")
def lines(outage: Outage, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    copy = tmp_path_factory.mktemp("lines") / "station"
    with outage.station(copy, "http://127.0.0.1:9") as (station, _):
        return [line for _, line in station._journal.pending(EVENTS, 10**9)]


@pytest.mark.parametrize("kind", DATABASES)
def test_drain_after_an_outage(
    town: Town,
    outage: Outage,
    lines: list[bytes],
    postgres_cluster: postgres.Cluster,
    tmp_path: Path,
    figures: Figures,
    kind: str,
) -> None:
    found = {peer: peer.missing() for peer in PEERS}
    present = [peer for peer in PEERS if found[peer] is None]
    runs_s: defaultdict[str, list[float]] = defaultdict(list)
    ours: list[Drained] = []
    for number in range(ROUNDS):
        # Each in another place of every round: who comes after whom must not matter.
        turns: list[Peer | None] = [None, *present]
        for peer in turns[number % len(turns) :] + turns[: number % len(turns)]:
            folder = tmp_path / uuid.uuid4().hex
            folder.mkdir()
            if peer is None:
                ours.append(drain(town, kind, outage, EVENTS, folder))
                runs_s[OURS].append(ours[-1].seconds)
                continue
            with _empty_database(postgres_cluster, kind, folder) as url:
                runs_s[peer.name].append(peer.drain(Run(folder, url, lines)))
    for name, seconds in runs_s.items():
        figures[f"drain {kind}: {name}"] = of_rates(EVENTS, seconds)
    figures[f"drain {kind}: what ours costs"] = _costs(ours)
    for peer, missing in found.items():
        if missing is not None:
            figures[f"drain {kind}: {peer.name}"] = {MISSING: missing}
            continue
        ratios = [a_s / b_s for a_s, b_s in zip(runs_s[peer.name], runs_s[OURS], strict=True)]
        figures[f"drain {kind}: ours against {peer.name}"] = of_ratios(
            ratios, LEAST.get((kind, peer.name))
        )


def _costs(ours: list[Drained]) -> dict[str, float]:
    server_us = [1e6 * run.server_cpu_s / EVENTS for run in ours]
    station_us = [1e6 * run.station_cpu_s / EVENTS for run in ours]
    return {
        "n": float(len(ours)),
        "server_cpu_us_an_event": round(sorted(server_us)[len(ours) // 2], 1),
        "station_cpu_us_an_event": round(sorted(station_us)[len(ours) // 2], 1),
    }


@contextmanager
def _empty_database(cluster: postgres.Cluster, kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'sink.sqlite3'}"
        return
    name = f"peer_{uuid.uuid4().hex}"
    cluster.create(name)
    yield cluster.url(name)
    cluster.drop(name)
