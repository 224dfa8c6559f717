"""The driver's pages as an OpenAPI 3.1 document, made from their routes: for tools that try every
address and every form, and for whoever wants to know what there is. It holds no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask, Response, current_app, jsonify
from werkzeug.routing import Rule

from schemas.catalog import LANGUAGES
from schemas.driver_words import PHOTOS_MAX, STARS_MAX
from schemas.sun import LONGEST_URL
from server.driver.blueprint import blueprint

_HTML, _JSON = "text/html", "application/json"
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

# The fields of each form by its route.
FORMS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "driver.ask": {
        "booth_id": {"type": "string", "maxLength": 40},
        "when": {"type": "string", "pattern": "^(now|later|([01][0-9]|2[0-3]):[0-5][0-9])$"},
    },
    "driver.cancel": {},
    "driver.language": {"lang": {"type": "string", "enum": list(LANGUAGES)}},
    "driver.fine": {},
    "driver.rating": {
        "stars": {"type": "string", "enum": [str(star + 1) for star in range(STARS_MAX)]}
    },
    "driver.problem": {
        "words": {"type": "string"},
        "photo": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "maxItems": PHOTOS_MAX,
        },
    },
    "driver.share": {"may_fetch": {"type": "string", "enum": ["0", "1"]}},
    "driver.withdraw": {},
    "driver.erase": {"sure": {"type": "string", "enum": ["1"]}},
    "driver.tap": {"said": {"type": "string", "maxLength": LONGEST_URL}},
}
_WITH_FILES = ("driver.problem",)
# What is no page: the type of what a route gives where it gives something.
_OTHER_TYPES = {
    "driver.photo": "image/jpeg",
    "driver.take_home": _JSON,
    "driver.record": _JSON,
    "driver.verifier": "text/x-python",
    "driver.describe": _JSON,
}
_PARAMETERS = {
    "token": "Of a link, 22 characters; `card` for whoever has tapped a claim card.",
    "sha256": "Of a photo, in hex digits.",
}
_WHY_NOT = {
    404: "There is no such ticket, or nothing there",
    409: "Not in the state that the car is in",
    410: "The link is no longer active, or the card has to be tapped again",
}
_WHY_NOT_POSTED = {
    403: "The form came from another page",
    413: "The form is too large",
    422: "Something in the form cannot be used",
    429: "Too many forms",
}


@blueprint.get("/openapi.json")
def describe() -> Response:
    """This document."""
    return jsonify(document(current_app))


def document(app: Flask) -> dict[str, Any]:
    """The document of an application's driver pages."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, method in _operations(app):
        path = rule.rule.replace("<", "{").replace(">", "}")
        paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Casco Valet: the driver's pages", "version": "1"},
        "paths": paths,
    }


def _operations(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{blueprint.name}."):
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                yield rule, method


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    summary = (app.view_functions[rule.endpoint].__doc__ or "").partition("\n\n")[0]
    names = sorted(rule.arguments)
    made: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{rule.rule}").strip("_"),
        "summary": " ".join(summary.split()),
        "parameters": [_parameter(name) for name in names],
        "responses": _responses(rule.endpoint, method),
    }
    if method == "POST":
        media = _MULTIPART if rule.endpoint in _WITH_FILES else _URLENCODED
        schema = {"type": "object", "properties": dict(FORMS[rule.endpoint])}
        made["requestBody"] = {"content": {media: {"schema": schema}}}
    return made


def _parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 64}
    where = {"name": name, "in": "path", "required": True}
    return {**where, "description": _PARAMETERS[name], "schema": schema}


def _responses(endpoint: str, method: str) -> dict[str, Any]:
    given = _OTHER_TYPES.get(endpoint, _HTML)
    found: dict[str, Any] = {
        "303": {"description": "Done; the page is there"},
        **{str(status): _page(why) for status, why in _WHY_NOT.items()},
        "default": _page("We could not do it"),
    }
    if method == "POST":
        found |= {str(status): _page(why) for status, why in _WHY_NOT_POSTED.items()}
        return found
    schema = {"type": "object"} if given == _JSON else {"type": "string"}
    found["200"] = {"description": "Here it is", "content": {given: {"schema": schema}}}
    found["304"] = {"description": "As it was"}
    return found


def _page(why: str) -> dict[str, Any]:
    return {"description": why, "content": {_HTML: {"schema": {"type": "string"}}}}
