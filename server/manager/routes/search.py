"""Finding a visit. What may be a plate or a phone comes by POST and never stands in an address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from schemas.problems import Refusal
from server import clock, guest_looks
from server.app import services
from server.district import get_place
from server.manager.blueprint import blueprint, may_see, person, viewer
from server.permissions import Permission, needs, only_asks
from server.reports import search as finding
from server.reports.search import Answer, Wanted

_FILTERS = ("booth", "from", "until")
_TEXT_MAX = 60


@blueprint.get("/search")
@needs(Permission.SEARCH)
def search() -> str:
    """The form and what was found. To be shown whose car it is counts as a look at the driver's
    record, and the driver can read of it."""
    found, now, viewer_id = services(), clock.now(), person().id
    asked = {name: request.args.get(name, "") for name in ("code", "tag", "found", *_FILTERS)}
    is_asked = any(asked.values()) and "unknown" not in request.args
    wanted = _wanted(asked, now) if is_asked else None

    def read(session: Session) -> Answer | None:
        if wanted is None:
            return None
        if wanted.booth_id is not None:
            get_place(session, wanted.booth_id)
        answer = finding.search(session, found.config, found.key, wanted, now)
        if wanted.is_personal:
            seen = [visit.id for visit in answer.visits]
            guest_looks.note(session, seen, viewer_id, guest_looks.SEARCH, now)
        return answer

    is_look = wanted is not None and wanted.is_personal
    answer = (found.database.write if is_look else found.database.read)(read)
    return render_template(
        "manager/search.html",
        answer=answer,
        asked=asked,
        wanted=wanted,
        is_unknown="unknown" in request.args,
        days_max=found.config.search_days_max,
        text_max=_TEXT_MAX,
    )


@blueprint.post("/search")
@only_asks
@needs(Permission.SEARCH)
def ask() -> Response:
    """Go on to the answer, under an address that says nothing of what was typed unless it is a
    code or a tag that exists."""
    now, text = clock.now(), request.form.get("text", "").strip()[:_TEXT_MAX]
    filters: dict[str, Any] = {name: request.form.get(name) or None for name in _FILTERS}
    if text:
        filters |= name_of(text, now)
    return redirect(url_for("manager.search", **filters), 303)


def name_of(text: str, now: datetime) -> dict[str, str]:
    """What stands in the address for the text: a code or a tag, or a token that only who typed it
    can use; `unknown` where it is neither."""
    found = services()
    named = found.database.read(lambda session: finding.named(session, text))
    if named is not None:
        return dict([named])
    until = now + timedelta(seconds=found.config.session_s)
    token = finding.asked_for(found.key, person().id, text, until)
    if token is None or not may_see(Permission.PHONES):
        return {"unknown": "1"}
    return {"found": token}


def _wanted(asked: dict[str, str], now: datetime) -> Wanted:
    found = services()
    plates, phones = (
        finding.opened(found.key, person().id, asked["found"], now) if asked["found"] else ((), ())
    )
    return Wanted(
        code=asked["code"] or None,
        tag_id=asked["tag"] or None,
        plates=plates,
        phones=phones,
        booth_id=asked["booth"] or None,
        from_at=_moment(asked["from"]),
        until_at=_moment(asked["until"]),
    )


def _moment(text: str) -> datetime | None:
    """A time of the district's clock (`2026-11-20T21:30`). Raises `Refusal("bad_time")`."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=viewer().zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("bad_time") from None
