"""The sheets of a report as every face shows them: the screen, the files and the mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.config import Config
from server.reports.asked import Asked
from server.reports.catalogue import REPORTS
from server.reports.cover import Cover, cover_of
from server.reports.reach import reach
from server.reports.sheet import Sheet
from server.reports.wording import Wording

_BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Shown:
    """A report in one language."""

    cover: Cover
    words: Wording
    sheets: Sequence[Sheet]

    def sheet(self, key: str) -> Sheet:
        """One sheet. Raises `Refusal("unknown_report")`."""
        for sheet in self.sheets:
            if sheet.key == key:
                return sheet
        raise Refusal("unknown_report")


def shown(
    session: Session, config: Config, words: Wording, name: str, asked: Asked, now: datetime
) -> Shown:
    """A report by its name. Raises `Refusal("unknown_report")`."""
    sheets = sheets_of(session, config, name, asked, now)
    is_sure = not any(sheet.provisional for sheet in sheets)
    trust = None if is_sure else reach(session, config, asked, now)
    return Shown(cover_of(words, name, asked, trust, now), words, sheets)


def sheets_of(
    session: Session, config: Config, name: str, asked: Asked, now: datetime
) -> list[Sheet]:
    """The sheets of a report by its name. Raises `Refusal("unknown_report")`."""
    if name not in REPORTS:
        raise Refusal("unknown_report")
    sheets = REPORTS[name](session, config, asked, now)
    return sheets if asked.compare else [_alone(sheet) for sheet in sheets]


def _alone(sheet: Sheet) -> Sheet:
    """The sheet without the columns of the days before, which it was not asked for."""
    kept = [
        place for place, column in enumerate(sheet.columns) if _BEFORE not in column.key.split("_")
    ]
    chart = sheet.chart
    if chart is not None:
        series = tuple(key for key in chart.series if _BEFORE not in key.split("_"))
        chart = replace(chart, series=series)
    return replace(
        sheet,
        columns=tuple(sheet.columns[place] for place in kept),
        rows=[tuple(row[place] for place in kept) for row in sheet.rows],
        chart=chart,
    )
