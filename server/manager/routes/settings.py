"""How a person wants to read these pages."""

from __future__ import annotations

from flask import Response, make_response, redirect, request

from server.manager.blueprint import blueprint, safe_path
from server.manager.viewer import keep_language
from server.permissions import for_everybody


@blueprint.post("/language")
@for_everybody
def choose_language() -> Response:
    """Keep a language in a cookie and go back to the page."""
    answer = make_response(redirect(safe_path(request.form.get("back")), 303))
    keep_language(request, answer, request.form.get("language", ""))
    return answer
