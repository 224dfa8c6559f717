"""The tags: the inventory on a page and as CSV, enrolling, and saying which are lost."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.district import CLAIM_TAG, TAG_KINDS, TAG_STATUSES
from server import clock, enrolment
from server.administration import record
from server.administration.record import Act, Subject
from server.app import services
from server.enrolment import Entry, Fault, NotEnrolled
from server.manager.blueprint import blueprint, person, safe_path, viewer
from server.manager.csv_file import written
from server.manager.tag_csv import rows_of
from server.models import PersonRow, TagRow
from server.permissions import Permission, needs
from server.reports.tag_lines import TagFilter, count_tags, tag_counts, tag_lines
from server.stations import check_reason

_TYPED = ("kind", "label", "tag", "person", "lines", "reason")


@blueprint.get("/tags")
@needs(Permission.TAGS)
def tags() -> str:
    """The inventory, and the forms that change it."""
    return _page({}, ())


@blueprint.get("/tags.csv")
@needs(Permission.TAGS)
def tags_csv() -> Response:
    """The inventory that the filter lets through, one tag a row."""
    wanted = _filter()
    lines = services().database.read(lambda session: tag_lines(session, wanted))
    return Response(
        written(rows_of(lines, viewer())),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="valet_tags.csv"'},
    )


@blueprint.post("/tags/enrol")
@needs(Permission.TAGS)
def enrol_tags() -> AnyResponse:
    """Enrol one tag, or every line of a list, for a reason: all of them or none."""
    found = services()
    act = Act(person().id, check_reason(request.form.get("reason", "")), clock.now())
    try:
        entries = _entries(found.config.events_per_batch_max)
        found.database.write(lambda session: _enrol(session, entries, act))
    except NotEnrolled as refused:
        typed = {name: request.form.get(name, "") for name in _TYPED}
        return Response(_page(typed, refused.faults), 422)
    return redirect(url_for("manager.tags", kind=entries[0].kind, said="enrolled"), 303)


@blueprint.post("/tags/mark")
@needs(Permission.TAGS)
def mark_tag() -> AnyResponse:
    """A tag is lost, found again or out of use."""
    now, actor, form = clock.now(), person().id, request.form
    tag_id, status = form.get("tag", ""), form.get("status", "")
    reason = form.get("reason", "")

    def work(session: Session) -> None:
        row = session.get(TagRow, tag_id)
        before = None if row is None else row.status
        enrolment.mark(session, tag_id, status, reason, actor, now)
        if row is not None and before != status:
            subject = Subject(record.TAG, row.label, row.label)
            act = Act(actor, reason.strip(), now)
            values = {"status": before}, {"status": status}
            record.note(session, act, subject, record.CHANGED, *values)

    services().database.write(work)
    path = safe_path(form.get("back"))
    return redirect(f"{path}{'&' if '?' in path else '?'}said=marked", 303)


def _enrol(session: Session, entries: Sequence[Entry], act: Act) -> None:
    enrolment.enrol(session, entries, act.by, act.now)
    # By their labels: what a tag says of itself opens doors.
    labels = [entry.label for entry in entries]
    name = labels[0] if len(labels) == 1 else f"{labels[0]} … {labels[-1]} ({len(labels)})"
    subject = Subject(record.TAG, labels[0], name)
    after = {"kind": entries[0].kind, "label": labels}
    record.note(session, act, subject, record.ENROLLED, None, after)


def _entries(limit: int) -> list[Entry]:
    form = request.form
    kind = form.get("kind", "")
    if form.get("lines", "").strip():
        return enrolment.read_entries(kind, form["lines"], limit)
    person_id = form.get("person") or None
    return [enrolment.read_entry(1, kind, form.get("label", ""), form.get("tag", ""), person_id)]


def _filter() -> TagFilter:
    """The filter of the address; what it does not know lets all through."""
    kind, status = request.args.get("kind", ""), request.args.get("status", "")
    return TagFilter(
        kind=kind if kind in TAG_KINDS else "",
        status=status if status in TAG_STATUSES else "",
        text=request.args.get("q", "").strip()[:80],
    )


def _page(typed: dict[str, str], faults: tuple[Fault, ...]) -> str:
    found, wanted = services(), _filter()

    def read(session: Session) -> dict[str, object]:
        people = select(PersonRow).where(PersonRow.is_active).order_by(PersonRow.name)
        return {
            "lines": tag_lines(session, wanted, found.config.page_rows),
            "count": count_tags(session, wanted),
            "counts": tag_counts(session),
            "people": session.scalars(people).all(),
        }

    return render_template(
        "manager/tags.html",
        **found.database.read(read),
        wanted=wanted,
        typed=typed,
        faults=faults,
        kinds=TAG_KINDS,
        statuses=TAG_STATUSES,
        first_kind=typed.get("kind") or wanted.kind or CLAIM_TAG,
    )
