"""Which reports are made by themselves: adding one, pausing it, ending it, and who gets it.

Nothing is deleted: what has ended stays to be seen. Addresses are personal data, sealed with the
master key and in no log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.catalog import LANGUAGES
from schemas.district import BOOTH, LOT
from schemas.ids import uuid7
from schemas.problems import Refusal
from server.administration.record import (
    ARCHIVED,
    CHANGED,
    CREATED,
    REPORT,
    Act,
    Subject,
    note,
)
from server.compare_and_set import changed
from server.config import Config
from server.district import get_place
from server.master_key import MasterKey
from server.models import PersonRow, ReportRunRow, ReportScheduleRow
from server.report_periods import SPANS, due_at, first_of, period_from
from server.reports.catalogue import REPORTS
from server.reports.day import day_at, zone_of
from server.stations import check_reason

log = structlog.get_logger()

ACTIVE = "active"
PAUSED = "paused"
ENDED = "ended"
_FROM = {ACTIVE: (PAUSED,), PAUSED: (ACTIVE,), ENDED: (ACTIVE, PAUSED)}
_PURPOSE = "report-recipients"
# What SES and every mailbox take, and nothing that would be a header of its own.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}"
)
_RUNS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schedule as somebody asks for it, and why. `recipients`: addresses parted by spaces,
    commas or semicolons. `booth_id`, `lot_id`: only of these, empty for all."""

    report: str
    span: str
    at_hour: int
    language: str
    recipients: str
    reason: str
    booth_id: str = ""
    lot_id: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A schedule on its page: who gets it, who made it, when it is next due, its latest runs."""

    row: ReportScheduleRow
    recipients: Sequence[str]
    made_by: str
    changed_by: str
    due_at: datetime | None
    runs: Sequence[ReportRunRow]


def add(
    session: Session, config: Config, key: MasterKey, wanted: Wanted, actor: str, now: datetime
) -> str:
    """Begin a schedule with the period that is going on; its id. Raises `Refusal`: `bad_choice`,
    `bad_address`, `reason_needed`, `unknown_place`."""
    act = Act(actor, check_reason(wanted.reason), now)
    if wanted.report not in REPORTS or wanted.span not in SPANS:
        raise Refusal("bad_choice")
    if wanted.language not in LANGUAGES or not 0 <= wanted.at_hour < 24:
        raise Refusal("bad_choice")
    for place_id, kind in ((wanted.booth_id, BOOTH), (wanted.lot_id, LOT)):
        if place_id and get_place(session, place_id).kind != kind:
            raise Refusal("bad_choice")
    recipients = parse_recipients(wanted.recipients, config.report_recipients_max)
    schedule_id = uuid7(now)
    session.add(
        ReportScheduleRow(
            id=schedule_id,
            report=wanted.report,
            span=wanted.span,
            at_hour=wanted.at_hour,
            language=wanted.language,
            recipients=key.seal(_PURPOSE, schedule_id, "\n".join(recipients).encode()),
            recipients_n=len(recipients),
            next_first=_present_first(session, config, wanted.span, now).isoformat(),
            state=ACTIVE,
            made_at=now,
            made_by=actor,
            booth_id=wanted.booth_id or None,
            lot_id=wanted.lot_id or None,
        )
    )
    began = {
        "is_active": True,
        "recipients_n": len(recipients),
        "booth_id": wanted.booth_id,
        "lot_id": wanted.lot_id,
    }
    note(session, act, Subject(REPORT, schedule_id, wanted.report), CREATED, None, began)
    log.info("report_schedule_added", schedule=schedule_id, report=wanted.report, by=actor)
    return schedule_id


def change(
    session: Session,
    config: Config,
    schedule_id: str,
    state: str,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Pause a schedule, let it go on with the period that is going on, or end it for good.

    Raises `Refusal`: `bad_choice`, `reason_needed`, `unknown_report`, or `wrong_state` if it is
    not in a state for that (any more).
    """
    if state not in _FROM:
        raise Refusal("bad_choice")
    reason = check_reason(reason)
    row = session.get(ReportScheduleRow, schedule_id)
    if row is None:
        raise Refusal("unknown_report")
    values: dict[str, object] = {
        "state": state,
        "changed_at": now,
        "changed_by": actor,
        "reason": reason,
    }
    if state == ACTIVE:
        # What was due meanwhile was not wanted.
        values["next_first"] = _present_first(session, config, row.span, now).isoformat()
    known = (ReportScheduleRow.id == schedule_id, ReportScheduleRow.state.in_(_FROM[state]))
    if not changed(session, ReportScheduleRow, known, values):
        raise Refusal("wrong_state")
    note(
        session,
        Act(actor, reason, now),
        Subject(REPORT, schedule_id, row.report),
        ARCHIVED if state == ENDED else CHANGED,
        {"is_active": row.state == ACTIVE},
        {"is_active": state == ACTIVE},
    )
    log.info("report_schedule_changed", schedule=schedule_id, state=state, by=actor)


