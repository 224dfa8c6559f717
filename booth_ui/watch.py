"""The live stream to the page: what the station says, and a heartbeat every five seconds.

Every message is a named event with JSON, so that the page's script and nothing else decides what
becomes of it. Without a heartbeat the page knows that the agent is frozen; the browser's own
connection would look alive for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Blueprint, Response

from booth_ui.badge import badges_of
from booth_ui.desk import desk, station, viewer
from booth_ui.viewer import Viewer
from reader_agent.screen_feed import ScreenMessage, Subscription
from reader_agent.station import Station
from reader_agent.tap_rule import UNDOABLE_TAPS

blueprint = Blueprint("watch", __name__)

HEARTBEAT_S = 5.0

_PATHS = {
    "queue": "/queue",
    "receive": "/receive",
    "receive_check": "/receive/check",
    "ticket": "/tickets/{visit_id}",
    "hand_over": "/hand-over/{visit_id}",
    "search": "/search",
    "status": "/status",
    "tags": "/tags",
    "enroll": "/tags/enroll",
    "stop": "/hand-over/{visit_id}/stop",
    "park": "/tickets/{visit_id}/park",
    "keys": "/keys",
    "keys_check": "/keys/check",
    "shift": "/shift",
    "closing": "/shift/close",
    "unlock": "/badge",
}


@blueprint.get("/alive")
def alive() -> tuple[str, int]:
    """Asked by a page that has heard nothing, before it reloads itself."""
    return "", 204


@blueprint.get("/watch")
def watch() -> Response:
    """The stream, until either side closes it."""
    subscription = station().feed.subscribe()
    body = _stream(subscription, station(), desk().station, viewer())
    response = Response(body, mimetype="text/event-stream")
    response.call_on_close(subscription.close)
    return response


def event(name: str, data: dict[str, object]) -> str:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def said(message: ScreenMessage, reader: Viewer, at: Station) -> dict[str, object]:
    """A station's message as the page's script needs it: an address and finished words; of a tap
    that can be taken back, its visit and event."""
    visit_id = message.visit_id if message.key in UNDOABLE_TAPS else None
    mistake = at.floor.taking_back.offered(visit_id) if visit_id is not None else None
    return {
        "visit": visit_id if mistake else "",
        "event": mistake.id if mistake else "",
        "path": path_of(message.url_screen, message.visit_id),
        "words": reader.t(message.key, **message.values) if message.key else "",
        "tone": message.tone or "",
    }


def path_of(screen: str | None, visit_id: str | None) -> str:
    """The address of a screen of the station; empty where it has none."""
    path = _PATHS.get(screen or "", "")
    if visit_id is None and "{" in path:
        return ""
    return path.format(visit_id=visit_id)


def pulse_of(at: Station, live: Station) -> dict[str, object]:
    """What a page compares itself with: `state` (time, badges of the `live` one) and `actor`.

    When one differs the page is drawn anew although the station had nothing to say.
    """
    badges = badges_of(live.status())
    actor = at.actor()
    state = "|".join((at.now().strftime("%H:%M"), *map(str, badges)))
    return {"state": state, "actor": actor.id if actor else ""}


def news_of(at: Station, reader: Viewer) -> str:
    """The words for the requests that nobody has looked at; empty where there is none."""
    count = at.floor.requests.count()
    return reader.t("queue.new_requests", count=count) if count else ""


def focus_of(at: Station) -> str:
    """What a page compares itself with when its stream comes back: the screen that should be
    open, which a tap may have changed while nobody listened."""
    return f"{at.on_screen.screen}/{at.on_screen.visit_id or ''}"


def _stream(
    subscription: Subscription, at: Station, live: Station, reader: Viewer
) -> Iterator[str]:
    # What was said while nobody listened is lost: a page that has just come draws itself anew, and
    # goes where a tap has led meanwhile.
    shown = at.on_screen
    led_to = {"focus": focus_of(at), "path": path_of(shown.screen, shown.visit_id)}

    def beat() -> dict[str, object]:
        return pulse_of(at, live) | {"news": news_of(at, reader)}

    yield event("hb", beat() | {"fresh": True} | led_to)
    while not subscription.is_closed:
        message = subscription.next(HEARTBEAT_S)
        if message is not None:
            yield event(message.kind, said(message, reader, at) | pulse_of(at, live))
        elif not subscription.is_closed:
            yield event("hb", beat())
