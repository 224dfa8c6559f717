"""A large district in the middle of its evening, and its cloud as processes that are watched.

stage = LoadStage(kit, folder)
stage.fill()                                  # stations, people, three thousand cars in the lots
with stage.served() as (cloud, samples):
    ...
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from schemas import district as districts
from schemas import states
from schemas.signing import new_private_key, public_key_of
from server import clock, links
from server.bulk import append, table_of
from server.district import current_version, load_district
from server.models import TravelRow
from server.stations import add_station
from tests import postgres
from tests.bench.process_cost import family_cpu_s, group_cpu_s, resident_mb
from tests.cloud_kit import CloudKit
from tests.fault.cloud_processes import CloudProcesses, cloud_processes
from tests.patroni_kit import children_of
from tests.station_lines import StationLines, visit_id_of
from tests.visit_story import KEY, small_district

BOOTHS, STATIONS_OF_BOOTH = 30, 2
LOTS, STATIONS_OF_LOT = 10, 4
STATIONS = BOOTHS * STATIONS_OF_BOOTH + LOTS * STATIONS_OF_LOT
DRIVERS = 3_000
RUNNERS = 60
SAMPLE_EVERY_S = 1.0


@dataclass
class Samples:
    """Memory of each process over time, and what all of them have cost."""

    at_s: list[float] = field(default_factory=list)
    resident_mb: dict[str, list[float]] = field(default_factory=dict)

    def slope_mb_per_min(self, name: str, since_s: float, until_s: float) -> float:
        """How much a process grew, by least squares over that time."""
        points = [
            (at_s / 60, mb)
            for at_s, mb in zip(self.at_s, self.resident_mb[name], strict=True)
            if since_s <= at_s <= until_s
        ]
        if len(points) < 3:
            return 0.0
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


@dataclass
class LoadStage:
    """Use `fill`, then `served`."""

    kit: CloudKit
    folder: Path
    keys: dict[str, bytes] = field(default_factory=dict)
    lines: dict[str, StationLines] = field(default_factory=dict)

    @property
    def booths(self) -> list[str]:
        """Their ids."""
        return [f"booth-{number:02d}" for number in range(BOOTHS)]

    @property
    def lots(self) -> list[str]:
        """Their ids."""
        return [f"lot-{number:02d}" for number in range(LOTS)]

    def stations_of(self, place_id: str) -> list[str]:
        """The ids of the stations at a place."""
        count = STATIONS_OF_BOOTH if place_id in self.booths else STATIONS_OF_LOT
        return [f"{place_id}-{number}" for number in range(count)]

    @property
    def runners(self) -> list[str]:
        """Their ids."""
        return [f"runner-{number:02d}" for number in range(RUNNERS)]

    def fill(self) -> None:
        """Let all stations in, begin all shifts, and let as many cars be parked as there are
        drivers; they came in the last three hours."""
        self.kit.config.key_file.parent.mkdir(parents=True, exist_ok=True)
        self.kit.config.key_file.write_text(KEY.secret.hex())
        self.kit.database.write(lambda session: load_district(session, large_district(self)))
        self.kit.database.write(self._let_in)
        self.kit.database.write(self._lay_ways)
        gate = self._lines_at(self.lots[0])
        self._take(gate, [gate.line(actor=runner, **_ago(0)) for runner in self.runners])
        numbers = range(1, DRIVERS + 1)
        for at, booth_id in enumerate(self.booths):
            booth, made = self._lines_at(booth_id), []
            for number in numbers:
                if number % len(self.booths) == at:
                    since_s = 10_800 * (1 - number / DRIVERS) + 900
                    lot = self.lots[number % len(self.lots)]
                    made.append(booth.received(number, **_ago(since_s)))
                    made.append(booth.taken(number, 2, states.PARK, lot, **_ago(since_s - 300)))
            self._take(booth, made)
        for at, lot_id in enumerate(self.lots):
            lot_lines = self._lines_at(lot_id)
            parked = [number for number in numbers if number % len(self.lots) == at]
            self._take(lot_lines, [lot_lines.parked(number, 3, **_ago(300)) for number in parked])

    def _lines_at(self, place_id: str) -> StationLines:
        """The journal of the first station there, which tells of all that was before."""
        return self.lines[self.stations_of(place_id)[0]]

    def _let_in(self, session: Session) -> None:
        for place_id in (*self.booths, *self.lots):
            for station_id in self.stations_of(place_id):
                self.keys[station_id] = new_private_key()
                public = public_key_of(self.keys[station_id]).hex()
                add_station(session, station_id, place_id, public, clock.now())
                self.lines[station_id] = StationLines(place_id, station_id)
                self.lines[station_id].station_id = station_id

    def _lay_ways(self, session: Session) -> None:
        """All legs at once: one after the other, as a file is loaded, takes its time."""
        places = large_district(self).places
        legs = [_leg(one, other) for one in places for other in places if one is not other]
        append(session.connection(), table_of(TravelRow), [asdict(leg) for leg in legs])

    def _take(self, lines: StationLines, made: list[bytes]) -> None:
        receipt = self.kit.take(lines.batch(made), clock.now())
        assert receipt.ack_seq == lines.seq
        assert not receipt.verdicts
        lines.guests.clear()

    def spec(self, phases: Sequence[dict[str, Any]], **more: Any) -> Path:
        """Write down what the player has to know; the file."""
        told = {
            "seed": 7,
            "phases": list(phases),
            "parked": DRIVERS,
            "cursor": self.kit.database.read(current_version),
            "booths": [self.stations_of(place_id) for place_id in self.booths],
            "lots": [self.stations_of(place_id) for place_id in self.lots],
            "runners": self.runners,
            # Enough for all that may come meanwhile.
            "tokens": [links.token_of(KEY, visit_id_of(n)) for n in range(1, 4 * DRIVERS)],
            "stations": [
                {
                    "id": station_id,
                    "place_id": lines.place_id,
                    "key": self.keys[station_id].hex(),
                    "head": lines.head,
                    "seq": lines.seq,
                }
                for station_id, lines in self.lines.items()
            ],
            **more,
        }
        file = self.folder / "spec.json"
        file.write_text(json.dumps(told))
        return file

    @contextmanager
    def served(self, **settings: str) -> Iterator[tuple[CloudProcesses, Samples]]:
        """Two doors and two workers at work, and their memory looked at once a second."""
        with cloud_processes(self.kit.config, self.folder, settings) as cloud:
            samples, stop = Samples(), threading.Event()
            watching = threading.Thread(target=_sample, args=(cloud, samples, stop))
            watching.start()
            try:
                yield cloud, samples
            finally:
                stop.set()
                watching.join()


def costs(cloud: CloudProcesses, database: postgres.Cluster) -> dict[str, float]:
    """Processor seconds until now, by kind of process."""
    return {
        "doors": sum(group_cpu_s(door.pid) for door in cloud.doors),
        "workers": sum(group_cpu_s(worker.pid) for worker in cloud.workers),
        "database": family_cpu_s(database.process.pid),
    }


def _sample(cloud: CloudProcesses, samples: Samples, stop: threading.Event) -> None:
    began_s = time.monotonic()
    named = {
        **{f"serve {n}": door.pid for n, door in enumerate(cloud.doors, 1)},
        **{f"worker {n}": worker.pid for n, worker in enumerate(cloud.workers, 1)},
    }
    while not stop.wait(SAMPLE_EVERY_S):
        samples.at_s.append(time.monotonic() - began_s)
        for name, pid in named.items():
            held = resident_mb(pid) + sum(map(resident_mb, children_of(pid)))
            samples.resident_mb.setdefault(name, []).append(held)


def large_district(stage: LoadStage) -> districts.District:
    """Thirty booths and ten lots on a grid, and sixty runners."""
    small = small_district()
    booths = [
        districts.Place(name, districts.BOOTH, name, "B", 90 * (n % 6), 70 * (n // 6), 60, 6)
        for n, name in enumerate(stage.booths)
    ]
    lots = [
        districts.Place(name, districts.LOT, name, "L", -300 - 40 * n, 60 * n, 500, 0, 500)
        for n, name in enumerate(stage.lots)
    ]
    places = (*booths, *lots)
    people = [districts.Person(name, name, (districts.RUNNER,), None) for name in stage.runners]
    return districts.District(
        name="Un casco grande",
        timezone=small.timezone,
        is_illustrative=True,
        places=places,
        people=(*small.people, *people),
        tags=(),
        travel=(),
    )


def _leg(one: districts.Place, other: districts.Place) -> districts.Travel:
    metres = abs(one.x_m - other.x_m) + abs(one.y_m - other.y_m)
    return districts.Travel(one.id, other.id, 60 + metres // 5, 30 + metres // 2)


def _ago(seconds: float) -> dict[str, str]:
    return {"wall": (clock.now() - timedelta(seconds=seconds)).isoformat()}