def parse_recipients(text: str, most: int) -> list[str]:
    """The addresses in a text, each once. Raises `Refusal("bad_address")` for one that is none,
    for none at all, and for more than `most`."""
    found = list(dict.fromkeys(part for part in re.split(r"[\s,;]+", text) if part))
    if not 0 < len(found) <= most or not all(map(_ADDRESS.fullmatch, found)):
        raise Refusal("bad_address")
    return found


def recipients_of(key: MasterKey, row: ReportScheduleRow) -> list[str]:
    """Who gets the reports of a schedule."""
    return key.unseal(_PURPOSE, row.id, row.recipients).decode().split("\n")


def masked(address: str) -> str:
    """`l•••@example.com`: for those who see no personal data."""
    return f"{address[:1]}•••@{address.partition('@')[2]}"


def shown(session: Session, config: Config, key: MasterKey, *, is_masked: bool) -> list[Shown]:
    """All schedules, those that go on first, each with its latest runs. Three queries."""
    rows = session.scalars(select(ReportScheduleRow).order_by(ReportScheduleRow.id.desc())).all()
    names = {row.id: row.name for row in session.execute(select(PersonRow.id, PersonRow.name))}
    runs, zone = _latest_runs(session), zone_of(session)

    def one(row: ReportScheduleRow) -> Shown:
        period = period_from(row.span, Date.fromisoformat(row.next_first))
        addresses = recipients_of(key, row)
        return Shown(
            row=row,
            recipients=[masked(each) for each in addresses] if is_masked else addresses,
            made_by=names.get(row.made_by, row.made_by),
            changed_by=names.get(row.changed_by or "", row.changed_by or ""),
            due_at=due_at(period, row.at_hour, zone, config.day_starts_hour)
            if row.state == ACTIVE
            else None,
            runs=runs.get(row.id, []),
        )

    order = (ACTIVE, PAUSED, ENDED)
    return sorted((one(row) for row in rows), key=lambda each: order.index(each.row.state))


def _latest_runs(session: Session) -> dict[str, list[ReportRunRow]]:
    """The latest runs of every schedule, the newest first."""
    newest = func.row_number().over(
        partition_by=ReportRunRow.schedule_id, order_by=ReportRunRow.first.desc()
    )
    ranked = select(ReportRunRow.id, newest.label("place")).subquery()
    latest = select(ranked.c.id).where(ranked.c.place <= _RUNS_SHOWN)
    runs: dict[str, list[ReportRunRow]] = {}
    for run in session.scalars(
        select(ReportRunRow).where(ReportRunRow.id.in_(latest)).order_by(ReportRunRow.first.desc())
    ):
        runs.setdefault(run.schedule_id, []).append(run)
    return runs


def _present_first(session: Session, config: Config, span: str, now: datetime) -> Date:
    return first_of(span, day_at(now, zone_of(session), config.day_starts_hour).date)
