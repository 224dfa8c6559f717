"""`GET /metrics`: what Prometheus scrapes, for nobody else.

Whoever brings the token may look, and whoever speaks from one of `metrics_networks`. An address
counts only where it is known: behind a proxy that the settings do not count, everybody would seem
to come from it.
"""

from __future__ import annotations

from hmac import compare_digest
from pathlib import Path

from flask import Blueprint, Response, request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from schemas.problems import Refusal
from server.app import services
from server.config import Config
from server.network_address import is_within
from server.watch import watch

blueprint = Blueprint("metrics", __name__)

_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@blueprint.get("/metrics")
def metrics() -> Response:
    """All metrics in Prometheus' text format. Raises `Refusal("not_allowed")`."""
    config = services().config
    if not (_has_token(config) or _is_near(config)):
        raise Refusal("not_allowed")
    answer = Response(generate_latest(watch().registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _has_token(config: Config) -> bool:
    scheme, _, said = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    known = (config.metrics_token, _read(config.metrics_token_file))
    # Bytes, as a header may hold what is no ASCII.
    return any(compare_digest(said.strip().encode(), each.encode()) for each in known if each)


def _read(file: Path | None) -> str:
    """The token in a file, which may be exchanged while we serve; empty where it is gone."""
    try:
        return "" if file is None else file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_near(config: Config) -> bool:
    if not config.behind_proxies and any(name in request.headers for name in _FORWARDED):
        return False
    return is_within(request.remote_addr, config.metrics_networks)
