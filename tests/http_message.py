"""HTTP messages as bytes, for a proxy that may spoil them on the way."""

from __future__ import annotations

import gzip
import http.client
import json
from dataclasses import dataclass, field
from typing import IO, Any, Final

_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_LINE_MAX: Final = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def seqs(self) -> list[int]:
        """The sequences of the events in its body (`schemas.sync`)."""
        lines = [line for line in _unpacked(self.headers, self.body).split(b"\n")[1:] if line]
        return [json.loads(line)["seq"] for line in lines]

    def begin(self, port: int, timeout_s: float) -> http.client.HTTPConnection:
        """A connection to that port on which the head is about to go; end it with the body."""
        upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        upstream.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers:
            if name.lower() != "connection":
                upstream.putheader(name, value)
        upstream.putheader("Connection", "close")
        return upstream


@dataclass(slots=True)
class Answer:
    """One answer, whole."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def raw(self) -> bytes:
        """As it goes over the line."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in _HOP]
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in kept]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + self.body

    def content(self) -> dict[str, Any]:
        """Its JSON object; empty where it is none."""
        try:
            content = json.loads(_unpacked(self.headers, self.body))
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


def read_request(stream: IO[bytes]) -> Request | None:
    """The next request of a connection; None where it has ended."""
    first = stream.readline(_LINE_MAX).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: list[tuple[str, str]] = []
    while line := stream.readline(_LINE_MAX).decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    body = stream.read(length)
    return None if len(body) < length else Request(first[0], first[1], headers, body)


def _unpacked(headers: list[tuple[str, str]], body: bytes) -> bytes:
    is_packed = any(
        (name.lower(), value) == ("content-encoding", "gzip") for name, value in headers
    )
    return gzip.decompress(body) if is_packed else body
