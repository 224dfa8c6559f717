"""Stops requests that another site's page made.

Browsers say where a request comes from in `Sec-Fetch-Site` (W3C Fetch Metadata); older ones at
least send `Origin` with a POST. Stations and programs send neither: they bring a signature, or no
cookie that could be misused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from flask import current_app, request

from schemas.problems import Refusal

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_UNNAMED = "_valet_unnamed_page"
View = TypeVar("View", bound=Callable[..., object])


def from_an_unnamed_page(view: View) -> View:
    """Of a form on a page that tells nobody where it is (`Referrer-Policy: no-referrer`): browsers
    without `Sec-Fetch-Site` call its origin null."""
    setattr(view, _UNNAMED, True)
    return view


def refuse_foreign_origin() -> None:
    """Let through what changes nothing, and what comes from our own pages or from no page. Raises
    `Refusal("foreign_origin")`."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or origin == request.host_url.rstrip("/")
        own = own or (origin == "null" and _is_of_an_unnamed_page())
    if not own:
        raise Refusal("foreign_origin")


def _is_of_an_unnamed_page() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, _UNNAMED, False))
