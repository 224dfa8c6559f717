"""The line between a station and the cloud, with everything that lines do.

What goes over it is either a question as the agent's `Exchange` asks it (`Direct`), or the signed
and compressed bytes of a real HTTP request (`Pool`, which takes the place of the connection pool
in the real `CloudClient`). The line itself does not care.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import urllib3

from reader_agent import cloud as fault
from reader_agent.cloud import Answer, Asked, CloudLost
from reader_agent.cloud_client import _refused, read_answer
from tests.simulation.hub import Event, Hub
from tests.simulation.trace import Trace

CONNECT_S = 5.0
REQUEST_S = 15.0
"""What a request's time-out leaves beside its long poll (`Limits.request_timeout_s`)."""
FULL_HOLD_S = 25.0
"""How long a full long poll may be held (`Limits.long_poll_wait_s`)."""


@dataclass(frozen=True, slots=True)
class Post:
    """An HTTP request."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrives. `hold_s`: how long its sender lets it wait for news."""

    station: str
    content: Asked | Post
    hold_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: of HTTP in bytes, a good one to a direct question as it is."""

    status: int
    headers: Mapping[str, str]
    content: bytes | Answer


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


class LineLost(Exception):
    """No answer. `is_late`: none came in time; else the connection broke."""

    def __init__(self, why: str, *, is_late: bool = False) -> None:
        super().__init__(why)
        self.is_late = is_late


@dataclass(slots=True)
class _Flight:
    done: Event
    read_s: float
    reply: Reply | None = None
    is_broken: bool = False


@dataclass
class Line:
    """One station's line. `stretch_s`: see `world.Scale.hold_s`."""

    hub: Hub
    trace: Trace
    numbers: random.Random
    station: str
    door: Door
    stretch_s: float = 0.0
    weather: Weather = field(default_factory=Weather)
    is_cut: bool = False
    is_closed: bool = False
    faults: int = 0
    requests: int = 0
    _is_black_hole: bool = False
    _flights: dict[int, _Flight] = field(default_factory=dict)

    def ask(self, content: Asked | Post, read_s: float) -> Reply:
        """Send a request and wait for its answer, in one of the agent's tasks. Raises
        `LineLost`."""
        self.requests += 1
        if self.is_closed:
            raise LineLost("closed")
        self._connect()
        hold_s = read_s - REQUEST_S
        # The short polls of a line that has just come back are not stretched.
        if hold_s >= FULL_HOLD_S:
            hold_s = max(hold_s, self.stretch_s)
        flight = _Flight(Event(self.hub), read_s)
        number = self.requests
        self._flights[number] = flight
        is_lost = self._send(Call(self.station, content, hold_s), flight)
        try:
            # Only an answer that will come is waited for longer.
            flight.done.wait(read_s if is_lost else hold_s + REQUEST_S)
        finally:
            del self._flights[number]
        if flight.is_broken:
            raise LineLost("reset")
        if flight.reply is None:
            raise LineLost("timed out", is_late=True)
        self.trace.note(self.station, _words(flight.reply))
        return flight.reply

    def close(self) -> None:
        """Break off what is under way; nothing is asked afterwards."""
        self.is_closed = True
        self.drop_all()

    def cut(self, *, is_black_hole: bool) -> None:
        """The line is down: what is on its way breaks, or is never heard of."""
        self.is_cut, self._is_black_hole = True, is_black_hole
        if not is_black_hole:
            self.drop_all()
            return
        for flight in self._flights.values():
            self._lose(flight)

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
            self.hub.sleep(CONNECT_S if self._is_black_hole else numbers.uniform(0.001, 2.0))
            raise LineLost("cut")
        if numbers.random() < weather.refused:
            self.faults += 1
            self.hub.sleep(0.01)
            raise LineLost("refused")

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
            self._send_half(call, flight, delay_s)
            return False
        if self._happens(weather.doubled):
            again_s = delay_s + numbers.choice((0.001, 1.0, 20.0, 120.0)) * numbers.random()
            self.hub.after(again_s, lambda: self._hand_in(call, None))
        is_lost = self._happens(weather.lost_answer)
        self.hub.after(delay_s, lambda: self._hand_in(call, None if is_lost else flight))
        return is_lost

    def _send_half(self, call: Call, flight: _Flight, delay_s: float) -> None:
        if isinstance(call.content, Post):
            post = call.content
            short = post.body[: self.numbers.randrange(len(post.body))]
            half = replace(call, content=replace(post, body=short))
            self.hub.after(delay_s, lambda: self._hand_in(half, None))
        self.hub.after(delay_s, lambda: self._break(flight))

    def _hand_in(self, call: Call, flight: _Flight | None) -> None:
        if not self.is_cut:
            self.door(call, lambda reply: self._answer(flight, reply))
        elif flight is not None:
            self._lose(flight)

    def _answer(self, flight: _Flight | None, reply: Reply | None) -> None:
        if flight is None:
            return
        if reply is None:
            self._break(flight)
            return
        if self._happens(self.weather.broken):
            reply = Reply(502, {}, b"<html>")
        if self._happens(self.weather.cut_answer):
            reply = self._half(reply)
        self.hub.after(self.numbers.uniform(0.02, 0.08), lambda: self._arrive(flight, reply))

    def _half(self, reply: Reply) -> Reply:
        content = reply.content if isinstance(reply.content, bytes) else b'{"ack'
        headers = dict(reply.headers)
        if self.numbers.random() < 0.5:
            headers.pop("Content-Length", None)
        return Reply(reply.status, headers, content[: self.numbers.randrange(len(content) + 1)])

    def _arrive(self, flight: _Flight, reply: Reply) -> None:
        if self.is_cut:
            self._lose(flight)
            return
        flight.reply = reply
        flight.done.set()

    def _lose(self, flight: _Flight) -> None:
        """Its answer will not come: it is not waited for longer than a real one would be."""
        self.hub.after(self.numbers.uniform(0.0, flight.read_s), flight.done.set)

    def _break(self, flight: _Flight) -> None:
        flight.is_broken = True
        flight.done.set()

    def _happens(self, share: float) -> bool:
        if share and self.numbers.random() < share:
            self.faults += 1
            return True
        return False


