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

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.config import Config
from server.models import StationLifeRow, StationRow

log = structlog.get_logger()
_LIVES_KEPT = 20


@dataclass(frozen=True, slots=True)
class Word:
    """Who spoke, by the header of a request: `mono_ns` is the sender's since its boot."""

    boot_id: str
    journal_id: str
    mono_ns: int


def note(session: Session, config: Config, station: StationRow, word: Word, now: datetime) -> None:
    """Remember who spoke, and mark the station as cloned if somebody else lives at that time."""
    query = select(StationLifeRow).where(StationLifeRow.station_id == station.id)
    lives = list(session.scalars(query))
    life = _life_of(session, station.id, lives, word, now)
    station.boot_id, station.journal_id = word.boot_id, word.journal_id
    others = [each for each in lives if each is not life]
    if station.cloned_at is None and any(
        _overlap(life, other) > timedelta(seconds=config.twin_overlap_s) for other in others
    ):
        station.cloned_at = now
        log.error("station_cloned", station=station.id, place=station.place_id)


def is_other(station: StationRow, word: Word) -> bool:
    """Whether it was another boot or journal that spoke last."""
    return (station.boot_id, station.journal_id) != (word.boot_id, word.journal_id)


def _life_of(
    session: Session, station_id: str, lives: list[StationLifeRow], word: Word, now: datetime
) -> StationLifeRow:
    booted_at = now - timedelta(microseconds=word.mono_ns // 1000)
    same_boot = [each for each in lives if each.boot_id == word.boot_id]
    for life in same_boot:
        if life.journal_id == word.journal_id:
            life.booted_at = min(life.booted_at, booted_at)
            life.upto_ns = max(life.upto_ns, word.mono_ns)
            return life
    life = StationLifeRow(
        station_id=station_id,
        boot_id=word.boot_id,
        journal_id=word.journal_id,
        booted_at=booted_at,
        from_ns=word.mono_ns if same_boot else 0,
        upto_ns=word.mono_ns,
    )
    session.add(life)
    _forget_oldest(session, lives)
    return life


def _forget_oldest(session: Session, lives: list[StationLifeRow]) -> None:
    """What goes is no loss: a boot that comes back tells again when it began."""
    for life in sorted(lives, key=_said_at, reverse=True)[_LIVES_KEPT:]:
        lives.remove(life)
        session.execute(
            delete(StationLifeRow).where(
                StationLifeRow.station_id == life.station_id,
                StationLifeRow.boot_id == life.boot_id,
                StationLifeRow.journal_id == life.journal_id,
            )
        )


def _overlap(one: StationLifeRow, other: StationLifeRow) -> timedelta:
    return min(_said_at(one), _said_at(other)) - max(_began_at(one), _began_at(other))


def _began_at(life: StationLifeRow) -> datetime:
    return life.booted_at + timedelta(microseconds=life.from_ns // 1000)


def _said_at(life: StationLifeRow) -> datetime:
    return life.booted_at + timedelta(microseconds=life.upto_ns // 1000)
