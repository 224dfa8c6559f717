"""What this process has answered: requests by route, how long they took, and verdicts on events.

Counted in memory, by each process for itself: Prometheus asks each one and adds them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from schemas import sync
from server import clock

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VERDICTS = (sync.ACCEPTED, sync.DUPLICATE, sync.HELD, sync.REFUSED)
_NO_ROUTE = "none"
# A second series for each counter, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]


class RequestMeter:
    """Counts in a registry. A route goes by its template: an address holds ids and tokens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "valet_http_requests",
            "Requests that were answered, by route template.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "valet_http_request_seconds",
            "How long answers took, without what a long poll waited for news.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._verdicts = Counter(
            "valet_verdicts",
            "Verdicts on the events that stations sent.",
            ("verdict",),
            registry=registry,
        )
        for verdict in _VERDICTS:
            self._verdicts.labels(verdict)

    def watch(self, app: Flask) -> None:
        """Count what this application answers."""
        app.before_request(_begin)
        app.after_request(self._end)

    def judged(self, lines: Sequence[bytes], answer: Mapping[str, Any]) -> None:
        """Count the verdicts of one answer to a station that brought these lines."""
        for word in answer["verdicts"]:
            self._verdicts.labels(word["verdict"]).inc()
        # Where one is missing, what came behind it was not taken in.
        if answer["gap"] is None:
            plain = len(lines) - len(answer["verdicts"])
            self._verdicts.labels(sync.ACCEPTED).inc(max(0, plain))

    def _end(self, response: Response) -> Response:
        method = request.method if request.method in _METHODS else _NO_ROUTE
        route = _NO_ROUTE if request.url_rule is None else request.url_rule.rule
        took_s = clock.mono_s() - g.began_s - g.waited_s
        self._requests.labels(method, route, str(response.status_code)).inc()
        self._seconds.labels(method, route).observe(max(0.0, took_s))
        return response


def leave_out(waited_s: float) -> None:
    """Say that the request at hand did nothing for so long but wait."""
    g.waited_s += waited_s


def _begin() -> None:
    g.began_s, g.waited_s = clock.mono_s(), 0.0
