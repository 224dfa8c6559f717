"""A span for each request, by its route's template and its id."""

from __future__ import annotations

from flask import Flask, Response, g, request

from server import tracing
from server.request_ids import request_id


def trace_requests(app: Flask) -> None:
    """A span for each request of this application, where spans are on."""
    app.before_request(_begin_request)
    app.after_request(_note_answer)
    app.teardown_request(_end_request)


def _begin_request() -> None:
    route = "none" if request.url_rule is None else request.url_rule.rule
    attributes = {
        "http.request.method": request.method,
        "http.route": route,
        "valet.request_id": request_id() or "",
    }
    spanning = tracing.span(f"{request.method} {route}", attributes)
    if spanning is not None:
        g.spanning, g.span = spanning, spanning.__enter__()


def _note_answer(response: Response) -> Response:
    if "span" in g:
        g.span.set_attribute("http.response.status_code", response.status_code)
    return response


def _end_request(_error: BaseException | None) -> None:
    spanning = g.pop("spanning", None)
    if spanning is not None:
        spanning.__exit__(None, None, None)
