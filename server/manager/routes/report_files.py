"""A report as files: each table as CSV, the whole as a workbook and, where it can be, as a PDF."""

from __future__ import annotations

from flask import Response

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.manager.blueprint import blueprint
from server.manager.bundle import DIST, bundle_names
from server.manager.day_csv import written
from server.manager.report_request import asked_for
from server.manager.routes.reports import report_page, shown_report
from server.manager.sheet_csv import rows_of
from server.permissions import Permission, needs
from server.reports import print_pdf, workbook
from server.reports.asked import Asked
from server.reports.shown import Shown


@blueprint.get("/reports/<name>/<key>.csv")
@needs(Permission.EXPORT)
def report_csv(name: str, key: str) -> Response:
    """One table, a row at a time."""
    report, asked = _asked(name)
    rows = written(rows_of(report.sheet(key), report.words))
    return _file(rows, "text/csv; charset=utf-8", _file_name(key, asked, "csv"))


@blueprint.get("/reports/<name>/report.xlsx")
@needs(Permission.EXPORT)
def report_xlsx(name: str) -> Response:
    """The whole report, a worksheet for each table, with its charts."""
    report, asked = _asked(name)
    return _file(workbook.workbook(report), workbook.MEDIA_TYPE, _file_name(name, asked, "xlsx"))


@blueprint.get("/reports/<name>/report.pdf")
@needs(Permission.EXPORT)
def report_pdf(name: str) -> Response:
    """The report's page as a print. Raises `Refusal("unknown_report")` where none can be made."""
    if not print_pdf.has_pdf():
        raise Refusal("unknown_report")
    page = report_page(name, rows_max=services().config.report_pdf_rows)
    style = (DIST / bundle_names()["manage.css"]).read_text(encoding="utf-8")
    content = print_pdf.pdf_of(page, style)
    return _file(content, print_pdf.MEDIA_TYPE, _file_name(name, asked_for(clock.now()), "pdf"))


def _asked(name: str) -> tuple[Shown, Asked]:
    asked = asked_for(clock.now())
    return shown_report(name, asked), asked


def _file_name(name: str, asked: Asked, ending: str) -> str:
    days = dict.fromkeys((asked.range.first.isoformat(), asked.range.last.isoformat()))
    places = [each for each in (asked.booth_id, asked.lot_id) if each]
    return f"{'_'.join(['valet', name, *days, *places])}.{ending}"


def _file(content: object, media_type: str, name: str) -> Response:
    return Response(
        content,  # type: ignore[arg-type]
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
