"""Twins: two machines that speak with one station's key, told apart by their boots.

Every request says how long ago its machine booted and which journal it writes. Both are one
*life*: from the boot (or, for a later journal of the same boot, from its first word) to the last
word. One machine's lives come one after the other; two that overlap are two machines. No clock of
a station is asked: a life is counted back from the cloud's time of receipt, and the least delay
seen is the nearest to the truth. What is delayed on the way looks younger than it is, so
`twin_overlap_s` is how much two lives may overlap before it is said.

What either of them records is kept: they are facts of one place, and where they disagree the
journal's chain or the visit says so. Only a new key, by a new code, ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from server.bulk import table_of
from server.config import Config
from server.database import insert_missing
from server.models import StationLifeRow, StationRow

log = structlog.get_logger()
_LIVES_KEPT = 20

_LIVES, _STATIONS = table_of(StationLifeRow), table_of(StationRow)
_KNOWN = select(
    *(_LIVES.c[name] for name in ("boot_id", "journal_id", "booted_at", "from_ns", "upto_ns"))
).where(_LIVES.c.station_id == bindparam("id"))
_THIS = (
    _LIVES.c.station_id == bindparam("of_station_id"),
    _LIVES.c.boot_id == bindparam("of_boot_id"),
    _LIVES.c.journal_id == bindparam("of_journal_id"),
)
_GO_ON = (
    update(_LIVES)
    .where(*_THIS)
    .values({name: bindparam(f"new_{name}") for name in ("booted_at", "upto_ns")})
)
_FORGET = delete(_LIVES).where(*_THIS)
_SPOKE = (
    update(_STATIONS)
    .where(_STATIONS.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in ("boot_id", "journal_id")})
)
_MARK = (
    update(_STATIONS)
    .where(_STATIONS.c.id == bindparam("of_id"), _STATIONS.c.cloned_at.is_(None))
    .values(cloned_at=bindparam("new_cloned_at"))
)


@dataclass(frozen=True, slots=True)
class Word:
    """Who spoke, by the header of a request: `mono_ns` is the sender's since its boot."""

    boot_id: str
    journal_id: str
    mono_ns: int


@dataclass(slots=True)
class _Life:
    """See `StationLifeRow`."""

    boot_id: str
    journal_id: str
    booted_at: datetime
    from_ns: int
    upto_ns: int


def note(session: Session, config: Config, station: StationRow, word: Word, now: datetime) -> None:
    """Remember who spoke, and mark the station as cloned if somebody else lives at that time; the
    object that is given, too, which need not be of this session."""
    connection = session.connection()
    lives = [_Life(*row) for row in connection.execute(_KNOWN, {"id": station.id})]
    life = _life_of(session, station.id, lives, word, now)
    spoke = {"new_boot_id": word.boot_id, "new_journal_id": word.journal_id}
    connection.execute(_SPOKE, {"of_id": station.id, **spoke})
    others = [each for each in lives if each is not life]
    if station.cloned_at is None and any(
        _overlap(life, other) > timedelta(seconds=config.twin_overlap_s) for other in others
    ):
        station.cloned_at = now
        connection.execute(_MARK, {"of_id": station.id, "new_cloned_at": now})
        log.error("station_cloned", station=station.id, place=station.place_id)


def is_other(station: StationRow, word: Word) -> bool:
    """Whether it was another boot or journal that spoke last."""
    return (station.boot_id, station.journal_id) != (word.boot_id, word.journal_id)


def _life_of(
    session: Session, station_id: str, lives: list[_Life], word: Word, now: datetime
) -> _Life:
    booted_at = now - timedelta(microseconds=word.mono_ns // 1000)
    same_boot = [each for each in lives if each.boot_id == word.boot_id]
    for life in same_boot:
        if life.journal_id == word.journal_id:
            life.booted_at = min(life.booted_at, booted_at)
            life.upto_ns = max(life.upto_ns, word.mono_ns)
            session.connection().execute(
                _GO_ON,
                {
                    **_keys(station_id, life),
                    "new_booted_at": life.booted_at,
                    "new_upto_ns": life.upto_ns,
                },
            )
            return life
    from_ns = word.mono_ns if same_boot else 0
    life = _Life(word.boot_id, word.journal_id, booted_at, from_ns, word.mono_ns)
    insert_missing(
        session,
        StationLifeRow,
        station_id=station_id,
        boot_id=life.boot_id,
        journal_id=life.journal_id,
        booted_at=life.booted_at,
        from_ns=life.from_ns,
        upto_ns=life.upto_ns,
    )
    _forget_oldest(session, station_id, lives)
    return life


def _forget_oldest(session: Session, station_id: str, lives: list[_Life]) -> None:
    """What goes is no loss: a boot that comes back tells again when it began."""
    for life in sorted(lives, key=_said_at, reverse=True)[_LIVES_KEPT:]:
        lives.remove(life)
        session.connection().execute(_FORGET, _keys(station_id, life))


def _keys(station_id: str, life: _Life) -> dict[str, Any]:
    return {
        "of_station_id": station_id,
        "of_boot_id": life.boot_id,
        "of_journal_id": life.journal_id,
    }


def _overlap(one: _Life, other: _Life) -> timedelta:
    return min(_said_at(one), _said_at(other)) - max(_began_at(one), _began_at(other))


def _began_at(life: _Life) -> datetime:
    return life.booted_at + timedelta(microseconds=life.from_ns // 1000)


def _said_at(life: _Life) -> datetime:
    return life.booted_at + timedelta(microseconds=life.upto_ns // 1000)
