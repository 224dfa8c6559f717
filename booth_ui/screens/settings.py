"""Language and light, kept in cookies on this screen."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.page import go
from booth_ui.viewer import keep_choice

blueprint = Blueprint("settings", __name__)


@blueprint.post("/settings")
def change() -> AnyResponse:
    """Keep a choice and go back to where it was made."""
    back = request.form.get("back", "")
    response = go(back if _is_ours(back) else "/queue")
    keep_choice(response, request.form.get("language"), request.form.get("theme"))
    return response


def _is_ours(path: str) -> bool:
    """Whether the path stays on this station: `//host` and `/\\host` would leave it."""
    return path.startswith("/") and not path.startswith(("//", "/\\"))
