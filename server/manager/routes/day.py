"""The district's day, on a page and as CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from server import clock, guest_looks, guests
from server.app import services
from server.day_roots import public_key, root_on
from server.dispatch import planner_state
from server.district import get_place
from server.manager.blueprint import blueprint, may_see, person, viewer
from server.manager.csv_file import written
from server.manager.day_csv import rows_of
from server.masking import masked_plate
from server.permissions import Permission, needs
from server.reports.card_alarms import card_alarms
from server.reports.day import Day, day_at, day_of, parse_date
from server.reports.day_report import DayReport, day_report
from server.reports.driver_reports import driver_reports
from server.reports.forks import forks
from server.reports.held_visits import held_visits
from server.reports.map_view import landmarks_around, map_view
from server.reports.message_lines import count_unknown, unknown_messages
from server.reports.open_visits import open_visits
from server.reports.seen_keys import SeenKey, seen_keys
from server.reports.today_now import DistrictNow, district_now
from server.reports.visit_lines import VisitLine
from server.sign_in.lockouts import lockouts


@blueprint.get("/")
@needs(Permission.TODAY)
def today() -> AnyResponse:
    """The first page is the present day."""
    return redirect(url_for("manager.day"), 303)


@blueprint.get("/day")
@needs(Permission.TODAY)
def day() -> str:
    """Figures, this moment, what waits for a decision, open visits and stations of one day."""
    return render_template("manager/day.html", **_values())


@blueprint.get("/day/live")
@needs(Permission.TODAY)
def day_live() -> AnyResponse:
    """The same without what is around it, for a page that is open: 304 while nothing of it is
    other than it was."""
    page = render_template("manager/day_live.html", **_values())
    answer = Response(page, content_type="text/html; charset=utf-8")
    answer.set_etag(digest(page))
    answer.make_conditional(request)
    return answer


@blueprint.app_template_filter()
def digest(text: str) -> str:
    """A short name of exactly this text: an open page replaces what has another one."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _values() -> dict[str, object]:
    found, now = services(), clock.now()
    config = found.config
    chosen, booth_id = _filters(now)

    def read(session: Session) -> dict[str, object]:
        opened = [visit for visit in open_visits(session, now) if visit.concerns(booth_id)]
        report = _report(session, chosen, booth_id, now)
        gone = _gone(report)
        is_today = report.is_today
        return {
            "report": report,
            "gone_count": len(gone),
            "gone_visits": gone[: config.page_rows],
            "open_count": len(opened),
            "open_visits": opened[: config.page_rows],
            "late_visits": [visit for visit in opened if visit.is_late],
            "present": district_now(session, config, report.stations, now) if is_today else None,
            "held": held_visits(session),
            "unknown": unknown_messages(session, config.page_rows),
            "unknown_count": count_unknown(session),
            "card_alarms": card_alarms(session),
            "driver_reports": driver_reports(session, config, now),
            "seen_keys": _still_there(seen_keys(session, config.page_rows)),
            "root": root_on(session, chosen.date),
            "forks": forks(session),
            "lockouts": lockouts(session, now),
            "planner_lost": planner_state.lost(session),
        }

    values = found.database.read(read)
    return {
        **values,
        "day_before": (chosen.date - timedelta(days=1)).isoformat(),
        "day_after": (chosen.date + timedelta(days=1)).isoformat(),
        "today": day_at(now, chosen.zone, config.day_starts_hour).date,
        "now": now,
        "every_s": config.live_every_s,
        "back": url_for("manager.day", date=request.args.get("date"), booth=booth_id),
        "map": _map(values["present"]),
        "ledger_key": public_key(found.key),
    }


def _still_there(keys: Iterable[SeenKey]) -> list[SeenKey]:
    return [key for key in keys if key.later_id is None]


def _map(present: object) -> dict[str, object] | None:
    """The drawing of this moment and who is named for its landmarks."""
    if not isinstance(present, DistrictNow):
        return None
    config = services().config
    around = landmarks_around(config.origin_lat, config.origin_lon)
    return {
        "drawing": map_view(present.places, present.drives, around.points),
        "attribution": around.attribution,
        "url": around.url,
    }


@blueprint.get("/day.csv")
@needs(Permission.EXPORT)
def day_csv() -> Response:
    """The visits behind the day's figures, one a row. Their drivers are told who has looked."""
    found, now, viewer_id = services(), clock.now(), person().id
    chosen, booth_id = _filters(now)

    def read(session: Session) -> tuple[DayReport, dict[str, str]]:
        report = _report(session, chosen, booth_id, now)
        known = guests.load_many(session, found.key, [line.guest_ref for line in report.lines])
        shown = [line.id for line in report.lines if line.guest_ref in known]
        guest_looks.note(session, shown, viewer_id, guest_looks.DAY_LIST, now)
        show = str if may_see(Permission.PHONES) else masked_plate
        return report, {ref: show(guest.plate) for ref, guest in known.items()}

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
