"""Find a car by its plate or its ticket number."""

from __future__ import annotations

from flask import Blueprint, Response, request

from booth_ui.card_view import row_of
from booth_ui.desk import station, viewer
from booth_ui.page import opened, show, show_found

blueprint = Blueprint("search", __name__)

SHOWN = 30
QUERY_MAX = 12


@blueprint.get("/search")
def search() -> Response:
    """An empty field and the keypad."""
    opened("search")
    return show("search.html", rows=None)


@blueprint.post("/search")
def find() -> Response:
    """What was found. A POST, because a plate must not stand in an address."""
    query = request.form.get("query", "").strip()[:QUERY_MAX]
    if not query:
        return search()
    rows = [row_of(card, viewer()) for card in station().search(query)]
    return show_found("search.html", rows, SHOWN, query)
