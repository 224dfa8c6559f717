"""Administration: where to change what, and the record of all that was changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import render_template, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.administration import record
from server.app import services
from server.changes import ChangeFilter, changers, changes
from server.manager.admin_words import in_order, in_words, subject_in_words
from server.manager.blueprint import blueprint, viewer
from server.models import ClosureRow, PersonRow, PlaceRow
from server.permissions import Permission, needs
from server.reports.day import day_of, parse_date

_TEXT_CHARS = 80


@blueprint.get("/admin")
@needs(Permission.CHANGES)
def admin() -> str:
    """Where to change what."""

    def read(session: Session) -> dict[str, int]:
        in_use = {
            "places": PlaceRow.archived_at.is_(None),
            "closures": ClosureRow.is_active,
            "people": PersonRow.is_active,
        }
        return {
            name: session.scalar(select(func.count()).where(where)) or 0
            for name, where in in_use.items()
        }

    return render_template("manager/admin/index.html", counts=services().database.read(read))


@blueprint.get("/admin/changes")
@needs(Permission.CHANGES)
def admin_changes() -> str:
    """The changes that the filter lets through, the newest first."""
    found, view = services(), viewer()
    wanted, limit = _filter(), found.config.page_rows

    def read(session: Session) -> dict[str, object]:
        return {
            "lines": changes(session, wanted, limit, request.args.get("before", "")[:40]),
            "people": changers(session),
        }

    read_back = found.database.read(read)
    return render_template(
        "manager/admin/changes.html",
        **read_back,
        limit=limit,
        wanted=wanted,
        asked={name: request.args.get(name, "") for name in ("from", "until")},
        kinds=record.KINDS,
        words=lambda name, value: in_words(view, name, value),
        in_order=in_order,
        subject=lambda kind, name: subject_in_words(view, kind, name),
    )


def _filter() -> ChangeFilter:
    """The filter of the address. Raises `Refusal("bad_time")` for a day that is none."""
    args = request.args
    kind = args.get("kind", "")
    return ChangeFilter(
        kind=kind if kind in record.KINDS else "",
        person_id=args.get("person", "")[:_TEXT_CHARS],
        text=args.get("q", "").strip()[:_TEXT_CHARS],
        subject_id=args.get("subject", "")[:_TEXT_CHARS],
        from_at=_midnight(args.get("from", "")),
        until_at=_midnight(args.get("until", ""), days=1),
    )


def _midnight(date: str, days: int = 0) -> datetime | None:
    if not date:
        return None
    return day_of(parse_date(date) + timedelta(days=days), viewer().zone, 0).start
