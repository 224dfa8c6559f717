"""Invariant 6 the hard way: the night's events once more, crosswise, into an empty cloud."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from server.database import Database
from server.district import load_district
from server.ingest import Batch, Delivery, Receipt, ingest_together
from server.lines import read_lines
from server.rebuild import folded_rows
from tests.simulation.beginning import database_at, empty_database
from tests.simulation.booth import Broken
from tests.simulation.cloud import CloudMachine


@dataclass(frozen=True, slots=True)
class _Journal:
    id: str
    station_id: str | None
    place_id: str
    lines: Sequence[bytes]


def check_any_order(
    cloud: CloudMachine, district: Any, numbers: random.Random, folder: Path, now: datetime
) -> None:
    """Feed every journal in another interleaving, other batches and with repetitions; the visits
    must come out the same but for times, which a late receipt may leave less well known."""
    path = folder / "again.sqlite3"
    path.write_bytes(empty_database())
    again = database_at(path)
    try:
        again.write(lambda session: load_district(session, district))
        _feed(cloud, again, _journals(cloud), numbers, now)
        expected = cloud.database.read(folded_rows)
        found = again.read(folded_rows)
    finally:
        again.close()
        path.unlink()
    for name in sorted(expected.keys() | found.keys()):
        if not name.startswith(("visits/", "requests/", "moves/")):
            continue
        before, after = _timeless(expected.get(name)), _timeless(found.get(name))
        if before != after:
            raise Broken(6, f"in another order {name} is {after}, it was {before}")


def _feed(
    cloud: CloudMachine,
    again: Database,
    journals: Sequence[_Journal],
    numbers: random.Random,
    now: datetime,
) -> None:
    sent = {journal.id: 0 for journal in journals}
    left = list(journals)
    while left:
        # Alone, or together with others as when many come back at once.
        together = numbers.sample(left, min(len(left), numbers.choice((1, 1, 2, 3))))
        batches = []
        for journal in together:
            since = max(0, sent[journal.id] - numbers.choice((0, 0, 3)))
            upto = min(len(journal.lines), sent[journal.id] + numbers.randint(1, 60))
            sent[journal.id] = upto
            batches.append(_batch(journal, since, upto))
        for batch, receipt in zip(batches, _take(cloud, again, batches, now), strict=True):
            if receipt.ack_seq != sent[batch.journal_id]:
                told = f"{receipt.ack_seq} were taken in, {sent[batch.journal_id]} were sent"
                raise Broken(6, f"of {batch.journal_id} {told}")
        left = [journal for journal in left if sent[journal.id] < len(journal.lines)]


def _batch(journal: _Journal, since: int, upto: int) -> Batch:
    return Batch(
        station_id=journal.station_id,  # type: ignore[arg-type]
        place_id=journal.place_id,
        journal_id=journal.id,
        boot_id="another",
        mono_ns=0,
        guests=(),
        lines=journal.lines[since:upto],
        first_seq=since + 1,
    )


def _take(
    cloud: CloudMachine, again: Database, batches: Sequence[Batch], now: datetime
) -> list[Receipt]:
    came = [Delivery(batch, read_lines(batch.lines, batch.first_seq), now) for batch in batches]
    return again.write(lambda session: ingest_together(session, cloud.config, cloud.key, came))


def _journals(cloud: CloudMachine) -> list[_Journal]:
    look = cloud.look
    found = []
    rows = look.execute(
        "SELECT j.id, j.station_id, j.head_seq, s.place_id FROM journals j"
        " LEFT JOIN stations s ON s.id = j.station_id ORDER BY j.id"
    ).fetchall()
    for row in rows:
        lines: dict[int, bytes] = {}
        # Of a forked number the event that was first counts.
        for table in ("quarantine", "events"):
            for one in look.execute(
                f"SELECT seq, line FROM {table} WHERE journal_id = ?", (row["id"],)
            ).fetchall():
                lines[one["seq"]] = bytes(one["line"])
        whole = [lines[seq] for seq in range(1, row["head_seq"] + 1)]
        if whole:
            found.append(_Journal(row["id"], row["station_id"], row["place_id"] or "", whole))
    return found


def _timeless(row: dict[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: value for name, value in row.items() if not name.endswith("_at")}
