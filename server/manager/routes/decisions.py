"""What only a person can decide: which fact is true, and what becomes of a message."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from server import clock, requests, sending
from server.app import services
from server.manager.blueprint import blueprint, person, safe_path
from server.permissions import Permission, needs
from server.reports import card_alarms


@blueprint.post("/visits/<visit_id>/resolve")
@needs(Permission.DECIDE)
def resolve_visit(visit_id: str) -> Response:
    """Settle a held visit. `truth`: the car's state and its place, parted by a space."""
    found, now, actor = services(), clock.now(), person().id
    state, _, place_id = request.form.get("truth", "").partition(" ")
    reason = request.form.get("reason", "")
    found.database.write(
        lambda session: requests.resolve(
            session, found.config, found.key, visit_id, state, place_id, reason, actor, now
        )
    )
    return _back("resolved")


@blueprint.post("/messages/<message_id>/decide")
@needs(Permission.DECIDE)
def decide_message(message_id: str) -> Response:
    """Send a message of unknown outcome again, or let it be."""
    now, action = clock.now(), request.form.get("action", "")
    services().database.write(lambda session: sending.decide(session, message_id, action, now))
    return _back("decided")


@blueprint.post("/cards/<read_id>/seen")
@needs(Permission.DECIDE)
def see_card(read_id: str) -> Response:
    """Somebody has looked into a card that did not prove itself."""
    now, actor = clock.now(), person().id
    services().database.write(lambda session: card_alarms.see(session, read_id, actor, now))
    return _back("seen")


def _back(said: str) -> Response:
    path = safe_path(request.form.get("back"))
    return redirect(f"{path}{'&' if '?' in path else '?'}said={said}", 303)
