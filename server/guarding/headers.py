"""What every answer tells the browser. A page that needs more (a nonce) has its own policy."""

from __future__ import annotations

from typing import Final

from flask import Response, request

POLICY: Final = (
    "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: older browsers would then blank the Origin of our own forms.
    "Referrer-Policy": "same-origin",
    # A driver may ask how far the booth is; nothing else of the phone is used.
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(self), microphone=(), midi=(), payment=(), "
        "usb=()"
    ),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}
# A year, as browsers' preload lists want it (RFC 6797).
HSTS: Final = "max-age=31536000; includeSubDomains"


def harden(response: Response) -> Response:
    """Add what the route has not said itself. A handler for after a request."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    return response
