"""Reports that are made by themselves: which there are, how they went, and changing that."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.catalog import LANGUAGES
from schemas.problems import Refusal
from server import clock, report_runs, report_schedules
from server.app import services
from server.manager.blueprint import blueprint, may_see, person, signed_in, viewer
from server.models import ReportRunRow
from server.permissions import Permission, needs
from server.report_periods import SPANS
from server.report_schedules import Wanted
from server.report_store import open_report_store
from server.reports.catalogue import REPORTS
from server.reports.wording import read_wording
from server.reports.workbook import MEDIA_TYPE

_TYPED = ("report", "booth", "lot", "span", "hour", "language", "recipients", "reason")
_FAILED = (report_runs.UNKNOWN, report_runs.REFUSED)


@blueprint.context_processor
def _report_alarms() -> dict[str, object]:
    """Every page says how many reports did not go out."""
    if signed_in() is None or not may_see(Permission.EXPORT):
        return {}
    look = select(func.count()).where(ReportRunRow.status.in_(_FAILED))
    return {"report_alarms": services().database.read(lambda session: session.scalar(look))}


@blueprint.get("/reports/schedules")
@needs(Permission.EXPORT)
def schedules() -> str:
    """All schedules with their latest runs, and the form for a new one: of the report, booth and
    lot that the address names."""
    asked = {name: request.args.get(name, "") for name in ("report", "booth", "lot")}
    return _page({**asked, "hour": "7", "language": viewer().language}, "")


@blueprint.post("/reports/schedules")
@needs(Permission.EXPORT)
def add_schedule() -> AnyResponse:
    """Begin a schedule; what cannot be is said, and what was typed stays."""
    found, now, actor, form = services(), clock.now(), person().id, request.form
    hour = form.get("hour", "")
    wanted = Wanted(
        report=form.get("report", ""),
        span=form.get("span", ""),
        at_hour=int(hour) if hour.isdecimal() and len(hour) < 3 else -1,
        language=form.get("language", ""),
        recipients=form.get("recipients", ""),
        reason=form.get("reason", ""),
        booth_id=form.get("booth", ""),
        lot_id=form.get("lot", ""),
    )
    try:
        found.database.write(
            lambda session: report_schedules.add(
                session, found.config, found.key, wanted, actor, now
            )
        )
    except Refusal as refusal:
        typed = {name: form.get(name, "") for name in _TYPED}
        return Response(_page(typed, refusal.code), refusal.status)
    return redirect(url_for("manager.schedules", said="scheduled"), 303)


@blueprint.post("/reports/schedules/<schedule_id>/change")
@needs(Permission.EXPORT)
def change_schedule(schedule_id: str) -> AnyResponse:
    """Pause a schedule, let it go on, or end it, for a reason."""
    found, now, actor, form = services(), clock.now(), person().id, request.form
    state, reason = form.get("state", ""), form.get("reason", "")
    found.database.write(
        lambda session: report_schedules.change(
            session, found.config, schedule_id, state, reason, actor, now
        )
    )
    return redirect(url_for("manager.schedules", said="scheduled"), 303)


@blueprint.post("/reports/runs/<run_id>/decide")
@needs(Permission.EXPORT)
def decide_run(run_id: str) -> AnyResponse:
    """Send a report again that failed or whose end is unknown, or let it be."""
    now, action = clock.now(), request.form.get("action", "")
    services().database.write(lambda session: report_runs.decide(session, run_id, action, now))
    return redirect(url_for("manager.schedules", said="scheduled"), 303)


@blueprint.get("/reports/runs/<run_id>/workbook")
@needs(Permission.EXPORT)
def run_workbook(run_id: str) -> Response:
    """The workbook as it was sent. Raises `Refusal("unknown_report")` where none is kept."""
    found = services()
    run = found.database.read(lambda session: session.get(ReportRunRow, run_id))
    content = None
    if run is not None and run.file is not None:
        content = open_report_store(found.config).read(run.file)
    if run is None or run.file is None or content is None:
        raise Refusal("unknown_report")
    name = run.file.rpartition("/")[2]
    return Response(
        content,
        content_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _page(typed: dict[str, str], fault: str) -> str:
    found = services()
    is_masked = not may_see(Permission.PHONES)

    def read(session: Session) -> dict[str, object]:
        return {
            "schedules": report_schedules.shown(
                session, found.config, found.key, is_masked=is_masked
            ),
            "words": read_wording(session, found.catalog, viewer().language),
        }

    return render_template(
        "manager/schedules.html",
        **found.database.read(read),
        typed=typed,
        fault=fault,
        names=list(REPORTS),
        spans=SPANS,
        languages=LANGUAGES,
        recipients_max=found.config.report_recipients_max,
    )
