"""A report as files: each table as CSV, the whole as a workbook and, where it can be, as a PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import Response, request
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.manager.blueprint import blueprint, viewer
from server.manager.bundle import DIST, bundle_names
from server.manager.csv_file import Row, spooled, written
from server.manager.report_request import asked_for
from server.manager.routes.reports import report_page, shown_report
from server.manager.sheet_csv import rows_of
from server.permissions import Permission, needs
from server.reports import print_pdf, workbook
from server.reports.asked import Asked
from server.reports.below import whole
from server.reports.catalogue import REPORTS
from server.reports.shown import Shown
from server.reports.wording import read_wording

_CSV = "text/csv; charset=utf-8"


@blueprint.get("/reports/<name>/<key>.csv")
@needs(Permission.EXPORT)
def report_csv(name: str, key: str) -> Response:
    """One table, a row at a time."""
    report, asked = _asked(name)
    sheet = report.sheet(key)
    rows = written(rows_of(sheet.columns, sheet.rows, report.words))
    return _file(rows, _CSV, _file_name(key, asked, "csv"))


@blueprint.get("/reports/<name>/rows.csv")
@needs(Permission.EXPORT)
def report_rows_csv(name: str) -> Response:
    """All that is behind a row, however long the list is."""
    if name not in REPORTS:
        raise Refusal("unknown_report")
    found, asked, language = services(), asked_for(clock.now()), viewer().language
    query = request.args.to_dict()

    def fill(write: Callable[[Iterable[Row]], None]) -> None:
        def read(session: Session) -> None:
            words = read_wording(session, found.catalog, language)
            behind = whole(session, found.config, asked, query)
            write(rows_of(behind.columns, behind.rows, words))

        found.database.read(read)

    content = spooled(fill)
    return _file(content, _CSV, _file_name(f"{name}_{query['rows']}", asked, "csv"))


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
    return f"{'_'.join(['valet', name, *days, *asked.places])}.{ending}"


def _file(content: object, media_type: str, name: str) -> Response:
    return Response(
        content,  # type: ignore[arg-type]
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
