"""The id of a request: in every line that is logged for it, in its answer and in its problem."""

from __future__ import annotations

from flask import Flask, Response, g, has_app_context, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from schemas.request_ids import REQUEST_ID_HEADER, checked_request_id


def name_requests(app: Flask) -> None:
    """Give every request of this application its id, before anything else looks at it."""
    app.before_request(_begin)
    app.after_request(_answer)
    app.teardown_request(_end)


def request_id() -> str | None:
    """The id of the request at hand; None outside of one."""
    found: str | None = g.get("request_id") if has_app_context() else None
    return found


def _begin() -> None:
    # The thread has served others: nothing of theirs may stand in these lines.
    clear_contextvars()
    g.request_id = checked_request_id(request.headers.get(REQUEST_ID_HEADER))
    bind_contextvars(request_id=g.request_id)


def _answer(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = g.request_id
    return response


def _end(_error: BaseException | None) -> None:
    clear_contextvars()
