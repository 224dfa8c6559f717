"""A line on loopback that counts what goes over it, headers and all; not what TCP adds."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

_CHUNK = 65_536


class CountingLine:
    """Between a station and a cloud inside the `with` block. `up` and `down` are bytes so far."""

    def __init__(self, cloud_url: str) -> None:
        parts = urlsplit(cloud_url)
        self._cloud = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.up = self.down = 0
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> CountingLine:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A thread that waits on a socket wakes when it is shut down, not when it is closed.
        for sock in (self._listener, *self._sockets):
            _shut(sock)
        for thread in self._threads:
            thread.join()
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                station, _ = self._listener.accept()
            except OSError:
                return
            cloud = socket.create_connection(self._cloud)
            self._sockets += [station, cloud]
            for way in ((station, cloud, "up"), (cloud, station, "down")):
                thread = threading.Thread(target=self._pass_on, args=way)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, way: str) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                # Each way has one connection at a time: nobody else counts here.
                setattr(self, way, getattr(self, way) + len(chunk))
                target.sendall(chunk)
        except OSError:
            pass
        _shut(target)


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other end was first.
        return
