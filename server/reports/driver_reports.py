"""Problems that drivers told of on their pages: somebody has to look at each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Config
from server.models import DriverNoteRow, EventRow, VisitRow


@dataclass(frozen=True, slots=True)
class DriverReport:
    """One problem: whose car, when it was told, and with how many photos."""

    visit_id: str
    visit_code: str
    at: datetime
    photo_count: int


def driver_reports(session: Session, config: Config, now: datetime) -> Sequence[DriverReport]:
    """Those of the last claim window, the newest first. What was written is on the visit's page."""
    since = now - timedelta(seconds=config.claim_window_s)
    rows = session.execute(
        select(EventRow.visit_id, VisitRow.code, EventRow.at, EventRow.line)
        .join(DriverNoteRow, DriverNoteRow.event_id == EventRow.event_id)
        .join(VisitRow, VisitRow.id == EventRow.visit_id)
        .where(EventRow.at > since)
        .order_by(EventRow.at.desc(), EventRow.seq.desc())
    )
    return [
        DriverReport(str(visit_id), code, at, len(json.loads(line)["data"]["photos"]))
        for visit_id, code, at, line in rows
    ]
