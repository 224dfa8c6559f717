"""A bad line to the cloud: an HTTP proxy on loopback that does to each request what it is told.

    with FaultProxy(cloud_port) as proxy:
        proxy.script(Fault(LOSE), Fault(BUSY, wait_s=2))    # the next two that carry events
        ...
        proxy.seen                                          # what came by, and what was done to it

The faults, each as a station can meet it in the field:

| kind             | what happens to the request                                          |
| ---------------- | -------------------------------------------------------------------- |
| `pass`           | nothing                                                              |
| `cut`            | the connection ends before anything reaches the cloud                |
| `reset`          | the same, with a TCP reset                                           |
| `cut_request`    | the cloud gets half of the body, then the connection ends            |
| `delay`          | it reaches the cloud `wait_s` later                                  |
| `duplicate`      | the cloud gets it twice, and the station the second answer           |
| `late_again`     | the cloud gets a copy of it after the next one that carries events   |
| `lose`           | the cloud does all of it, and the answer is lost                     |
| `lose_reset`     | the same, with a TCP reset                                           |
| `truncate`       | the answer ends in the middle, and the connection with it            |
| `half_open`      | it is taken, and then nothing is ever heard again                    |
| `lose_half_open` | the cloud does all of it, and then nothing is ever heard again       |
| `busy`           | 429 with `Retry-After: wait_s`; the cloud hears nothing              |
| `error`          | `status` with a page for people; the cloud hears nothing             |
| `portal`         | 200 with the page of a hotel's Wi-Fi; the cloud hears nothing        |

`is_down` cuts every connection and refuses new ones, until it is false again.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from tests.http_message import Answer, Request, read_request

PASS: Final = "pass"
CUT: Final = "cut"
RESET: Final = "reset"
CUT_REQUEST: Final = "cut_request"
DELAY: Final = "delay"
DUPLICATE: Final = "duplicate"
LATE_AGAIN: Final = "late_again"
LOSE: Final = "lose"
LOSE_RESET: Final = "lose_reset"
TRUNCATE: Final = "truncate"
HALF_OPEN: Final = "half_open"
LOSE_HALF_OPEN: Final = "lose_half_open"
BUSY: Final = "busy"
ERROR: Final = "error"
PORTAL: Final = "portal"
KINDS: Final = (
    CUT,
    RESET,
    CUT_REQUEST,
    DELAY,
    DUPLICATE,
    LATE_AGAIN,
    LOSE,
    LOSE_RESET,
    TRUNCATE,
    HALF_OPEN,
    LOSE_HALF_OPEN,
    BUSY,
    ERROR,
    PORTAL,
)
COMMITTED: Final = frozenset({LOSE, LOSE_RESET, TRUNCATE, LOSE_HALF_OPEN})
"""After these the cloud has the events, and the station does not know it."""
UNHEARD: Final = frozenset({CUT, RESET, CUT_REQUEST, HALF_OPEN, BUSY, ERROR, PORTAL})
"""After these the cloud has nothing of the request."""

_UPSTREAM_S: Final = 60.0
_PORTAL_PAGE: Final = b"<!doctype html><title>Wi-Fi</title><p>Acepte las condiciones."


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to one request."""

    kind: str = PASS
    wait_s: float = 0.0
    status: int = 503


@dataclass(slots=True)
class Seen:
    """One request that came by. `at_s`: when, monotonic; `seqs` of the events that it carries.

    `status` and `ack_seq` are the cloud's answer, None where there was none or it has no such
    thing; `duplicates` is how many events the cloud knew already.
    """

    at_s: float
    path: str
    seqs: list[int]
    fault: str = PASS
    status: int | None = None
    ack_seq: int | None = None
    duplicates: int = 0

    @property
    def has_events(self) -> bool:
        """Whether it carries events; the others only ask for news."""
        return bool(self.seqs)


