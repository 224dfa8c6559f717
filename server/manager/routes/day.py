"""The district's day, on a page and as CSV."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from server import clock, guest_looks, guests
from server.app import services
from server.day_roots import public_key, root_on
from server.dispatch import planner_state
from server.district import get_place
from server.manager.blueprint import blueprint, person, viewer
from server.manager.day_csv import rows_of, written
from server.reports.card_alarms import card_alarms
from server.reports.day import Day, day_at, day_of, parse_date
from server.reports.day_report import DayReport, day_report
from server.reports.driver_reports import driver_reports
from server.reports.forks import forks
from server.reports.held_visits import held_visits
from server.reports.message_lines import unknown_messages
from server.reports.open_visits import open_visits
from server.reports.visit_lines import VisitLine


@blueprint.get("/")
def today() -> AnyResponse:
    """The first page is the present day."""
    return redirect(url_for("manager.day"), 303)


@blueprint.get("/day")
def day() -> str:
    """Figures, what waits for a decision, open visits and stations of one day."""
    found, now = services(), clock.now()
    chosen, booth_id = _filters(now)

    def read(session: Session) -> dict[str, object]:
        opened = [visit for visit in open_visits(session, now) if visit.concerns(booth_id)]
        report = _report(session, chosen, booth_id, now)
        gone = _gone(report)
        return {
            "report": report,
            "gone_count": len(gone),
            "gone_visits": gone[: found.config.page_rows],
            "open_count": len(opened),
            "open_visits": opened[: found.config.page_rows],
            "held": held_visits(session),
            "unknown": unknown_messages(session),
            "card_alarms": card_alarms(session),
            "driver_reports": driver_reports(session, found.config, now),
            "root": root_on(session, chosen.date),
            "forks": forks(session),
            "planner_lost": planner_state.lost(session),
        }

    return render_template(
        "manager/day.html",
        **found.database.read(read),
        day_before=(chosen.date - timedelta(days=1)).isoformat(),
        day_after=(chosen.date + timedelta(days=1)).isoformat(),
        today=day_at(now, chosen.zone, found.config.day_starts_hour).date,
        now=now,
        ledger_key=public_key(found.key),
    )


@blueprint.get("/day.csv")
def day_csv() -> Response:
    """The visits behind the day's figures, one a row. Their drivers are told who has looked."""
    found, now, viewer_id = services(), clock.now(), person().id
    chosen, booth_id = _filters(now)

    def read(session: Session) -> tuple[DayReport, dict[str, str]]:
        report = _report(session, chosen, booth_id, now)
        known = guests.load_many(session, found.key, [line.guest_ref for line in report.lines])
        shown = [line.id for line in report.lines if line.guest_ref in known]
        guest_looks.note(session, shown, viewer_id, guest_looks.DAY_LIST, now)
        return report, {ref: guest.plate for ref, guest in known.items()}

    report, plates = found.database.write(read)
    name = f"valet_{chosen.date.isoformat()}_{booth_id or 'all'}.csv"
    return Response(
        written(rows_of(report.lines, plates, viewer())),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _gone(report: DayReport) -> list[VisitLine]:
    """The visits that the figure of those handed over counts, the last one first."""
    ended = [
        (line.handed_over_at, line)
        for line in report.lines
        if line.handed_over_at is not None
        and report.day.holds(line.handed_over_at)
        and report.booth_id in (None, line.place_id)
    ]
    return [line for _, line in sorted(ended, key=lambda pair: pair[0], reverse=True)]


def _filters(now: datetime) -> tuple[Day, str | None]:
    """The day and the booth that the URL asks for. Raises `Refusal`."""
    found, zone = services(), viewer().zone
    hour = found.config.day_starts_hour
    date, booth_id = request.args.get("date", ""), request.args.get("booth", "") or None
    if booth_id is not None:
        chosen_booth = booth_id
        found.database.read(lambda session: get_place(session, chosen_booth))
    chosen = day_of(parse_date(date), zone, hour) if date else day_at(now, zone, hour)
    return chosen, booth_id


def _report(session: Session, chosen: Day, booth_id: str | None, now: datetime) -> DayReport:
    return day_report(session, services().config, chosen, booth_id, now)
