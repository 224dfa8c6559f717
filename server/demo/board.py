"""The tag board: the demo's tags and readers on one page, for a person without hardware."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, g, redirect, render_template, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as AnyResponse

from schemas.catalog import Catalog, pick_language
from schemas.district import BADGE, CLAIM_TAG, KEY_TAG, District
from schemas.problems import Refusal
from server.demo.cards import DemoCards, is_card
from server.demo.counter import Counter
from server.demo.processes import DemoError

_SERVER = Path(__file__).resolve().parent.parent
_HOLD_MS = 400


@dataclass(frozen=True, slots=True)
class Links:
    """Where everything is: the booths' screens by place id, and the managers' pages."""

    booths: Mapping[str, str]
    manager: str


def create_board(
    district: District,
    counters: Mapping[str, Counter],
    links: Links,
    cards: DemoCards,
    pins: Mapping[str, str],
) -> Flask:
    """The board's application: GET shows it, POST lays a tag on a reader or holds a phone to it.
    `pins` by person: what the screens ask for after a badge."""
    app = Flask(__name__, template_folder=str(_SERVER / "templates"))
    words = Catalog(_SERVER / "translations", "demo")
    owners = {person.badge_tag: person for person in district.people}

    @app.get("/")
    def board() -> str:
        g.nonce = secrets.token_urlsafe(16)
        language = pick_language(
            request.args.get("lang"), request.headers.get("Accept-Language", "")
        )
        return render_template(
            "demo/board.html",
            t=lambda key, **values: words.text(language, key, **values),
            language=language,
            nonce=g.nonce,
            places=[place for place in district.places if place.id in counters],
            groups={
                kind: [tag for tag in district.tags if tag.kind == kind]
                for kind in (BADGE, KEY_TAG, CLAIM_TAG)
            },
            owners=owners,
            pins=pins,
            is_card=is_card,
            links=links,
        )

    @app.post("/tap")
    def tap() -> AnyResponse:
        counter = counters.get(request.form.get("place", ""))
        if counter is None:
            raise Refusal("bad_choice")
        counter.tap(_chosen_tag(), _HOLD_MS)
        return _done()

    @app.post("/phone")
    def phone() -> AnyResponse:
        tag = _chosen_tag()
        if not is_card(tag):
            raise Refusal("bad_choice")
        return redirect(cards.link(tag), 303)

    def _chosen_tag() -> str:
        tag = request.form.get("tag", "")
        if all(tag != known.id for known in district.tags):
            raise Refusal("bad_choice")
        return tag

    @app.before_request
    def own_pages_only() -> None:
        if request.method == "POST" and request.headers.get("Sec-Fetch-Site") not in (
            None,
            "same-origin",
        ):
            raise Refusal("foreign_origin")

    app.register_error_handler(Refusal, lambda refusal: (refusal.code, refusal.status))
    app.register_error_handler(DemoError, lambda error: (str(error), 503))
    app.after_request(_harden)
    return app


class _Quiet(WSGIRequestHandler):
    """Keeps the terminal for the links and the text messages."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of a request."""


def serve_board(app: Flask, port: int) -> BaseWSGIServer:
    """Serve the board on loopback from a thread; `shutdown()` ends it."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, name="board", daemon=True).start()
    return server


def _done() -> AnyResponse:
    # A script asks without wanting a page; a plain form comes back to the board.
    if request.headers.get("Sec-Fetch-Mode") == "navigate":
        return redirect("/", 303)
    return Response(status=204)


def _harden(response: Response) -> Response:
    nonce = g.get("nonce", "")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "connect-src 'self'; form-action 'self' http://127.0.0.1:*; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    response.headers["Cache-Control"] = "no-store"
    return response
