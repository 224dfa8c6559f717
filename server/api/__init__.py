"""The HTTP API, described by an OpenAPI 3.1 document at `/v1/openapi.json`."""

from __future__ import annotations

import http
from threading import Lock
from typing import Any

from flask import Flask
from flask_smorest import Api, Blueprint
from werkzeug.exceptions import HTTPException

from schemas.events import EnvelopeSchema
from schemas.problems import Refusal
from schemas.sync import SyncHeaderSchema
from server.api import (
    day_roots,
    events,
    messages,
    moves,
    people,
    places,
    promises,
    requests,
    stations,
    tags,
    visits,
)
from server.api.cards import blueprint as cards
from server.api.enroll import blueprint as enroll
from server.api.health import blueprint as health
from server.api.metrics import blueprint as metrics
from server.api.photos import blueprint as photos
from server.api.pins import blueprint as pins
from server.api.problem import CONTENT_TYPE, ProblemSchema, http_error_as_json, refusal_as_json
from server.api.route import SECURITY_SCHEMES
from server.api.sync import blueprint as sync

_NOUNS = (
    visits,
    moves,
    requests,
    promises,
    places,
    people,
    tags,
    stations,
    messages,
    events,
    day_roots,
)


class _API(Api):
    """flask-smorest's API with problem bodies (RFC 9457), and with the headers of an HTTP error
    (the Allow of a 405), which it forgets. It describes itself when it is asked to, not before:
    that takes longer than all else at a server's start."""

    ERROR_SCHEMA = ProblemSchema

    def __init__(self, app: Flask) -> None:
        self._describing = Lock()
        self._undescribed: list[Blueprint] = []
        self._is_described = False
        super().__init__(app)

    def register_blueprint(self, blueprint: Blueprint) -> None:
        """Serve a blueprint's routes."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blueprint.name] = self
        self._app.register_blueprint(blueprint)
        self._undescribed.append(blueprint)

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Answer any HTTP error with a problem."""
        return http_error_as_json(error)

    def _register_responses(self) -> None:
        """Wait with those too."""

    def _openapi_json(self) -> Any:
        with self._describing:
            if not self._is_described:
                self._describe()
            self._is_described = True
        return super()._openapi_json()

    def _describe(self) -> None:
        components = self.spec.components
        content = {CONTENT_TYPE: {"schema": ProblemSchema}}
        for status in http.HTTPStatus:
            response = {"description": status.phrase, "content": content}
            components.response(status.name, response, lazy=True)
        default = {"description": "Any other problem", "content": content}
        components.response("DEFAULT_ERROR", default, lazy=True)
        for name, scheme in SECURITY_SCHEMES.items():
            components.security_scheme(name, scheme)
        # The lines of a sync body; OpenAPI has no way to say so where the body is described.
        components.schema("SyncHeader", schema=SyncHeaderSchema)
        components.schema("Envelope", schema=EnvelopeSchema)
        for blueprint in self._undescribed:
            blueprint.register_views_in_doc(
                self, self._app, self.spec, name=blueprint.name, parameters=None
            )
            self.spec.tag({"name": blueprint.name, "description": blueprint.description})


def register_api(app: Flask) -> None:
    """Add the API and its document to the application."""
    app.config.update(
        API_TITLE="Casco Valet",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = _API(app)
    doors = (health, sync, cards, pins, photos, enroll)
    for blueprint in (*doors, *(noun.blueprint for noun in _NOUNS)):
        api.register_blueprint(blueprint)
    app.register_blueprint(metrics)
    app.register_error_handler(Refusal, refusal_as_json)
