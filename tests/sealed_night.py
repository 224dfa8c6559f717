"""One night of two cars in two journals, sealed and closed, without a cloud or a database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from schemas.chain import genesis, seal
from server.day_leaves import ACCEPTED, leaf_of
from server.day_roots import NO_DAY, DayRoot, public_key, signing_key
from server.master_key import MasterKey
from server.merkle import Tree, path_of
from server.visit_record import signed_part
from tests.visit_story import steady_uuid

Record = dict[str, Any]

KEY, OTHER_KEY = MasterKey(b"\x01" * 32), MasterKey(b"\x02" * 32)
CAR, OTHER_CAR = steady_uuid("record", "car"), steady_uuid("record", "other car")
JOURNAL, OTHER_JOURNAL = sorted(steady_uuid("record", name) for name in ("herrera", "norte"))
CLOSED_AT = datetime(2026, 11, 21, 11, 1, tzinfo=UTC)
# Journal, visit, step and type of all that happened, in the order in which it was recorded.
NIGHT = [
    (JOURNAL, CAR, 1, "visit.received"),
    (JOURNAL, CAR, 2, "car.taken"),
    (JOURNAL, OTHER_CAR, 1, "visit.received"),
    (OTHER_JOURNAL, CAR, 3, "car.parked"),
    (OTHER_JOURNAL, OTHER_CAR, 2, "car.parked"),
    (OTHER_JOURNAL, CAR, 4, "car.taken"),
    (JOURNAL, CAR, 5, "car.ready"),
    (JOURNAL, CAR, 6, "visit.handed_over"),
]


@dataclass
class SealedNight:
    """A cloud that holds one night and has closed a day before it and the day of it."""

    key: MasterKey = KEY
    actor: str = "ana"
    is_closed: bool = True
    kind: str = ACCEPTED
    lines: list[tuple[str, int, bytes, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Record the night."""
        heads = {journal: (0, genesis(journal)) for journal in (JOURNAL, OTHER_JOURNAL)}
        for journal, visit, step, kind in NIGHT:
            seq, prev = heads[journal][0] + 1, heads[journal][1]
            body = {
                "type": kind,
                "seq": seq,
                "prev": prev,
                "wall": "2026-11-21T01:00:00+00:00",
                "actor": self.actor,
                "visit_id": visit,
                "step": step,
                "data": {"code": "H-0001"} if visit == CAR else {"code": "H-0002"},
            }
            line, digest = seal(body)
            heads[journal] = seq, digest
            self.lines.append((journal, seq, line, visit, step))
        self.lines.sort()

    def leaves(self) -> list[bytes]:
        """The hashes of the day's leaves."""
        return [leaf_of(self.kind, journal, seq, line) for journal, seq, line, *_ in self.lines]

    def roots(self) -> list[DayRoot]:
        """Both closed days."""
        tree = Tree()
        before = self.signed(DayRoot("2026-11-19", 0, tree.root().hex(), NO_DAY, CLOSED_AT, ""))
        for leaf in self.leaves():
            tree.add(leaf)
        count, root = tree.count, tree.root().hex()
        return [
            before,
            self.signed(DayRoot("2026-11-20", count, root, before.hash(), CLOSED_AT, "")),
        ]

    def signed(self, root: DayRoot) -> DayRoot:
        """A root with our signature."""
        return replace(root, signature=signing_key(self.key).sign(root.statement()).hex())

    def published(self) -> Record:
        """What the cloud answers at /v1/ledger/roots."""
        items = [root.to_wire() for root in self.roots()]
        return {"public_key": public_key(self.key), "items": items, "next": None}

    def record(self) -> Record:
        """The record of the car."""
        events = []
        leaves = self.leaves()
        for index, (journal, seq, line, visit, step) in enumerate(self.lines):
            path = [each.hex() for each in path_of(leaves, index)]
            proof = {"date": "2026-11-20", "index": index, "path": path}
            told = {"journal_id": journal, "seq": seq, "line": line.decode()}
            if visit == CAR:
                events.append((step, {**told, "proof": proof if self.is_closed else None}))
        record = {
            "format": "valet-record",
            "version": 1,
            "visit": {"id": CAR, "code": "H-0001"},
            "events": [event for _, event in sorted(events, key=lambda pair: pair[0])],
            "roots": [root.to_wire() for root in self.roots()] if self.is_closed else [],
            "public_key": public_key(self.key),
        }
        return resigned(record, self.key)


def resigned(record: Record, key: MasterKey = KEY) -> Record:
    """The record with a signature over what it holds now."""
    return {**record, "signature": signing_key(key).sign(signed_part(record)).hex()}
