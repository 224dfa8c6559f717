"""Whoever opens a driver's address: which visit that is, and in which words it is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock
from server.app import services
from server.driver import tongue
from server.driver.blueprint import CARD, nonce
from server.driver.reader import Reader
from server.driver.said import Teller
from server.driver.tap import held_token
from server.links import find_visit
from server.models import VisitRow


def visit_behind(session: Session, token: str, now: datetime) -> VisitRow:
    """The visit that a link's token opens or, at the card's address, the cookie of a tap."""
    if token == CARD:
        return find_visit(session, held_token(), now, by_tap=True)
    return find_visit(session, token, now)


def own_visit(session: Session, token: str, now: datetime) -> VisitRow:
    """As `visit_behind`, for what only the driver's own link opens: neither a card that was
    tapped nor a link that was shared."""
    return find_visit(session, "" if token == CARD else token, now)


def tell(token: str, say: Callable[[Teller], None], *, is_own: bool = False) -> VisitRow:
    """Let whoever has this token say something, in one transaction. Raises `Refusal`."""
    found, now = services(), clock.now()
    behind = own_visit if is_own else visit_behind

    def work(session: Session) -> VisitRow:
        visit = behind(session, token, now)
        say(Teller(session, found.config, found.key, visit.id, now))
        return visit

    return found.database.write(work, in_turn=True)


def sheet(
    token: str,
    template: str,
    read: Callable[[Session, VisitRow, Reader], dict[str, object]],
    *,
    is_own: bool = False,
    problem: Refusal | None = None,
) -> Response:
    """One of the pages behind the ticket's own. `read` gives what its template needs."""
    found, now = services(), clock.now()
    behind = own_visit if is_own else visit_behind

    def work(session: Session) -> dict[str, object]:
        visit = behind(session, token, now)
        reader = reader_of(visit, now)
        values = {"code": visit.code, "is_open": visit.is_open, "reader": reader}
        return {**values, **read(session, visit, reader)}

    values = found.database.read(work)
    reader = values.pop("reader")
    assert isinstance(reader, Reader)
    body = render_template(
        f"driver/{template}.html",
        **values,
        say=reader.say,
        language=reader.language,
        problem=None if problem is None else reader.problem(problem),
        token=token,
        lang=tongue.asked(),
        nonce=nonce(),
    )
    return make_response(body, 200 if problem is None else problem.status)


def reader_of(visit: VisitRow, now: datetime) -> Reader:
    """The words in the language of whoever reads now."""
    found = services()
    language = tongue.pick(visit.language)
    return Reader(found.catalog, language, now, found.config.request_lead_s_max)


def back_to(token: str, page: str = "show") -> AnyResponse:
    """To the ticket, or to a page behind it, so that a reload sends no form again."""
    return redirect(url_for(f"driver.{page}", token=token, lang=tongue.asked()), 303)


def field(name: str, most: int = 2000) -> str:
    """A field of the form that was sent; empty without one."""
    return request.form.get(name, "")[:most]
