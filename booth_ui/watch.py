"""The live stream to the page: what the station says, and a heartbeat every five seconds.

Every message is a named event with JSON, so that the page's script and nothing else decides what
becomes of it. Without a heartbeat the page knows that the agent is frozen; the browser's own
connection would look alive for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Blueprint, Response

from booth_ui.badge import badge_of
from booth_ui.desk import station, viewer
from booth_ui.viewer import Viewer
from reader_agent.screen_feed import ScreenMessage, Subscription
from reader_agent.station import Station

blueprint = Blueprint("watch", __name__)

HEARTBEAT_S = 5.0

_PATHS = {
    "queue": "/queue",
    "receive": "/receive",
    "ticket": "/tickets/{visit_id}",
    "hand_over": "/hand-over/{visit_id}",
    "search": "/search",
    "status": "/status",
    "tags": "/tags",
    "enroll": "/tags/enroll",
}


@blueprint.get("/alive")
def alive() -> tuple[str, int]:
    """Asked by a page that has heard nothing, before it reloads itself."""
    return "", 204


@blueprint.get("/watch")
def watch() -> Response:
    """The stream, until either side closes it."""
    subscription = station().feed.subscribe()
    body = _stream(subscription, station(), viewer())
    response = Response(body, mimetype="text/event-stream")
    response.call_on_close(subscription.close)
    return response


def event(name: str, data: dict[str, object]) -> str:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def said(message: ScreenMessage, reader: Viewer) -> dict[str, object]:
    """A station's message as the page's script needs it: an address and finished words."""
    path = _PATHS.get(message.url_screen or "", "")
    if message.visit_id is None and "{" in path:
        path = ""
    return {
        "path": path.format(visit_id=message.visit_id),
        "words": reader.t(message.key, **message.values) if message.key else "",
        "tone": message.tone or "",
    }


def pulse_of(at: Station) -> dict[str, object]:
    """What a page compares itself with: `state` (time, badge) and `actor`.

    When one differs the page is drawn anew although the station had nothing to say.
    """
    badge = badge_of(at.status())
    actor = at.actor()
    state = "|".join((at.now().strftime("%H:%M"), badge.key, *map(str, badge.values.values())))
    return {"state": state, "actor": actor.id if actor else ""}


def _stream(subscription: Subscription, at: Station, reader: Viewer) -> Iterator[str]:
    # What was said while nobody listened is lost: a page that has just come draws itself anew.
    yield event("hb", pulse_of(at) | {"fresh": True})
    while not subscription.is_closed:
        message = subscription.next(HEARTBEAT_S)
        if message is not None:
            yield event(message.kind, said(message, reader) | pulse_of(at))
        elif not subscription.is_closed:
            yield event("hb", pulse_of(at))
