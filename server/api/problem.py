"""Problem bodies (RFC 9457): the one form in which the API says that it did not do something."""

from __future__ import annotations

from flask import Response, jsonify
from marshmallow import INCLUDE, Schema, fields
from werkzeug.exceptions import HTTPException

from schemas.problems import Refusal
from server.request_ids import request_id

CONTENT_TYPE = "application/problem+json"
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "bad_content_type",
    422: "bad_query",
    500: "server_fault",
}


# In how many seconds it may be tried again, where whoever refuses does not say so himself.
_RETRY_AFTER_S = {429: 60, 503: 5}


class ProblemSchema(Schema):
    """What went wrong. `code` is stable, `title` is for people who write programs; `detail` and
    `errors` (by field) say more where there is more to say, and so may other members.
    `request_id` is what the cloud's log has of it."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True)
    detail = fields.String()
    errors = fields.Dict()
    request_id = fields.String()


def refusal_as_json(refusal: Refusal) -> tuple[Response, int]:
    """A refusal as a problem; what its context holds comes along. `retry_after_s` in it is also
    what the header `Retry-After` says."""
    return problem(refusal.status, refusal.code, **refusal.context), refusal.status


def http_error_as_json(error: HTTPException) -> tuple[Response, int]:
    """Any HTTP error as a problem, with the headers that belong to it (the Allow of a 405)."""
    status = error.code or 500
    code = _CODES.get(status, error.name.lower().replace(" ", "_"))
    data = getattr(error, "data", None) or {}
    messages = data.get("errors") or data.get("messages")
    response = problem(status, code, **({"errors": messages} if messages else {}))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response, status


def problem(status: int, code: str, **more: object) -> Response:
    """A problem with its code and what else there is to say, and the id of the request."""
    named = request_id()
    response = jsonify(
        {
            "type": f"urn:valet:problem:{code}",
            "title": code.replace("_", " "),
            "status": status,
            "code": code,
            **({"request_id": named} if named else {}),
            **more,
        }
    )
    response.status_code = status
    response.mimetype = CONTENT_TYPE
    retry_after_s = more.get("retry_after_s", _RETRY_AFTER_S.get(status))
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response
