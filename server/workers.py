"""Workers and their signs of life, which other processes look at."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.config import Config
from server.models import WorkerRow

_FORGOTTEN_AFTER = timedelta(days=1)


def beat(session: Session, name: str, now: datetime) -> None:
    """Say that a worker is at its work. Those of which nothing was heard for a day are
    forgotten."""
    row = session.get(WorkerRow, name)
    if row is None:
        session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now - _FORGOTTEN_AFTER))
        session.add(WorkerRow(name=name, started_at=now, seen_at=now))
    else:
        row.seen_at = now


def seen_lately(session: Session, config: Config, now: datetime) -> int:
    """How many workers are at their work: heard of within `worker_silent_s` and a round."""
    silent_s = config.worker_silent_s + config.replan_s
    lately = WorkerRow.seen_at >= now - timedelta(seconds=silent_s)
    return session.scalar(select(func.count()).select_from(WorkerRow).where(lately)) or 0


def last_seen(session: Session) -> datetime | None:
    """When any worker was last heard of."""
    return session.scalar(select(WorkerRow.seen_at).order_by(WorkerRow.seen_at.desc()).limit(1))
