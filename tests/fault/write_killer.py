"""Takes cars in, or sends their messages, and is killed between another two writes each time.

    python -m tests.fault.write_killer <folder> <URL of a migrated database> door|worker

A fork is killed with SIGKILL at its n-th point: in front of a statement that writes, in front of
a commit, behind it, and on both sides of the carrier. n rises until nothing is left to kill. What
is found on the database then, and after everything was sent again, is printed as one JSON object
a line (`Found`); what must hold whatever n was is asserted here.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import event, select

from reader_agent.cloud import Asked
from schemas import events
from schemas.catalog import Catalog
from server import clock
from server.models import EventRow, MessageRow, VisitRow
from server.outbox import SENT, UNKNOWN
from server.sending import LEASE_RAN_OUT, Sender, send_due, worker_name
from server.sms.gateway import Outcome, SMSGateway
from server.sms.recording import RecordingGateway, read_recorded
from tests.cloud_kit import CloudKit
from tests.fault.cloud_door import CloudDoor
from tests.sms_office import CATALOG
from tests.station_lines import StationLines, visit_id_of
from tests.visit_story import RUNNER, small_district

PLACE_ID = "herrera"
BATCHES = (1, 2)
"""How many events the station sends at a time: a car, and later that it is wanted and ready."""


@dataclass(frozen=True, slots=True)
class Found:
    """After the kill: `point` where it was, `acked` what the station had been told, `stored` the
    events on the database, `messages` how many, and the status of each. At the end: `after`."""

    n: int
    is_killed: bool
    point: str
    acked: int
    stored: int
    messages: dict[str, str]
    carried: int
    after: dict[str, str]


class Failpoints:
    """Ends this process at the n-th point, and writes down at which."""

    def __init__(self, n: int, says: int) -> None:
        self._left = n
        self._says = says

    def at(self, name: str) -> None:
        """A point where the process may end."""
        self._left -= 1
        if self._left == 0:
            os.write(self._says, f"at {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, door: CloudDoor) -> None:
        """Put points between the writes of this cloud."""
        engine = door.services.database.engine

        @event.listens_for(engine, "before_cursor_execute")
        def _statement(_connection: object, _cursor: object, sql: str, *_rest: object) -> None:
            word = sql.split(None, 1)[0].upper()
            if word in ("INSERT", "UPDATE", "DELETE"):
                self.at(f"{word} {sql.split()[1 if word == 'UPDATE' else 2]}")

        @event.listens_for(engine, "commit")
        def _commit(_connection: object) -> None:
            self.at("commit")

        @event.listens_for(engine, "checkin")
        def _checkin(_connection: object, _record: object) -> None:
            self.at("committed")


@dataclass(frozen=True, slots=True)
class DyingCarrier:
    """A carrier with a point on either side."""

    inner: SMSGateway
    points: Failpoints

    def send(self, reference: str, phone: str, text: str) -> Outcome:
        """See `SMSGateway.send`."""
        self.points.at("before the carrier")
        outcome = self.inner.send(reference, phone, text)
        self.points.at("behind the carrier")
        return outcome


class Car:
    """The n-th car: its journal, and what of it the station knows to be acknowledged."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.visit_id = visit_id_of(number)
        self.station = StationLines(PLACE_ID, f"journal-{number}")
        now = clock.now()
        told = [{"wall": (now + timedelta(seconds=n)).isoformat()} for n in range(-4, 0)]
        self.lines = [
            self.station.received(number, **told[0]),
            self.station.requested(number, 2, PLACE_ID, **told[1]),
            self.station.of(events.CAR_READY, number, 3, actor=RUNNER, **told[2]),
        ]
        self.end = self.station.handed_over(number, 4, **told[3])

    def post(self, door: CloudDoor, first: int, lines: list[bytes]) -> int:
        """Send these lines, the first of this number; what the cloud acknowledges."""
        header = {
            "v": 1,
            "journal_id": self.station.journal_id,
            "cursor": None,
            "boot_id": "boot-1",
            "mono_ns": 10**15,
            "first_seq": first,
            "records": [guest.to_wire() for guest in self.station.guests],
        }
        answer = door.post(self.station.station_id, Asked(header, lines, first - 1, 0))
        assert answer["gap"] is None
        assert {word["verdict"] for word in answer["verdicts"]} <= {"duplicate"}
        return int(answer["ack_seq"])

    def stored(self, kit: CloudKit) -> list[bytes]:
        """Its lines on the database."""
        found = select(EventRow.line).where(EventRow.journal_id == self.station.journal_id)
        return kit.database.read(
            lambda session: list(session.scalars(found.order_by(EventRow.seq)))
        )

    def messages(self, kit: CloudKit) -> dict[str, str]:
        """The status of each of its messages, by template."""
        found = select(MessageRow).where(MessageRow.visit_id == self.visit_id)
        rows = kit.database.read(lambda session: session.scalars(found).all())
        assert len({row.template for row in rows}) == len(rows), "a message was doubled"
        return {row.template: row.status for row in rows}

    def visit(self, kit: CloudKit) -> VisitRow | None:
        """Its row."""
        return kit.database.read(lambda session: session.get(VisitRow, self.visit_id))


