"""The invariants of the design, looked at from outside after every step.

Nothing here asks the code under test whether it did right: the cards' committed lines, the
carrier's sends and the cloud's own tables are compared.

After a step only what can have changed is read again. A station's mark of what is settled cannot
move without a commit on its card, which `Disk` tells of; of the cloud, SQLite itself says whether
any connection changed the file (`PRAGMA data_version`). Then journals are read from the head that
was seen last, and visits from the version that was seen last. `check_everything` trusts none of
these marks: it is called at the end of every night, and reads all of it from the beginning.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from schemas import states
from schemas.chain import ChainError, unseal
from schemas.events import restore_event
from schemas.visit import Fact, fold
from server.rebuild import rebuild
from server.sms import gateway as carriers
from server.visit_rows import columns_of
from tests.simulation.booth import BoothMachine, Broken
from tests.simulation.clocks import WorldClock
from tests.simulation.cloud import CloudMachine
from tests.simulation.people import People
from tests.simulation.trace import Trace


@dataclass
class Invariants:
    """Call `after_step` after every step."""

    trace: Trace
    clock: WorldClock
    machines: Mapping[str, BoothMachine]
    cloud: CloudMachine
    people: People
    checks: int = 0
    _acked: dict[tuple[str, str], int] = field(default_factory=dict)
    _written: dict[str, BoothMachine] = field(default_factory=dict)
    _cloud_commits: int = -1
    _data_version: int = -1
    _version: int = 0
    _heads: dict[str, int] = field(default_factory=dict)
    _told: dict[str, bytes] = field(default_factory=dict)
    _sends: int = 0
    _ends: dict[str, str] = field(default_factory=dict)
    _visits: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Look over everybody's shoulder."""
        self.cloud.carrier.before_send = self._before_send
        for station_id, machine in self.machines.items():
            machine.disk.on_commit = partial(self._written.__setitem__, station_id, machine)

    def after_step(self) -> None:
        """Everything that can be told at this instant."""
        if self.trace.bad_logs or self.trace.broken:
            self._blame_logs()
        while self._written:
            _, machine = self._written.popitem()
            if machine.is_up:
                self._check_settled(machine)
        if len(self.cloud.carrier.sends) != self._sends:
            self._check_sends()
        if self.cloud.commits != self._cloud_commits:
            self._cloud_commits = self.cloud.commits
            self._look_at_cloud()

    def check_everything(self) -> None:
        """All that can be told, with nothing taken for granted."""
        for station_id, journal_id in list(self._acked):
            self._acked[station_id, journal_id] = 0
        for machine in self.machines.values():
            if machine.is_up:
                self._check_settled(machine)
        self._heads.clear()
        self._version = 0
        self._visits.clear()
        self._check_cloud()

    # 1: what is settled is in the cloud exactly once.

    def _check_settled(self, machine: BoothMachine) -> None:
        journal = machine.station._journal
        key = (machine.station_id, journal.journal_id)
        known, acked = self._acked.get(key, 0), journal.acked_seq
        self._acked[key] = acked
        if acked > known:
            self._check_in_cloud(machine, journal.journal_id, known, acked)

    def _check_in_cloud(
        self, machine: BoothMachine, journal_id: str, known: int, acked: int
    ) -> None:
        self.checks += 1
        query = "SELECT seq, line FROM {} WHERE journal_id = ? AND seq > ? AND seq <= ?"
        found: defaultdict[int, list[bytes]] = defaultdict(list)
        for table in ("events", "quarantine"):
            for row in self._rows(query.format(table), journal_id, known, acked):
                found[row["seq"]].append(bytes(row["line"]))
        committed = machine.disk.journals[journal_id]
        for seq in range(known + 1, acked + 1):
            if not set(found[seq]) & set(committed.ever[seq]):
                raise Broken(1, f"{machine.station_id}: event {seq} counts as sent, and is not")

    # The cloud's tables, after each of its commits.

    def _look_at_cloud(self) -> None:
        (row,) = self._rows("PRAGMA data_version")
        if row[0] != self._data_version:
            self._data_version = row[0]
            self._check_cloud()

    def _check_cloud(self) -> None:
        self.checks += 1
        self._check_journals()
        new = self.cloud.newest()
        if new == self._version:
            return
        touched = [
            row["id"]
            for row in self._rows("SELECT id FROM visits WHERE version > ?", self._version)
        ]
        self._version = new
        self._check_open()
        if touched:
            self._check_folds(touched)
        self._check_messages()

    def _check_journals(self) -> None:
        """2: every number up to the head is there, and no line was ever replaced."""
        for row in self._rows("SELECT id, head_seq FROM journals"):
            journal_id, head, known = row["id"], row["head_seq"], self._heads.get(row["id"], 0)
            if head == known:
                continue
            if head < known:
                raise Broken(2, f"the cloud's head of {journal_id} went back to {head}")
            self._heads[journal_id] = head
            self._check_dense(journal_id, known, head)

    def _check_dense(self, journal_id: str, known: int, head: int) -> None:
        query = "SELECT seq, line FROM {} WHERE journal_id = ? AND seq > ?"
        taken = self._rows(query.format("events"), journal_id, known)
        refused = self._rows(query.format("quarantine"), journal_id, known)
        seqs = {row["seq"] for row in taken} | {row["seq"] for row in refused}
        if missing := set(range(known + 1, head + 1)) - seqs:
            raise Broken(2, f"the cloud's head of {journal_id} is {head} without {sorted(missing)}")
        if beyond := [seq for seq in seqs if seq > head]:
            raise Broken(2, f"the cloud has {beyond} of {journal_id} beyond its head {head}")
        for row in taken:
            line = bytes(row["line"])
            body = unseal(line)[0]
            if self._told.setdefault(body["id"], line) != line or body["seq"] != row["seq"]:
                raise Broken(1, f"event {body['id']} was taken in twice")
            self._check_recorded(journal_id, row["seq"], line)

    def _check_recorded(self, journal_id: str, seq: int, line: bytes) -> None:
        for machine in self.machines.values():
            committed = machine.disk.journals.get(journal_id)
            if committed is not None and line not in committed.ever[seq]:
                raise Broken(1, f"the cloud has an event {seq} that no card ever had")

    def _check_open(self) -> None:
        """3: one open request a visit, and one open visit a tag, or they are held."""
        doubled = self._rows(
            "SELECT visit_id FROM requests WHERE status = 'open' GROUP BY visit_id"
            " HAVING count(*) > 1"
        )
        if doubled:
            raise Broken(3, f"two open requests: {doubled[0]['visit_id']}")
        owners: defaultdict[str, list[Any]] = defaultdict(list)
        for row in self._rows("SELECT * FROM visits WHERE is_open"):
            if row["state"] not in states.CAR_STATES or row["car"] not in states.CAR:
                raise Broken(3, f"{row['id']} is in no state: {row['state']}")
            for tag in {row["key_tag"], row["claim_tag"]} - {None}:
                owners[tag].append(row)
        shared = {row["id"] for rows in owners.values() if len(rows) > 1 for row in rows}
        for rows in owners.values():
            for row in rows:
                if bool(row["tag_shared"]) != (row["id"] in shared):
                    raise Broken(3, f"{row['id']}: tag_shared is {row['tag_shared']}")

    def _check_folds(self, visit_ids: list[str]) -> None:
        """4: a visit's row is the fold of its events; 6: in whatever order they are read."""
        marks = ",".join("?" * len(visit_ids))
        facts: defaultdict[str, list[Fact]] = defaultdict(list)
        for row in self._rows(
            f"SELECT * FROM events WHERE visit_id IN ({marks}) ORDER BY seq DESC",
            *visit_ids,
        ):
            event = restore_event(json.loads(bytes(row["line"])))
            facts[row["visit_id"]].append(Fact(row["journal_id"], event, _time(row["at"])))
        for row in self._rows(f"SELECT * FROM visits WHERE id IN ({marks})", *visit_ids):
            visit = fold(facts[row["id"]])
            if visit is None:
                raise Broken(4, f"visit {row['id']} has no events")
            for name, value in columns_of(visit).items():
                stored = row[name]
                if isinstance(value, datetime):
                    stored = None if stored is None else _time(stored)
                elif isinstance(value, list):
                    stored = json.loads(stored)
                if stored != value:
                    raise Broken(
                        4, f"visit {row['id']}: {name} is {stored}, its events say {value}"
                    )
            self._check_hand_over(row)

    def _check_hand_over(self, row: Any) -> None:
        """6: nothing counts as handed over that nobody handed over."""
        if row["is_open"]:
            return
        kinds = {
            found["type"]
            for found in self._rows("SELECT type FROM events WHERE visit_id = ?", row["id"])
        }
        if not kinds & {"visit.handed_over", "visit.resolved"}:
            raise Broken(6, f"visit {row['id']} closed by itself")

    # 5: messages.

    def _check_messages(self) -> None:
        limit = self.clock.now() - timedelta(seconds=self.cloud.config.sms_stale_s)
        for row in self._rows("SELECT id, received_at FROM visits WHERE is_open"):
            if row["id"] in self._visits:
                continue
            self._visits.add(row["id"])
            phone = self.people.phones.get(row["id"])
            is_told = bool(
                self._rows(
                    "SELECT 1 FROM messages WHERE visit_id = ? AND template = 'received'",
                    row["id"],
                )
            )
            is_due = phone is not None and _time(row["received_at"]) > limit
            if is_due and not is_told:
                raise Broken(5, f"the driver of visit {row['id']} is never told")

    def _check_sends(self) -> None:
        """A message is never sent again unless the carrier certainly did not take it."""
        sends = self.cloud.carrier.sends[self._sends :]
        self._sends += len(sends)
        for reference, _, kind in sends:
            before = self._ends.get(reference)
            if before not in (None, carriers.LATER):
                raise Broken(5, f"message {reference} was sent again after {before}")
            self._ends[reference] = kind

    def _before_send(self, reference: str, phone: str) -> None:
        rows = self._rows(
            "SELECT m.status, m.visit_id, v.id AS known FROM messages m"
            " LEFT JOIN visits v ON v.id = m.visit_id WHERE m.id = ?",
            reference,
        )
        if not rows or rows[0]["known"] is None:
            raise Broken(5, f"message {reference} goes out, and nothing of it was committed")
        if rows[0]["status"] != "claimed":
            raise Broken(5, f"message {reference} goes out unclaimed")
        if self.people.phones.get(rows[0]["visit_id"], phone) != phone:
            raise Broken(5, f"message {reference} goes to somebody else")
        if self._ends.get(reference) not in (None, carriers.LATER):
            raise Broken(5, f"message {reference} is sent again after {self._ends[reference]}")

    # 7: logs.

    def _blame_logs(self) -> None:
        if self.trace.bad_logs:
            raise Broken(7, f"a log names a person: {self.trace.bad_logs[0]}")
        if self.trace.broken:
            raise Broken("none", f"the code broke: {self.trace.broken[0]}")

    # At the end of a night.

    def check_rebuild(self) -> None:
        """4: folding all events anew gives the same rows."""
        found: list[str] = []

        def work(session: Any) -> None:
            found[:] = rebuild(session)
            raise _Undo

        with suppress(_Undo):
            self.cloud.database.write(work)
        if found:
            raise Broken(4, f"a rebuild gives other rows: {found[:5]}")

    def check_cards(self) -> None:
        """1: each journal that is in use is whole, and its chain holds."""
        for machine in self.machines.values():
            try:
                machine.station._journal.check_chain()
            except ChainError as error:
                lines = machine.disk.journal.now.values()
                if not any(_is_damaged(line) for line in lines):
                    raise Broken(1, f"{machine.station_id}: {error.code}") from error
            stored = dict(machine.disk.stored())
            if stored != machine.disk.journal.now:
                raise Broken(1, f"{machine.station_id}: the card is not what was committed")

    def check_messages_ended(self) -> None:
        """5: an outcome that is unknown is shown to a person, and told nowhere else."""
        for row in self._rows("SELECT id, status FROM messages"):
            end = self._ends.get(row["id"])
            if end == carriers.UNKNOWN and row["status"] != "unknown":
                raise Broken(5, f"message {row['id']} is {row['status']}, its end is unknown")
            if row["status"] == "sent" and end != carriers.SENT:
                raise Broken(5, f"message {row['id']} counts as sent, and was not")

    def _rows(self, query: str, *values: object) -> list[Any]:
        found: list[Any] = self.cloud.look.execute(query, values).fetchall()
        return found


class _Undo(Exception):
    """Ends a transaction without keeping what it did."""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is_damaged(line: bytes) -> bool:
    try:
        unseal(line)
    except ChainError:
        return True
    return False
