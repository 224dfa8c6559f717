"""The line between a station and the cloud, with everything that lines do.

`Line` takes the place of the connection pool in the real `CloudClient`: what it gets are the
signed and compressed bytes of a real request, and what it gives is an HTTP response or the error
of a socket.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import urllib3

from tests.simulation.hub import Event, Hub
from tests.simulation.trace import Trace

CONNECT_S = 5.0
FULL_WAIT_S = 40.0
"""The read time-out of a request that waits for news (`Limits`: 15 s and 25 s)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request as it arrives. `wait_s`: how long its sender waits for the answer."""

    station: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    wait_s: float


@dataclass(slots=True)
class Weather:
    """How bad the lines are: the share of requests to which each thing happens."""

    lost_request: float = 0.0
    lost_answer: float = 0.0
    refused: float = 0.0
    slow: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    cut_request: float = 0.0
    cut_answer: float = 0.0
    busy: float = 0.0
    broken: float = 0.0


CLEAR = Weather()
Door = Callable[[Call, Callable[["Reply | None"], None]], None]
"""Takes a request and gives its answer to the callback; None: the connection broke."""


@dataclass(slots=True)
class _Flight:
    done: Event
    reply: Reply | None = None
    is_broken: bool = False


@dataclass
class Line:
    """One station's line. As the pool of a `CloudClient` it is called by the agent's tasks."""

    hub: Hub
    trace: Trace
    numbers: random.Random
    station: str
    door: Door
    stretch_s: float = 0.0
    weather: Weather = field(default_factory=Weather)
    is_cut: bool = False
    is_black_hole: bool = False
    is_closed: bool = False
    faults: int = 0
    requests: int = 0
    _flights: dict[int, _Flight] = field(default_factory=dict)

    def urlopen(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout: urllib3.Timeout,
        redirect: bool,
        preload_content: bool,
    ) -> urllib3.HTTPResponse:
        """See `urllib3.HTTPConnectionPool.urlopen`."""
        assert (method, redirect, preload_content) == ("POST", False, False)
        self.requests += 1
        if self.is_closed:
            raise self._error("closed")
        self._connect()
        read_s = float(timeout.read_timeout or 0.0)
        # The short polls of a line that has just come back are not stretched.
        wait_s = read_s + self.stretch_s if read_s >= FULL_WAIT_S else read_s
        call = Call(self.station, path, dict(headers), body, wait_s)
        flight = _Flight(Event(self.hub))
        number = self.requests
        self._flights[number] = flight
        is_lost = self._send(call, flight)
        try:
            # Only an answer that will come is waited for longer: see `world.Scale`.
            flight.done.wait(read_s if is_lost else wait_s)
        finally:
            del self._flights[number]
        if flight.is_broken:
            raise self._error("reset")
        if flight.reply is None:
            raise urllib3.exceptions.ReadTimeoutError(None, path, "timed out")  # type: ignore[arg-type]
        return self._response(flight.reply)

    def close(self) -> None:
        """See `urllib3.HTTPConnectionPool.close`."""
        self.is_closed = True
        self.drop_all()

    def cut(self, *, is_black_hole: bool) -> None:
        """The line is down: what is on its way breaks, or is never heard of."""
        self.is_cut, self.is_black_hole = True, is_black_hole
        if not is_black_hole:
            self.drop_all()

    def join(self) -> None:
        """The line is up."""
        self.is_cut = False

    def drop_all(self) -> None:
        """Every request under way ends with a broken connection."""
        for flight in self._flights.values():
            flight.is_broken = True
            flight.done.set()

    def _connect(self) -> None:
        numbers, weather = self.numbers, self.weather
        if self.is_cut:
            self.faults += 1
            self.hub.sleep(CONNECT_S if self.is_black_hole else numbers.uniform(0.001, 2.0))
            raise self._error("cut")
        if numbers.random() < weather.refused:
            self.faults += 1
            self.hub.sleep(0.01)
            raise self._error("refused")

    def _send(self, call: Call, flight: _Flight) -> bool:
        """Put the request on its way; whether its answer is lost for sure."""
        numbers, weather = self.numbers, self.weather
        delay_s = numbers.uniform(0.02, 0.12)
        if self._happens(weather.slow):
            delay_s = numbers.uniform(1.0, 14.0)
        if self._happens(weather.late):
            # It arrives when nobody waits any more, perhaps after others that left later.
            delay_s = numbers.uniform(10.0, 90.0)
        if self._happens(weather.busy):
            status = numbers.choice((429, 503, 502, 500))
            wait = {"Retry-After": str(numbers.randint(1, 40))} if status in (429, 503) else {}
            self.hub.after(delay_s, lambda: self._arrive(flight, Reply(status, wait, b"{}")))
            return False
        if self._happens(weather.lost_request):
            return True
        if self._happens(weather.cut_request):
            short = call.body[: numbers.randrange(len(call.body))]
            broken = replace(call, body=short)
            self.hub.after(delay_s, lambda: self.door(broken, lambda _reply: None))
            self.hub.after(delay_s, lambda: self._break(flight))
            return False
        if self._happens(weather.doubled):
            again_s = delay_s + numbers.choice((0.001, 1.0, 20.0, 120.0)) * numbers.random()
            self.hub.after(again_s, lambda: self._hand_in(call, lambda _reply: None))
        is_lost = self._happens(weather.lost_answer)
        take = (lambda _reply: None) if is_lost else (lambda reply: self._answer(flight, reply))
        self.hub.after(delay_s, lambda: self._hand_in(call, take))
        return is_lost

    def _hand_in(self, call: Call, take: Callable[[Reply | None], None]) -> None:
        if not self.is_cut:
            self.door(call, take)

    def _answer(self, flight: _Flight, reply: Reply | None) -> None:
        if reply is None:
            self._break(flight)
            return
        if self._happens(self.weather.broken):
            reply = Reply(502, {}, b"<html>")
        if self._happens(self.weather.cut_answer):
            half = reply.content[: self.numbers.randrange(len(reply.content) + 1)]
            headers = dict(reply.headers)
            if self.numbers.random() < 0.5:
                headers.pop("Content-Length", None)
            reply = Reply(reply.status, headers, half)
        self.hub.after(self.numbers.uniform(0.02, 0.08), lambda: self._arrive(flight, reply))

    def _arrive(self, flight: _Flight, reply: Reply) -> None:
        if not self.is_cut:
            flight.reply = reply
            flight.done.set()

    def _break(self, flight: _Flight) -> None:
        flight.is_broken = True
        flight.done.set()

    def _happens(self, share: float) -> bool:
        if share and self.numbers.random() < share:
            self.faults += 1
            return True
        return False

    def _response(self, reply: Reply) -> urllib3.HTTPResponse:
        digest = hashlib.sha256(reply.content).hexdigest()[:12]
        self.trace.note(self.station, f"answer {reply.status} {len(reply.content)} {digest}")
        return urllib3.HTTPResponse(
            body=io.BytesIO(reply.content),
            headers=reply.headers,
            status=reply.status,
            preload_content=False,
            request_method="POST",
        )

    def _error(self, why: str) -> urllib3.exceptions.HTTPError:
        return urllib3.exceptions.ProtocolError(why)
