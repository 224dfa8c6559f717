"""What protects the screen from the web: only this machine, only our own pages, only our scripts.

Any page that a browser on the station opens could post to loopback, and a name that an attacker
controls can be made to point there. A request therefore needs a loopback `Host`, and one that
changes something must come from our own pages (`Sec-Fetch-Site`, else `Origin`).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from schemas.problems import Refusal

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_LIMIT_BYTES = 8 * 1024

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    # Not no-referrer: that would blank the Origin of our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # The booth takes pictures of cars.
    "Permissions-Policy": (
        "camera=(self), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), "
        "usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Flask) -> None:
    """Check every request of `app`, and mark every answer."""
    app.config["MAX_CONTENT_LENGTH"] = FORM_LIMIT_BYTES
    app.before_request(_check)
    app.after_request(_mark)


def is_our_own(asked: Request) -> bool:
    """Whether the request comes from a page that this station served, or from no page at all."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = asked.headers.get("Origin")
    return origin is None or origin == f"{asked.scheme}://{asked.host}"


def _check() -> None:
    if not _is_loopback(request.host):
        raise Refusal("foreign_origin")
    if request.method not in SAFE_METHODS and not is_our_own(request):
        raise Refusal("foreign_origin")


def _is_loopback(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


def _mark(response: Response) -> Response:
    response.headers.update(_HEADERS)
    # What is on a screen now is never true later; only the bundle keeps, by its hashed name.
    if request.endpoint == "static":
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response
