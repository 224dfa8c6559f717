"""The touchscreen as a Flask application over one station."""

from __future__ import annotations

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from booth_ui import guard, page, watch
from booth_ui.desk import Desk, put_desk
from booth_ui.screens import (
    board,
    condition,
    enroll,
    hand_over,
    incident,
    keys,
    lock,
    number,
    photos,
    practice,
    queue,
    receive,
    resolve,
    search,
    settings,
    shift,
    status,
    tags,
    ticket,
    undo,
)
from reader_agent.practice import Practice
from reader_agent.station import Station
from schemas.problems import Refusal

_log = structlog.get_logger()

_BLUEPRINTS = (
    lock.blueprint,
    queue.blueprint,
    receive.blueprint,
    condition.blueprint,
    number.blueprint,
    ticket.blueprint,
    photos.blueprint,
    resolve.blueprint,
    hand_over.blueprint,
    keys.blueprint,
    shift.blueprint,
    incident.blueprint,
    board.blueprint,
    search.blueprint,
    status.blueprint,
    settings.blueprint,
    practice.blueprint,
    undo.blueprint,
    enroll.blueprint,
    tags.blueprint,
    watch.blueprint,
)


def create_app(station: Station, practice: Practice | None = None) -> Flask:
    """The application over a station, or over the one that `practice` means.

    Raises `FileNotFoundError` when bundles or catalogs were not built.
    """
    app = Flask("booth_ui")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    put_desk(app, Desk(station, practice))
    guard.install(app)
    page.install(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _wrong_address)
    app.register_error_handler(Exception, _broken)
    return app


def _refused(refusal: Refusal) -> Response:
    """A refusal outside any form: what happened, and the way back to the queue."""
    if refusal.code == "foreign_origin":
        # Nobody is there to read a page.
        return Response("foreign origin\n", refusal.status, mimetype="text/plain")
    return page.show("problem.html", refusal=refusal)


def _wrong_address(error: HTTPException) -> Response:
    response = page.show("problem.html", problem="problem.page_not_found")
    response.status_code = error.code or 500
    return response


def _broken(error: Exception) -> Response:
    """A fault of ours: the engineer gets the trace, the valet a way on."""
    _log.error("screen_failed", exc_info=error)
    response = page.show("problem.html", problem="problem.screen_failed")
    response.status_code = 500
    return response
