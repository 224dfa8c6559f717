"""Two doors and two workers on PostgreSQL under Patroni, with a synchronous standby and a street at
work, and hands that break one part after the other.

with cloud_evening(folder) as evening:
    gaps = evening.break_everything()    # by what was broken: seconds without a write
    evening.check()
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from server import links
from server.keys.root import open_key
from server.leases import DISPATCHER
from server.migrate import upgrade
from server.models import LeaseRow, MessageRow, MoveRow, VisitRow
from server.outbox import RECEIVED, SENT, UNKNOWN
from server.sms.recording import FILE_NAME, read_recorded
from tests.cloud_kit import CloudKit, open_cloud
from tests.fault.busy_street import Street, busy_street
from tests.fault.cloud_processes import CloudProcesses, cloud_processes
from tests.fault.cloud_watch import Watch, watching
from tests.patroni_kit import Pair, running_pair

SETTINGS = {"REPLAN_S": "1", "POLL_WAIT_S_MAX": "5", "THREADS": "32", "SMS_LEASE_S": "10"}
DEADLINE_S = 120.0


@dataclass
class CloudEvening:
    """All of it at work. Use `cloud_evening`."""

    pair: Pair
    kit: CloudKit
    cloud: CloudProcesses
    street: Street
    watch: Watch
    taken_over_s: float = 0.0
    """How long nobody dispatched when the worker that did was killed."""

    def break_everything(self) -> dict[str, float]:
        """One part after the other; for how long no write came through, by what was broken."""
        self.go_on(self._writes_go_on(0.0), "the first writes")
        return {
            "a door and a worker are killed": self.kill_one_of_each(),
            "restart, fast": self.restart("fast"),
            "restart, immediate": self.restart("immediate"),
            "the primary dies": self.kill_primary(),
        }

    def go_on(self, look: Callable[[], bool], what: str, cars: int = 1) -> None:
        """The street works on until something is so; a car more comes every second or so."""
        end, next_car_s, left = time.monotonic() + DEADLINE_S, 0.0, cars
        while not look():
            assert time.monotonic() < end, f"{what}\n{self.cloud.errors()[-4000:]}"
            comes = left > 0 and time.monotonic() >= next_car_s
            self.street.drive_on(cars=1 if comes else 0)
            if comes:
                left, next_car_s = left - 1, time.monotonic() + 1.0
            time.sleep(0.1)

    def _writes_go_on(self, since_s: float, count: int = 4) -> Callable[[], bool]:
        """Whether so many writes were acknowledged since a moment."""
        times = self.watch.writer.acked_at_s
        return lambda: len(times) >= count and times[-count] > since_s

    def kill_one_of_each(self) -> float:
        """SIGKILL to the first door and to the worker that dispatches; they come back later."""
        before = self._lease()
        pid = int(before.holder.partition("-")[0])
        (killed,) = [one for one in self.cloud.workers if one.pid == pid]
        began_s = time.monotonic()
        self.cloud.doors[0].kill()
        killed.kill()
        self.go_on(self._writes_go_on(began_s, 8), "the other door takes writes", cars=4)
        self.go_on(lambda: self._lease().epoch > before.epoch, "another worker dispatches")
        self.taken_over_s = time.monotonic() - began_s
        assert self._lease().holder != before.holder
        self.cloud.doors[0].start()
        killed.start()
        return self.watch.writer.longest_gap_s(began_s)

    def _lease(self) -> LeaseRow:
        found = self.kit.database.read(lambda session: session.get(LeaseRow, DISPATCHER))
        assert found is not None
        return found

    def restart(self, mode: str) -> float:
        """PostgreSQL ends and starts under the hands of all."""
        self.pair.pause(is_paused=True)
        began_s = time.monotonic()
        self.pair.primary().restart(mode)
        self.go_on(self._writes_go_on(time.monotonic()), "writes after a restart", cars=3)
        self.pair.pause(is_paused=False)
        self.pair.wait_for_standby()
        return self.watch.writer.longest_gap_s(began_s)

    def kill_primary(self) -> float:
        """The primary's machine is gone and the standby is promoted; what was the primary comes
        back and follows."""
        old = self.pair.primary()
        began_s = time.monotonic()
        old.kill()
        self.go_on(self._writes_go_on(began_s), "writes after a promotion", cars=8)
        assert self.pair.primary() is not old
        old.start()
        self.pair.wait_for_standby()
        return self.watch.writer.longest_gap_s(began_s)

    def check(self) -> None:
        """All cars reach their drivers; then nothing is lost, doubled or double-booked."""
        self.go_on(lambda: self.street.over() == len(self.street.cars), "all cars are gone", 0)
        self.street.settle()
        self.watch.check(self.cloud.errors())
        self.street.check()
        self._check_messages()
        self._check_drives()

    def _check_messages(self) -> None:
        """Every message went to the carrier once, or a person is asked whether it did."""
        rows = self.kit.rows(MessageRow)
        taken = read_recorded(self.kit.config.data_dir / FILE_NAME)
        carried = Counter(one.reference for one in taken)
        assert set(carried.values()) == {1}
        assert {row.id for row in rows if row.status == SENT} <= set(carried)
        assert set(carried) <= {row.id for row in rows if row.status in (SENT, UNKNOWN)}
        received = Counter(row.visit_id for row in rows if row.template == RECEIVED)
        assert received == Counter(row.id for row in self.kit.rows(VisitRow))

    def _check_drives(self) -> None:
        """Nobody drove two cars at one time, as the cloud has it."""
        drives = [row for row in self.kit.rows(MoveRow) if row.taken_at and row.done_at]
        assert len(drives) == 2 * len(self.street.cars)
        by_runner: dict[str | None, list[MoveRow]] = {}
        for row in drives:
            by_runner.setdefault(row.runner_id, []).append(row)
        for rows in by_runner.values():
            rows.sort(key=lambda row: (row.taken_at, row.done_at))
            for before, after in itertools.pairwise(rows):
                assert before.done_at is not None
                assert after.taken_at is not None
                assert before.done_at <= after.taken_at


@contextmanager
def cloud_evening(folder: Path) -> Iterator[CloudEvening]:
    """The district at work: its first car has come. Raises `PatroniMissing`, `EtcdMissing` or
    `PostgresMissing`."""
    with ExitStack() as opened:
        pair = opened.enter_context(running_pair())
        pair.create("valet")
        upgrade(pair.url("valet"))
        kit = opened.enter_context(open_cloud(folder / "cloud", pair.url("valet")))
        cloud = opened.enter_context(cloud_processes(kit.config, folder, SETTINGS))
        ports = [door.port for door in cloud.doors]
        (folder / "stations").mkdir()
        street = opened.enter_context(busy_street(kit, folder / "stations", ports))
        street.drive_on(cars=1)
        street.settle()
        token = links.token_of(open_key(kit.config), street.cars[0].visit_id)
        watch = opened.enter_context(watching(kit, ports, token))
        yield CloudEvening(pair, kit, cloud, street, watch)
