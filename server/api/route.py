"""Routes of the API, declared in one call: path, answer, query, and who may ask.

flask-smorest publishes no types; here its decorators get some, and every route gets the same
problems and the same gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from flask import Response, current_app, g, request
from flask_smorest import Blueprint
from marshmallow import Schema

from schemas.problems import Refusal
from server import clock
from server.api.problem import CONTENT_TYPE, ProblemSchema
from server.app import services
from server.permissions import Permission, check, may, needs
from server.sessions import find_person, token_of

V = TypeVar("V", bound=Callable[..., Any])

SESSION = "session"
STATION = "station"
# How a caller shows who it is, for the OpenAPI document.
SECURITY_SCHEMES: Mapping[str, Mapping[str, str]] = {
    SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-valet",
        "description": "The cookie of somebody signed in at /manage/sign-in.",
    },
    STATION: {
        "type": "apiKey",
        "in": "header",
        "name": "Valet-Signature",
        "description": (
            "Ed25519 signature (128 hex digits) over method, path, SHA-256 of the body, "
            "Valet-Station, Valet-Time and Valet-Nonce, a line each."
        ),
    },
}
_PROBLEMS = {
    400: "The request cannot be read",
    401: "Nobody is signed in",
    403: "The roles of who is signed in do not allow this",
    404: "There is no such thing",
    422: "The query cannot be used",
}


def reading(name: str, description: str) -> Blueprint:
    """A blueprint under /v1 that answers only people who are signed in."""
    blueprint = Blueprint(name, f"server.api.{name}", url_prefix="/v1", description=description)
    blueprint.before_request(_require_person)
    blueprint.after_request(_keep_private)
    return blueprint


def reads(
    blueprint: Blueprint,
    path: str,
    schema: type[Schema],
    query: type[Schema] | None = None,
    permission: Permission = Permission.VISIT,
) -> Callable[[V], V]:
    """Make a function the answer to GET `path`, for who has the permission. With `query` it gets
    a dict of that schema."""
    codes = [400, 401, 403, *([404] if "<" in path else []), *([422] if query else [])]

    def decorate(view: V) -> V:
        routed = blueprint.response(200, schema)(view)
        routed = problems(blueprint, {code: _PROBLEMS[code] for code in codes})(routed)
        if query is not None:
            routed = blueprint.arguments(query, location="query")(routed)
        routed = needs(permission)(blueprint.doc(security=[{SESSION: []}])(routed))
        return cast("V", blueprint.get(path)(routed))

    return decorate


def problems(blueprint: Blueprint, known: Mapping[int, str]) -> Callable[[V], V]:
    """Document the problems that a route may answer with: descriptions by status."""

    def decorate(view: V) -> V:
        routed: Any = view
        for status, description in known.items():
            routed = blueprint.alt_response(
                status, schema=ProblemSchema, content_type=CONTENT_TYPE, description=description
            )(routed)
        return cast("V", routed)

    return decorate


def refuse_nul(texts: Iterable[str]) -> None:
    """Stop what no database can hold as text. Raises `Refusal("bad_request")`."""
    if any("\0" in text for text in texts):
        raise Refusal("bad_request", detail="a NUL character is no text")


def _require_person() -> None:
    refuse_nul((request.path, *request.args.values(), *request.cookies.values()))
    token, now = token_of(request), clock.now()
    found = services().database.read(lambda s: find_person(s, token, now)) if token else None
    if found is None:
        raise Refusal("not_signed_in")
    check(found, current_app.view_functions.get(request.endpoint or ""), is_change=False)
    g.reader = found


def reader_id() -> str:
    """Who is signed in; the gate has let nobody else in."""
    return str(g.reader.id)


def may_read(permission: Permission) -> bool:
    """Whether who is signed in has this permission."""
    return may(g.reader, permission)


def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
