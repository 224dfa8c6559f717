"""An endpoint of AWS on loopback that treats every connection alike, and counts the requests.

An answer is a function of the connection, once the whole request was read: so it can also say
nothing, hang up, or break off.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[socket.socket], None]


@dataclass
class FakeAWS:
    """The endpoint, and what it was asked."""

    answer: Answer
    requests: list[bytes] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Answer until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(whole_request(connection))
                self.answer(connection)


def whole_request(connection: socket.socket) -> bytes:
    """Head and body, as they came."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def fake_aws(answer: Answer) -> Iterator[FakeAWS]:
    """The endpoint, while the block lasts."""
    fake = FakeAWS(answer)
    thread = threading.Thread(target=fake.serve)
    thread.start()
    try:
        yield fake
    finally:
        fake.listener.shutdown(socket.SHUT_RDWR)
        fake.listener.close()
        thread.join(10)


def http(status: int, body: str, content_type: str = "text/xml") -> Answer:
    """A whole answer."""

    def answer(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    return answer


def reset(connection: socket.socket) -> None:
    """The connection is torn down."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(connection: socket.socket) -> None:
    """The other side closes without a word."""
    connection.shutdown(socket.SHUT_RDWR)


def silence(connection: socket.socket) -> None:
    """Nothing comes, for as long as the client waits."""
    # Ends when the client gives up and closes.
    connection.recv(1)


def half_an_answer(connection: socket.socket) -> None:
    """The answer breaks off."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<PublishResp")