class Cloud:
    """One cloud, whose process dies again and again."""

    def __init__(self, folder: Path, url: str) -> None:
        self.door = CloudDoor(folder, url)
        self.door.load(small_district(), (f"station-{PLACE_ID}", PLACE_ID))
        self.kit = CloudKit(self.door.services.database, self.door.services.config)
        self.carried = folder / "carried.jsonl"

    def live(self, n: int, act: Callable[[Failpoints, int], None]) -> tuple[bool, list[str]]:
        """Do `act` in a process that ends at its n-th point: whether it did, and what it said."""
        # No connection may be shared with the fork.
        self.door.services.database.engine.dispose()
        heard, says = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                points = Failpoints(n, says)
                points.watch(self.door)
                act(points, says)
                status = 0
            finally:
                # A fork must not come back into the loop of its parent, whatever it met.
                if status:
                    traceback.print_exc()
                os._exit(status)
        os.close(says)
        with os.fdopen(heard, encoding="ascii") as stream:
            said = stream.read().splitlines()
        _, status = os.waitpid(child, 0)
        is_killed = os.WIFSIGNALED(status)
        assert is_killed or os.WEXITSTATUS(status) == 0, "the deed itself failed"
        return is_killed, said

    def sender(self, gateway: SMSGateway) -> Sender:
        """A worker that has just started."""
        services = self.door.services
        catalog: Catalog = CATALOG
        return Sender(
            services.config, services.database, services.key, catalog, gateway, worker_name()
        )

    def send(self, now: datetime) -> None:
        """A worker's round at that time, unharmed."""
        send_due(self.sender(RecordingGateway(self.carried)), lambda: now, lambda: False)

    def carried_for(self, car: Car) -> int:
        """How many messages went to the carrier for this car; none of them twice."""
        mine = select(MessageRow.id).where(MessageRow.visit_id == car.visit_id)
        ids = self.kit.database.read(lambda session: session.scalars(mine).all())
        sent = [one.reference for one in read_recorded(self.carried)]
        assert all(sent.count(message_id) <= 1 for message_id in ids), "sent twice"
        return sum(sent.count(message_id) for message_id in ids)


def take_in(cloud: Cloud, n: int) -> Found:
    """The cloud dies while it takes a car's events in; then the station sends them again."""
    car, kit = Car(n), cloud.kit

    def act(_points: Failpoints, says: int) -> None:
        first = 1
        for count in BATCHES:
            acked = car.post(cloud.door, first, car.lines[first - 1 : first - 1 + count])
            os.write(says, f"ack {acked}\n".encode())
            first += count

    is_killed, said = cloud.live(n, act)
    acked = max((int(line.split()[1]) for line in said if line.startswith("ack")), default=0)
    stored, messages, visit = car.stored(kit), car.messages(kit), car.visit(kit)
    assert stored == car.lines[: len(stored)]
    assert len(stored) >= acked, "what was acknowledged is there"
    # A message if and only if the change that causes it was committed, and so with the visit.
    assert (visit is not None) == (len(stored) >= 1) == ("received" in messages)
    assert (visit is not None and visit.car == "ready") == (len(stored) == 3)
    assert ("ready" in messages) == (len(stored) == 3)
    assert car.post(cloud.door, acked + 1, car.lines[acked:]) == 3
    assert car.post(cloud.door, 1, car.lines) == 3
    assert car.stored(kit) == car.lines
    after = car.messages(kit)
    assert after == {"received": "queued", "ready": "queued"}
    car.post(cloud.door, 4, [car.end])
    return Found(n, is_killed, _point(said), acked, len(stored), messages, 0, after)


def send_out(cloud: Cloud, n: int) -> Found:
    """A worker dies while it sends; then another one starts, and the lease runs out."""
    car, kit = Car(n), cloud.kit
    car.post(cloud.door, 1, car.lines[:1])
    now = clock.now()

    def act(points: Failpoints, _says: int) -> None:
        gateway = DyingCarrier(RecordingGateway(cloud.carried), points)
        send_due(cloud.sender(gateway), lambda: now, lambda: False)

    is_killed, said = cloud.live(n, act)
    messages = car.messages(kit)
    carried = cloud.carried_for(car)
    # A claim that is not over is nobody else's.
    cloud.send(now + timedelta(seconds=1))
    if messages["received"] == "claimed":
        assert cloud.carried_for(car) == carried
    later = now + timedelta(seconds=kit.config.sms_lease_s + 2)
    for minutes in (0, 1, 2):
        cloud.send(later + timedelta(minutes=minutes))
    after = car.messages(kit)
    if messages["received"] == "claimed":
        assert after["received"] == UNKNOWN
        assert cloud.carried_for(car) == carried, "an unknown end is left to a person"
        assert _fault_of(kit, car) == LEASE_RAN_OUT
    else:
        assert after["received"] == SENT
        assert cloud.carried_for(car) == 1
    car.post(cloud.door, 2, [*car.lines[1:], car.end])
    return Found(n, is_killed, _point(said), 1, 1, messages, carried, after)


def _fault_of(kit: CloudKit, car: Car) -> str | None:
    found = select(MessageRow.fault).where(MessageRow.visit_id == car.visit_id)
    return kit.database.read(lambda session: session.scalars(found).first())


def _point(said: list[str]) -> str:
    return next((line.removeprefix("at ") for line in said if line.startswith("at ")), "")


DEEDS: dict[str, Callable[[Cloud, int], Found]] = {"door": take_in, "worker": send_out}


def main(folder: str, url: str, who: str) -> None:
    """Kill until nothing is left to kill; then look at the whole."""
    cloud = Cloud(Path(folder), url)
    gc.collect()
    gc.freeze()
    n, is_killed = 0, True
    while is_killed:
        n += 1
        found = DEEDS[who](cloud, n)
        is_killed = found.is_killed
        print(json.dumps(asdict(found)), flush=True)
    assert cloud.kit.rebuilt() == [], "the rows are what the events say"
    cloud.door.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