class FaultProxy:
    """Listens from `with` on, a thread for each connection. Scripted faults come first, then
    `choose` says what becomes of a request."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.choose: Callable[[Seen], Fault] = lambda _seen: Fault()
        self.seen: list[Seen] = []
        self._script: deque[Fault] = deque()
        self._again: Request | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_down = False
        self._is_over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._thread = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The cloud's address as the station is told."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_down(self) -> bool:
        """Whether the line is cut."""
        return self._is_down

    @is_down.setter
    def is_down(self, is_down: bool) -> None:
        self._is_down = is_down
        if is_down:
            self._end_all()

    def script(self, *faults: Fault) -> None:
        """What becomes of the next requests that carry events, one each."""
        with self._lock:
            self._script.extend(faults)

    @property
    def unplayed(self) -> int:
        """How many scripted faults have not happened yet."""
        with self._lock:
            return len(self._script)

    def with_events(self) -> list[Seen]:
        """What came by with events, in its order."""
        with self._lock:
            return [seen for seen in self.seen if seen.has_events]

    def was_told(self, seq: int, before_s: float) -> bool:
        """Whether an answer to a question for news acknowledged `seq` before this moment."""
        with self._lock:
            polls = [seen for seen in self.seen if not seen.has_events and seen.at_s < before_s]
        return any(seen.ack_seq is not None and seen.ack_seq >= seq for seen in polls)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        # Closing alone does not wake a thread that waits in `accept`.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._is_down:
                _reset(connection)
                continue
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while not self._is_over.is_set():
                    request = read_request(stream)
                    if request is None or not self._handle(connection, request):
                        return
        except (OSError, http.client.HTTPException, ValueError):
            # One side has gone in the middle: so it is on a bad line.
            return
        finally:
            with self._lock:
                self._open.discard(connection)

    def _handle(self, connection: socket.socket, request: Request) -> bool:
        """Do what is to be done; False when the connection is over."""
        seen = Seen(time.monotonic(), request.path, request.seqs())
        fault = self._fault_for(seen)
        seen.fault = fault.kind
        with self._lock:
            self.seen.append(seen)
        if fault.kind in (CUT, RESET):
            _end(connection, is_reset=fault.kind == RESET)
            return False
        if fault.kind == CUT_REQUEST:
            self._send_half(request)
            _end(connection)
            return False
        if fault.kind == HALF_OPEN:
            return self._hang()
        if fault.kind in (BUSY, ERROR, PORTAL):
            connection.sendall(_own_answer(fault).raw())
            return True
        return self._through(connection, request, fault, seen)

    def _through(
        self, connection: socket.socket, request: Request, fault: Fault, seen: Seen
    ) -> bool:
        if fault.kind == DELAY:
            self._is_over.wait(fault.wait_s)
        if fault.kind == DUPLICATE:
            self._forward(request, None)
        answer = self._forward(request, seen)
        self._send_again(request, fault, seen)
        if self._is_down or fault.kind in (LOSE, LOSE_RESET):
            _end(connection, is_reset=fault.kind == LOSE_RESET)
            return False
        if fault.kind == LOSE_HALF_OPEN:
            return self._hang()
        raw = answer.raw()
        if fault.kind == TRUNCATE:
            connection.sendall(raw[: len(raw) - max(1, len(answer.body) // 2)])
            _end(connection)
            return False
        connection.sendall(raw)
        return True

    def _send_again(self, request: Request, fault: Fault, seen: Seen) -> None:
        """A copy that wandered through the network comes after what was sent later."""
        if not seen.has_events:
            return
        with self._lock:
            late, self._again = self._again, None
            if fault.kind == LATE_AGAIN:
                self._again = request
        if late is not None:
            self._forward(late, None)

    def _forward(self, request: Request, seen: Seen | None) -> Answer:
        upstream = request.begin(self.upstream_port, _UPSTREAM_S)
        try:
            upstream.endheaders(request.body)
            response = upstream.getresponse()
            headers = response.getheaders()
            answer = Answer(response.status, response.reason, headers, response.read())
        finally:
            upstream.close()
        if seen is not None:
            _note(seen, answer)
        return answer

    def _send_half(self, request: Request) -> None:
        upstream = request.begin(self.upstream_port, _UPSTREAM_S)
        try:
            upstream.endheaders(request.body[: len(request.body) // 2])
        finally:
            upstream.close()

    def _fault_for(self, seen: Seen) -> Fault:
        with self._lock:
            if seen.has_events and self._script:
                return self._script.popleft()
        return self.choose(seen)

    def _hang(self) -> bool:
        while not self._is_over.wait(0.1) and not self._is_down:
            pass
        return False

    def _end_all(self) -> None:
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            # Only the thread that serves it may close it; this wakes that thread.
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def mix(seed: int, share: float, kinds: tuple[str, ...] = KINDS) -> Callable[[Seen], Fault]:
    """A line on which this share of the requests meets a fault, drawn from `kinds`."""
    chance, lock = random.Random(seed), threading.Lock()

    def choose(_seen: Seen) -> Fault:
        with lock:
            if chance.random() >= share:
                return Fault()
            kind = chance.choice(kinds)
            wait_s = 1.0 if kind == BUSY else chance.uniform(0.0, 0.4)
            return Fault(kind, wait_s, chance.choice((500, 502, 503)))

    return choose


def _note(seen: Seen, answer: Answer) -> None:
    seen.status = answer.status
    content = answer.content()
    seen.ack_seq = content.get("ack_seq")
    words = [verdict["verdict"] for verdict in content.get("verdicts", [])]
    seen.duplicates = words.count("duplicate")


def _own_answer(fault: Fault) -> Answer:
    if fault.kind == PORTAL:
        return Answer(200, "OK", [("Content-Type", "text/html")], _PORTAL_PAGE)
    page = [("Content-Type", "text/html")]
    if fault.kind == BUSY:
        wait = ("Retry-After", str(round(fault.wait_s)))
        return Answer(429, "Too Many Requests", [*page, wait], b"<p>Too many")
    return Answer(fault.status, "Broken", page, b"<p>Sorry")


def _end(connection: socket.socket, *, is_reset: bool = False) -> None:
    if is_reset:
        _reset(connection)
        return
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _reset(connection: socket.socket) -> None:
    # No linger: closing sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