def _words(reply: Reply) -> str:
    content = reply.content
    if isinstance(content, bytes):
        digest = hashlib.sha256(content).hexdigest()[:12]
        return f"answer {reply.status} {len(content)} {digest}"
    news = f"{content['from_cursor']}-{content['cursor']}: {len(content['changes'])}"
    return f"answer ack {content['ack_seq']}, {len(content['verdicts'])} verdicts, news {news}"


class Direct:
    """The cloud as the agent asks for it (`reader_agent.cloud.Cloud`), at the end of a line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud.exchange`."""
        try:
            reply = self._line.ask(asked, REQUEST_S + asked.wait_s)
        except LineLost as error:
            raise CloudLost(fault.UNREACHABLE, problem=str(error)) from error
        if isinstance(reply.content, bytes):
            if reply.status != 200:
                raise _refused(reply.status, reply.headers, reply.content)
            return read_answer(reply.content)
        return reply.content

    def close(self) -> None:
        """See `Cloud.close`."""
        self._line.close()


class Pool:
    """As much of `urllib3.HTTPConnectionPool` as `CloudClient` uses, at the end of a line."""

    def __init__(self, line: Line) -> None:
        self._line = line

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
        try:
            reply = self._line.ask(
                Post(path, dict(headers), body), float(timeout.read_timeout or 0.0)
            )
        except LineLost as error:
            if error.is_late:
                raise urllib3.exceptions.ReadTimeoutError(None, path, str(error)) from error  # type: ignore[arg-type]
            raise urllib3.exceptions.ProtocolError(str(error)) from error
        assert isinstance(reply.content, bytes)
        return urllib3.HTTPResponse(
            body=io.BytesIO(reply.content),
            headers=reply.headers,
            status=reply.status,
            preload_content=False,
            request_method="POST",
        )

    def close(self) -> None:
        """See `urllib3.HTTPConnectionPool.close`."""
        self._line.close()
