"""The cloud as it was before an outage, on both databases, and the stations that it lets in.

town = Town(request, folder)
outage = town.enrol("station-herrera", folder / "station")     # before any copy is served
with town.serving("postgresql", tmp_path) as cloud:            # a copy; gone after the block
    cloud.url, cloud.kit, cloud.cpu_s()
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from schemas.signing import new_private_key, public_key_of
from server import clock
from server.database import Database
from server.models import EventRow, GuestRow, QuarantineRow, VisitRow
from server.stations import add_station
from tests.bench.outage import PLACE, Outage
from tests.bench.process_cost import group_cpu_s
from tests.booth_process import free_port
from tests.cloud_kit import CloudKit, open_cloud
from tests.conftest import DATABASES
from tests.fault.bad_line import serving
from tests.stores import Store, new_store
from tests.visit_story import settings


@dataclass(frozen=True)
class ServedCloud:
    """`valet-server serve` as a process, with its own defaults, and a way to look behind it."""

    kit: CloudKit
    process: subprocess.Popen[bytes]
    url: str

    def cpu_s(self) -> float:
        """Processor seconds of the server and its workers; not the database's own."""
        return group_cpu_s(self.process.pid)

    def assert_whole(self, outage: Outage, count: int) -> None:
        """Raises unless the station's events from 1 to `count` are there once, none of them
        refused, every visit is over, and every guest's record came with it."""
        own = select(EventRow.seq, EventRow.event_id).where(
            EventRow.journal_id == outage.journal_id
        )
        rows = self.kit.database.read(lambda session: session.execute(own).all())
        assert sorted(seq for seq, _ in rows) == list(range(1, count + 1))
        assert len({event_id for _, event_id in rows}) == count
        assert self.kit.count(QuarantineRow) == 0
        states = [row.state for row in self.kit.rows(VisitRow)]
        assert set(states) <= {"handed_over"}, set(states)
        assert self.kit.count(GuestRow) == len(states)


class Town:
    """A migrated database of each kind with the small district, and copies of it."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self.stores: dict[str, Store] = {}
        for kind in DATABASES:
            own = folder / kind
            own.mkdir(parents=True)
            self.stores[kind] = new_store(request, kind, own)
            with open_cloud(own, self.stores[kind].url):
                pass

    def enrol(self, station_id: str, folder: Path, place_id: str = PLACE) -> Outage:
        """Let a station in, under a key of its own. It has recorded nothing yet."""
        outage = Outage(folder, new_private_key(), place_id, station_id)
        public_key = public_key_of(outage.private_key).hex()
        for store in self.stores.values():
            database = Database(store.url)
            database.write(
                lambda session: add_station(session, station_id, place_id, public_key, clock.now())
            )
            database.close()
        return outage

    @contextmanager
    def serving(self, kind: str, folder: Path) -> Iterator[ServedCloud]:
        """Serve a copy of the database of this kind; what it writes lies in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        with self.stores[kind].fresh(folder) as url:
            kit = CloudKit(Database(url), settings(folder, url))
            # The one that `kit.take` seals with.
            kit.config.key_file.write_text((b"\x07" * 32).hex())
            try:
                port = free_port()
                with serving(kit, folder, port) as process:
                    yield ServedCloud(kit, process, f"http://127.0.0.1:{port}")
            finally:
                kit.database.close()
