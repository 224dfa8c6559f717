"""In which language the driver reads: the link's choice, else the cookie's, else the ticket's."""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from schemas.catalog import LANGUAGES, pick_language
from server.guarding import cookies

_COOKIE = "valet_lang"
_ARGUMENT = "lang"
_YEAR_S = 365 * 24 * 3600


def pick(ticket_language: str | None) -> str:
    """The language of this answer; `ticket_language` is None where no ticket was found."""
    chosen = asked() or cookies.read(request, _COOKIE) or ticket_language
    return pick_language(chosen, request.headers.get("Accept-Language", ""))


def asked() -> str | None:
    """The language that the address asks for, if it is one we speak."""
    language = request.args.get(_ARGUMENT)
    return language if language in LANGUAGES else None


def remember(response: Response) -> None:
    """Keep the choice in the driver's browser; the server knows nothing of it."""
    language = asked()
    if language is not None:
        keep(response, language)


def keep(response: AnyResponse, language: str) -> None:
    """Let the browser that gets this answer read in this language."""
    cookies.give(request, response, _COOKIE, language, _YEAR_S)
