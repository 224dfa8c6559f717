"""The cheapest HTTP/1.1 client that will do: one request after the other on a kept connection."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field

NO_ANSWER = 0
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Reply:
    """Status (0: the line broke), body as it came, and when the last of it was there."""

    status: int
    body: bytes
    is_packed: bool
    at_s: float


@dataclass
class Tally:
    """What all answers were, and how many requests were made."""

    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, status: int) -> None:
        """One more."""
        self.kinds[kind] += 1
        self.statuses[status] += 1


class Line:
    """A connection to one door; opened when needed, and once more where the server had closed it
    while nothing was under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: bytes, body: bytes = b"") -> Reply:
        """Send a request (`head` without its last empty line) and wait for the whole answer."""
        message = b"%b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        was_open = self._streams is not None
        for is_last in (False, True) if was_open else (True,):
            try:
                return await self._once(message)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                if is_last:
                    break
        return Reply(NO_ANSWER, b"", is_packed=False, at_s=time.monotonic())

    async def _once(self, message: bytes) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        reader, writer = self._streams
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        status = int(head[9:12])
        at = lower.find(_LENGTH)
        length = int(lower[at + len(_LENGTH) : lower.index(b"\r\n", at)]) if at >= 0 else 0
        body = await reader.readexactly(length) if length else b""
        if b"connection: close" in lower:
            self.close()
        packed = b"content-encoding: gzip" in lower
        return Reply(status, body, is_packed=packed, at_s=time.monotonic())

    def close(self) -> None:
        """Let the connection go."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Lines:
    """Lines to one door that are lent to whoever asks next, as a load balancer keeps them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[Line] = deque()

    async def ask(self, head: bytes, body: bytes = b"") -> Reply:
        """One request on a line that nobody else has meanwhile."""
        line = self._idle.pop() if self._idle else Line(self._port)
        try:
            return await line.ask(head, body)
        finally:
            self._idle.append(line)

    def close(self) -> None:
        """Let all go."""
        for line in self._idle:
            line.close()
