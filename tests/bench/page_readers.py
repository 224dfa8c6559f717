"""Browsers that read one page again and again, each on a line that stays open, on one thread."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass, field

_TIMEOUT_S = 60.0


@dataclass
class Reading:
    """What came of it: how long each answer took, and which statuses there were."""

    times_ms: list[float] = field(default_factory=list)
    statuses: set[bytes] = field(default_factory=set)


def read_pages(port: int, path: str, readers: int, for_s: float) -> Reading:
    """Let so many readers ask for a page, each anew as soon as it has its answer."""
    question = f"GET {path} HTTP/1.1\r\nHost: cloud\r\n\r\n".encode()
    found, asked_s = Reading(), dict[socket.socket, float]()
    rest: dict[socket.socket, bytes] = {}
    end_s = time.perf_counter() + for_s
    with selectors.DefaultSelector() as selector:
        for _ in range(readers):
            reader = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
            selector.register(reader, selectors.EVENT_READ)
            reader.sendall(question)
            asked_s[reader], rest[reader] = time.perf_counter(), b""
        while time.perf_counter() < end_s:
            for ready, _ in selector.select(1.0):
                line = ready.fileobj
                assert isinstance(line, socket.socket)
                rest[line] += line.recv(65536)
                if not _is_whole(rest[line]):
                    continue
                found.times_ms.append(1e3 * (time.perf_counter() - asked_s[line]))
                found.statuses.add(rest[line].split(b" ", 2)[1])
                line.sendall(question)
                asked_s[line], rest[line] = time.perf_counter(), b""
        for reader in asked_s:
            reader.close()
    return found


def _is_whole(said: bytes) -> bool:
    head, found, body = said.partition(b"\r\n\r\n")
    if not found:
        return False
    (length,) = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    return len(body) >= length
