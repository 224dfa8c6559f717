"""The blueprint of the manager's pages, and what every one of them needs."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from schemas.problems import Refusal
from server import clock
from server.api.route import refuse_nul
from server.app import services
from server.manager.bundle import bundle_names
from server.manager.viewer import Viewer, language_of, viewer_of
from server.models import PersonRow
from server.permissions import Permission, check, is_for_everybody, may
from server.sessions import find_session, is_seen_late, note_seen, token_of

blueprint = Blueprint("manager", __name__, url_prefix="/manage")
_READING = ("GET", "HEAD", "OPTIONS")


@blueprint.before_request
def _authenticate() -> AnyResponse | None:
    refuse_nul((request.path, *request.values.values(), *request.cookies.values()))
    now = clock.now()
    token = token_of(request)
    found = (
        services().database.read(lambda session: find_session(session, token, now))
        if token
        else None
    )
    g.manager = None if found is None else found.person
    if found is not None and is_seen_late(found.row, now) and _is_page():
        config = services().config
        services().database.note(lambda session: note_seen(session, config, token, now))
    view = current_app.view_functions.get(request.endpoint or "")
    if is_for_everybody(view):
        return None
    if g.manager is not None:
        check(g.manager, view, is_change=request.method not in _READING)
        return None
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("manager.sign_in_form", next=wanted), 303)


def _is_page() -> bool:
    """Whether a person asks; not a page that keeps itself up to date, which shows only that a
    browser was left open."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.context_processor
def _common() -> dict[str, object]:
    view = viewer()
    return {
        "view": view,
        "t": view.t,
        "bundle": bundle_names(),
        "person": signed_in(),
        "may": may_see,
        "here": request.full_path.rstrip("?"),
        "said": request.args.get("said"),
    }


@blueprint.errorhandler(Refusal)
def _refused(refusal: Refusal) -> tuple[str, int]:
    key = f"manage.problem.{refusal.code}"
    return render_template("manager/problem.html", key=key), refusal.status


@blueprint.errorhandler(HTTPException)
def _failed(error: HTTPException) -> tuple[str, int]:
    status = error.code or 500
    if status == 503:
        return _away(), status
    known = {404: "not_found", 405: "not_found", 413: "too_large"}
    key = f"manage.problem.{known.get(status, 'other')}"
    return render_template("manager/problem.html", key=key), status


def _away() -> str:
    """The page for while the database is away. Past the context above, which would ask it."""
    language, catalog = language_of(request), services().catalog
    page = current_app.jinja_env.get_template("manager/away.html")
    return page.render(language=language, t=partial(catalog.text, language), bundle=bundle_names())


def signed_in() -> PersonRow | None:
    """Who is signed in, if anybody."""
    person: PersonRow | None = g.get("manager")
    return person


def person() -> PersonRow:
    """Who is signed in; the gate has let nobody else in."""
    found = signed_in()
    assert found is not None
    return found


def may_see(permission: str) -> bool:
    """Whether who is signed in has this permission; for templates: `may("decide")`."""
    return may(signed_in(), Permission(permission))


def viewer() -> Viewer:
    """The words and the clock of this request, made once."""
    if "viewer" not in g:
        g.viewer = viewer_of(request, services())
    found = g.viewer
    assert isinstance(found, Viewer)
    return found


def safe_path(path: str | None) -> str:
    """A path of these pages to go on to, whatever was asked for; else that of today."""
    own = path is not None and path.startswith("/manage/") and "\\" not in path
    return path if own and path is not None else url_for("manager.today")
