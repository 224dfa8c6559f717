"""What a request is told that the database could not serve: 503, and when to try again.

Nothing was done, or nobody can say whether it was (`OutcomeUnknown`). Either way the same may be
asked again: stations, drivers' pages and managers' pages find what is there, and what was done
once is not done twice.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, make_response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import ServiceUnavailable

from server.retry import OutcomeUnknown, is_unavailable

RETRY_AFTER_S = 5


def answer_while_away(app: Flask) -> None:
    """Answer so from now on where the database is away or too busy; any other fault stays one."""
    for kind in (DBAPIError, PoolExhausted, OutcomeUnknown):
        app.register_error_handler(kind, _answer)


def _answer(error: Exception) -> Response:
    if not is_unavailable(error):
        raise error
    # As any other 503 of the pages or of the API is shown.
    shown = current_app.handle_http_exception(ServiceUnavailable(retry_after=RETRY_AFTER_S))
    response = make_response(shown)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
