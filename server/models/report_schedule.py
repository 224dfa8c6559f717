"""Reports that are made by themselves: which, when and for whom, and each time that one was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class ReportScheduleRow(Table):
    """A report that is sent again and again; ended, never deleted.

    `report`: its name; `booth_id`, `lot_id`: only of these. `span`: of which days
    (`server.report_periods`). `at_hour`: from which local hour. `recipients`: their addresses, a
    line each, sealed with the master key. `next_first`: the first date of the next period that is
    to be made. `state`: active, paused or ended, since `changed_at` by `changed_by` for `reason`.
    """

    __tablename__ = "report_schedules"

    id: Mapped[str] = mapped_column(primary_key=True)
    report: Mapped[str]
    span: Mapped[str]
    at_hour: Mapped[int]
    language: Mapped[str]
    recipients: Mapped[bytes]
    recipients_n: Mapped[int]
    next_first: Mapped[str]
    state: Mapped[str]
    made_at: Mapped[datetime]
    made_by: Mapped[str]
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[str | None]
    reason: Mapped[str | None]
    booth_id: Mapped[str | None]
    lot_id: Mapped[str | None]


class ReportRunRow(Table):
    """One period of a schedule, once: the dates `first` to `last`.

    `status`: queued, making (until `lease_until`), sending (the mail may be under way), sent,
    refused, unknown (nobody can say whether it went out; a person decides) or dropped. `file`: its
    name in the store of reports, once it is there.
    """

    __tablename__ = "report_runs"
    __table_args__ = (
        Index("uq_report_runs_period", "schedule_id", "first", unique=True),
        Index("ix_report_runs_status", "status"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    schedule_id: Mapped[str]
    first: Mapped[str]
    last: Mapped[str]
    status: Mapped[str]
    tries: Mapped[int]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None]
    made_at: Mapped[datetime | None]
    file: Mapped[str | None]
    size_bytes: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    fault: Mapped[str | None]
