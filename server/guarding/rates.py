"""How many requests of one network a process answers in a while.

A wide net under the limits that matter (forms, sign-ins, taps and codes are counted in the
database): it keeps one address from taking all threads. Many phones share an address, so it is set
high. Counted in memory: the count dies with the process, and nobody reads addresses out of it.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from flask import Flask, Response, request

from schemas.problems import Refusal
from server import clock
from server.config import Config
from server.network_address import network_of

log = structlog.get_logger()

_NETWORKS_MAX = 10_000
_FORWARDED = ("X-Forwarded-For", "Forwarded")


@dataclass(slots=True)
class _Window:
    begun_ns: int
    requests: int = 0


class Rates:
    """Counts by network in windows of `seconds`; `most` in each, 0 for no limit."""

    def __init__(self, most: int, seconds: int, mono_ns: Callable[[], int]) -> None:
        self._most = most
        self._window_ns = seconds * 10**9
        self._mono_ns = mono_ns
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def left_s(self, network: str) -> int | None:
        """Count one request; None if it may pass, else in how many seconds the next one may."""
        if not self._most:
            return None
        now_ns = self._mono_ns()
        with self._lock:
            window = self._windows.get(network)
            if window is None or now_ns - window.begun_ns >= self._window_ns:
                self._make_room(now_ns)
                window = self._windows[network] = _Window(now_ns)
            window.requests += 1
            if window.requests <= self._most:
                return None
            if window.requests == self._most + 1:
                # Once a window, and not of whom.
                log.warning("requests_limited", most=self._most)
            return -(-(window.begun_ns + self._window_ns - now_ns) // 10**9)

    def _make_room(self, now_ns: int) -> None:
        if len(self._windows) < _NETWORKS_MAX:
            return
        oldest_ns = now_ns - self._window_ns
        kept = {name: one for name, one in self._windows.items() if one.begun_ns > oldest_ns}
        # Whoever has so many networks is not stopped by this; memory has an end all the same.
        self._windows = kept if len(kept) < _NETWORKS_MAX else {}


def limit_rates(app: Flask, config: Config) -> None:
    """Stop what is too much before anything else looks at it. This machine itself is not limited,
    unless a proxy speaks for others."""
    rates = Rates(config.requests_per_address, config.requests_s, clock.mono_ns)

    def check() -> Response | None:
        if _is_this_machine():
            return None
        left_s = rates.left_s(network_of(request.remote_addr))
        if left_s is None:
            return None
        if request.path.startswith("/v1/"):
            raise Refusal("too_many_tries")
        answer = Response("too many requests\n", 429, mimetype="text/plain")
        answer.headers["Retry-After"] = str(left_s)
        return answer

    app.before_request(check)


def _is_this_machine() -> bool:
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
