"""The reports: what there is, and each on a page."""

from __future__ import annotations

from flask import render_template
from sqlalchemy.orm import Session

from server import clock
from server.app import services
from server.manager.blueprint import blueprint, viewer
from server.manager.report_request import asked_for, quick_choices, today_of
from server.permissions import Permission, needs
from server.reports.asked import Asked
from server.reports.catalogue import REPORTS
from server.reports.charts.picture import draw
from server.reports.print_pdf import has_pdf
from server.reports.shown import Shown, shown
from server.reports.wording import read_wording


@blueprint.get("/reports")
@needs(Permission.REPORTS)
def reports() -> str:
    """What there is."""
    return render_template("manager/reports.html", names=list(REPORTS))


@blueprint.get("/reports/<name>")
@needs(Permission.REPORTS)
def report(name: str) -> str:
    """One report: its filters, and for every table the finding, the chart and the rows."""
    return report_page(name)


def report_page(name: str, *, rows_max: int | None = None) -> str:
    """The page; at most `rows_max` rows of each table, if so many are too many for a print."""
    now = clock.now()
    asked, today = asked_for(now), today_of(now)
    report = shown_report(name, asked)
    return render_template(
        "manager/report.html",
        name=name,
        names=list(REPORTS),
        asked=asked,
        cover=report.cover,
        words=report.words,
        sheets=report.sheets,
        pictures={sheet.key: draw(sheet, report.words) for sheet in report.sheets},
        rows_max=rows_max,
        today=today,
        choices=list(quick_choices(asked, today)),
        has_pdf=has_pdf(),
    )


def shown_report(name: str, asked: Asked) -> Shown:
    """The report as who is signed in reads it. Raises `Refusal("unknown_report")`."""
    found, now, language = services(), clock.now(), viewer().language

    def read(session: Session) -> Shown:
        words = read_wording(session, found.catalog, language)
        return shown(session, found.config, words, name, asked, now)

    return found.database.read(read)
