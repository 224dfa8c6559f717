"""One drain of a real station's journal into a real cloud, and what it cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.outage import Outage
from tests.bench.town import Town

DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Drained:
    """Seconds from the first read of the journal until station and cloud have it on their disks,
    and the processor time of both meanwhile."""

    seconds: float
    server_cpu_s: float
    station_cpu_s: float


def drain(town: Town, kind: str, outage: Outage, count: int, folder: Path) -> Drained:
    """The line is back: send all that waits, as the agent's sender does. Raises where an event is
    not there once."""
    with (
        town.serving(kind, folder / "cloud") as cloud,
        outage.station(folder / "station", cloud.url) as (station, client),
    ):
        sync = station.sync_with(client)
        # As the peers' edges and sinks are, it is connected before the time is taken.
        client.exchange(station.exchange.ask(limit_events=0, limit_bytes=0))
        assert station.status().unsent == count
        server_s, station_s, began_s = cloud.cpu_s(), time.process_time(), time.perf_counter()
        while station.exchange.has_unsent():
            sync.push_step()
            assert time.perf_counter() - began_s < DEADLINE_S, "the cloud does not take it in"
        drained = Drained(
            time.perf_counter() - began_s,
            cloud.cpu_s() - server_s,
            time.process_time() - station_s,
        )
        assert station.status().refused == 0
        cloud.assert_whole(outage, station.exchange.acked_seq)
    return drained
