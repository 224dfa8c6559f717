"""All reports by name, in the order in which they are offered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from server.config import Config
from server.reports import reach
from server.reports.asked import Asked
from server.reports.held_report import held
from server.reports.incidents import incidents
from server.reports.kerb import kerb
from server.reports.key_report import keys
from server.reports.lots import lots
from server.reports.message_report import messages
from server.reports.promise_report import promise_report
from server.reports.runners import runners
from server.reports.sheet import Sheet
from server.reports.station_report import stations
from server.reports.volume import volume
from server.reports.waits import waits

Report: TypeAlias = Callable[[Session, Config, Asked, datetime], list[Sheet]]
"""The sheets of what was asked for, at a time `now`."""


def _honest(report: Report) -> Report:
    """The same report, its sheets marked while something of its days may be missing."""

    def marked(session: Session, config: Config, asked: Asked, now: datetime) -> list[Sheet]:
        sheets = report(session, config, asked, now)
        if not reach.reach(session, config, asked, now).is_provisional:
            return sheets
        return [replace(each, provisional=True) for each in sheets]

    return marked


REPORTS: Mapping[str, Report] = {
    name: _honest(report)
    for name, report in (
        ("volume", volume),
        ("waits", waits),
        ("promises", promise_report),
        ("runners", runners),
        ("kerb", kerb),
        ("lots", lots),
        ("keys", keys),
        ("incidents", incidents),
        ("messages", messages),
        ("held", held),
        ("stations", stations),
    )
}
"""Their titles are `manage.report.{name}`."""
