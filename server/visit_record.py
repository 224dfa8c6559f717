"""The record of one visit, for the driver to keep: every sealed line of it, and the proof that
each is under a published root.

What is in it, and what not:
- The lines are whole, because a line with a word left out no longer has its hash. So they name
  staff by the district's ids for them (never by name), places, tags and the reasons that staff
  gave for what they did with this car. Plate and phone are in no line, only a digest that says
  nothing without the guest's record, and that one is not given.
- A claim tag's id is enough to copy a plain tag, and whoever holds only the link must not come to
  hold the car: there is no record before the visit is over.
- Of other visits there is nothing. The lines between those of this car are not needed: a line
  names the hash of the one before it, which shows for neighbours that nothing is between them;
  and in a day's tree the leaves of a journal lie as far apart as their sequences, so nothing was
  put in or taken out there either. That none of those others is about this car, its steps show:
  the events of a visit are counted, and the count has no holes.
- The cloud signs the whole, so a record from which the last events were taken is no record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.day_leaves import leaves_of
from server.day_roots import DayRoot, public_key, read_root, signing_key
from server.master_key import MasterKey
from server.merkle import TILE, path_of, split
from server.models import DayRootRow, DaySpanRow, EventRow, PlaceRow, VisitRow

FORMAT = "valet-record"
VERSION = 1
_ABOUT = (
    "Everything recorded about one car. Check it with: python verify_record.py THIS_FILE "
    "[--roots ROOTS_FILE]; the program is at verifier_url and the published roots at roots_url."
)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a line is among the leaves of its day, and the hashes from there up to the root."""

    date: str
    index: int
    path: Sequence[bytes]

    def to_wire(self) -> dict[str, Any]:
        """As it stands in a record."""
        return {"date": self.date, "index": self.index, "path": [each.hex() for each in self.path]}


def visit_record(
    session: Session, config: Config, key: MasterKey, visit: VisitRow, now: datetime
) -> dict[str, Any]:
    """The signed record of a visit that is over; `Refusal("wrong_state")` before that."""
    if visit.is_open:
        raise Refusal("wrong_state")
    rows = list(session.scalars(select(EventRow).where(EventRow.visit_id == visit.id)))
    rows.sort(key=lambda row: (_step(row.line), row.journal_id, row.seq))
    proofs = _proofs(session, rows)
    roots = _roots(session, {proof.date for proof in proofs.values()})
    places = {place.id: place.name for place in session.scalars(select(PlaceRow))}
    record = {
        "format": FORMAT,
        "version": VERSION,
        "about": _ABOUT,
        "made_at": _time(now),
        "verifier_url": f"{config.public_url}/t/verify_record.py",
        "roots_url": _roots_url(config, roots),
        "visit": _facts(visit, places),
        "events": [_event(row, proofs.get((row.journal_id, row.seq)), places) for row in rows],
        "roots": [root.to_wire() for root in roots],
        "public_key": public_key(key),
    }
    return {**record, "signature": signing_key(key).sign(signed_part(record)).hex()}


def signed_part(record: Mapping[str, Any]) -> bytes:
    """What the signature of a record is over: its JSON in ASCII with sorted keys and no spaces,
    without the signature."""
    told = {name: value for name, value in record.items() if name != "signature"}
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _step(line: bytes) -> int:
    """Which event of its visit a line is. One that somebody spoiled is shown all the same."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return 0
    return step if isinstance(step, int) else 0


def _facts(visit: VisitRow, places: Mapping[str, str]) -> dict[str, Any]:
    """What the driver's page says of it too."""
    return {
        "id": visit.id,
        "code": visit.code,
        "state": visit.state,
        "received_at": _time(visit.received_at),
        "received_in": places.get(visit.booth_id, visit.booth_id),
        "parked_at": _time(visit.parked_at),
        "ready_at": _time(visit.ready_at),
        "handed_over_at": _time(visit.handed_over_at),
    }


def _event(row: EventRow, proof: Proof | None, places: Mapping[str, str]) -> dict[str, Any]:
    return {
        "journal_id": row.journal_id,
        "seq": row.seq,
        "at": _time(row.at),
        "at_from": row.time_source,
        "place": None if row.place_id is None else places.get(row.place_id, row.place_id),
        # Whatever bytes it has: those that are no UTF-8 come back as they were.
        "line": row.line.decode("utf-8", "surrogateescape"),
        "proof": None if proof is None else proof.to_wire(),
    }


def _proofs(session: Session, rows: Sequence[EventRow]) -> dict[tuple[str, int], Proof]:
    """The proofs of those lines whose day is closed."""
    places: dict[str, dict[int, tuple[str, int]]] = {}
    for row in rows:
        span = session.scalar(
            select(DaySpanRow)
            .where(DaySpanRow.journal_id == row.journal_id, DaySpanRow.last_seq >= row.seq)
            .order_by(DaySpanRow.last_seq)
            .limit(1)
        )
        if span is not None and span.first_seq <= row.seq:
            index = span.first_index + row.seq - span.first_seq
            places.setdefault(span.date, {})[index] = (row.journal_id, row.seq)
    proofs = {}
    for chosen, wanted in places.items():
        for index, path in _paths(session, chosen, sorted(wanted)).items():
            proofs[wanted[index]] = Proof(chosen, index, path)
    return proofs


def _paths(session: Session, chosen: str, indexes: Iterable[int]) -> dict[int, list[bytes]]:
    """The way to the day's root from each of these leaves. Reads the tiles they are in, and no
    other line of the day."""
    row = session.get(DayRootRow, chosen)
    if row is None:
        return {}
    leaves, tiles = leaves_of(session, chosen), split(row.tiles)
    read: dict[int, list[bytes]] = {}
    paths = {}
    for index in indexes:
        tile, at = divmod(index, TILE)
        if tile not in read:
            start = tile * TILE
            read[tile] = list(leaves.hashes(session, start, start + TILE))
        paths[index] = [*path_of(read[tile], at), *path_of(tiles, tile)]
    return paths


def _roots(session: Session, dates: Iterable[str]) -> list[DayRoot]:
    """The roots of all days from the one before the first of these to the last."""
    chosen = sorted(dates)
    if not chosen:
        return []
    first = (date.fromisoformat(chosen[0]) - _ONE_DAY).isoformat()
    rows = session.scalars(
        select(DayRootRow)
        .where(DayRootRow.date.between(first, chosen[-1]))
        .order_by(DayRootRow.date)
    )
    return [read_root(row) for row in rows]


def _roots_url(config: Config, roots: Sequence[DayRoot]) -> str:
    url = f"{config.public_url}/v1/ledger/roots"
    if not roots:
        return url
    before = date.fromisoformat(roots[0].date) - _ONE_DAY
    return f"{url}?after={before.isoformat()}"


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
