"""Cookies of the cloud: for this host alone, out of reach of scripts and of other sites' forms.

Over TLS a name begins with `__Host-`, which browsers take only with `Secure`, for `/`, and for no
other host (RFC 6265bis, 4.1.3.2). Over plain HTTP (the demo on loopback) they refuse that name, so
there it is without.
"""

from __future__ import annotations

from typing import Final

from flask import Request
from werkzeug.wrappers import Response

PREFIX: Final = "__Host-"
_SAME_SITE: Final = "Lax"


def name_of(asked: Request, name: str) -> str:
    """What a cookie is called between this browser and us."""
    return f"{PREFIX}{name}" if asked.is_secure else name


def read(asked: Request, name: str) -> str:
    """What a cookie holds; empty without one."""
    return asked.cookies.get(name_of(asked, name), "")


def give(asked: Request, answer: Response, name: str, value: str, lasts_s: int) -> None:
    """Put a cookie into the browser that gets this answer."""
    answer.set_cookie(
        name_of(asked, name),
        value,
        max_age=lasts_s,
        path="/",
        secure=asked.is_secure,
        httponly=True,
        samesite=_SAME_SITE,
    )


def take_back(asked: Request, answer: Response, name: str) -> None:
    """Let the browser forget a cookie."""
    answer.delete_cookie(
        name_of(asked, name),
        path="/",
        secure=asked.is_secure,
        httponly=True,
        samesite=_SAME_SITE,
    )
