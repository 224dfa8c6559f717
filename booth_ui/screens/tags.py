"""The district's tags: how many there are, which one is which, lost, found again, taken out."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.desk import desk, station
from booth_ui.page import go, once, opened, show, show_found
from booth_ui.paging import page_of
from reader_agent.shift import may_supervise
from reader_agent.tag_office import GROUPS, TagRow
from schemas.catalog import DEFAULT_LANGUAGE
from schemas.district import TAG_ACTIVE, TAG_LOST, TAG_RETIRED
from schemas.problems import Refusal

blueprint = Blueprint("tags", __name__, url_prefix="/tags")

PAGE = 30
QUERY_MAX = 20
REASONS: dict[str, tuple[str, ...]] = {
    TAG_LOST: ("kept", "missing", "stolen"),
    TAG_RETIRED: ("broken", "unread", "copied"),
    TAG_ACTIVE: ("came_back", "mistake"),
}
"""Why a tag is marked so (words: `tag_reason.<name>`)."""


@blueprint.before_request
def ask_for_supervisor() -> Response | None:
    """Only who may change them sees them; the address stays for the supervisor's badge."""
    if may_supervise(station().actor()):
        return None
    if request.method != "GET":
        raise Refusal("not_allowed")
    opened("enroll" if request.path.startswith("/tags/enroll") else "tags")
    return show("tags_supervisor.html")


@blueprint.get("")
def tags() -> Response:
    """The counts, by kind and status, and what can be done."""
    opened("tags")
    at = station()
    return show("tags.html", counts=at.tags.counts(), box=at.floor.closing.box())


@blueprint.get("/of/<group>")
@blueprint.get("/of/<group>/<int:page>")
def group(group: str, page: int = 1) -> Response:
    """The tags of a group (`lost`: those of every group), a page at a time."""
    opened("tags")
    if group not in (*GROUPS, TAG_LOST):
        raise Refusal("bad_choice")
    if group == TAG_LOST:
        rows = station().tags.rows(status=TAG_LOST)
    else:
        rows = station().tags.rows(group=group)
    return show("tags_list.html", group=group, page=page_of(rows, page, PAGE))


@blueprint.get("/search")
def search() -> Response:
    """An empty field and the keypad."""
    opened("tags")
    return show("tags_search.html", rows=None)


@blueprint.post("/search")
def find() -> Response:
    """The tags whose label or id holds what was typed."""
    query = request.form.get("query", "").strip()[:QUERY_MAX]
    if not query:
        return search()
    rows = station().tags.rows(text=query)
    return show_found("tags_search.html", rows, PAGE, query)


@blueprint.get("/one/<tag_id>")
def tag(tag_id: str) -> Response:
    """One tag, and what may have become of it."""
    opened("tags")
    row = station().tags.row(tag_id)
    return show("tag.html", row=row, statuses=_others(row))


@blueprint.get("/one/<tag_id>/<status>")
def ask_reason(tag_id: str, status: str) -> Response:
    """Why the tag is marked so."""
    return _ask_reason(tag_id, status)


@blueprint.post("/one/<tag_id>/<status>")
def mark(tag_id: str, status: str) -> AnyResponse:
    """Mark it."""
    name = request.form.get("reason", "")
    try:
        if name not in REASONS.get(status, ()):
            raise Refusal("reason_needed")
        # What stays in the journal is read by people: words, in the district's language.
        reason = desk().catalog.text(DEFAULT_LANGUAGE, f"tag_reason.{name}")
        label = once(lambda: station().tags.mark(tag_id, status, reason).label)
    except Refusal as refusal:
        return _ask_reason(tag_id, status, refusal)
    return go(f"/tags/one/{tag_id}", f"done.tag_{status}", label=label)


def _ask_reason(tag_id: str, status: str, refusal: Refusal | None = None) -> Response:
    if status not in REASONS:
        raise Refusal("bad_choice")
    opened("tags")
    row = station().tags.row(tag_id)
    return show("tag_mark.html", refusal=refusal, row=row, status=status, reasons=REASONS[status])


def _others(row: TagRow) -> list[str]:
    """What the tag may become, the likeliest first."""
    if row.status == TAG_ACTIVE:
        return [TAG_LOST, TAG_RETIRED]
    return [TAG_ACTIVE, TAG_RETIRED] if row.status == TAG_LOST else [TAG_ACTIVE]
