"""A thin line that all connections share, and that may be cut under a photo.

with ThinLine(cloud_port) as line:
    line.bytes_per_s = 300_000
    line.cut_photo_after = 200_000      # the next photo that comes loses its connection there
    line.photo_bytes                    # how much of photos has gone up so far
"""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

_BLOCK = 4_096


class ThinLine:
    """A proxy that knows nothing of HTTP but the first word of a connection: `PUT` is a photo.

    `stall_photo_after`: so much of it gets through, then nothing, and the connection stays.
    `flows`: while it is not set, nothing but photos gets through.
    """

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.bytes_per_s: int | None = None
        self.cut_photo_after: int | None = None
        self.stall_photo_after: int | None = None
        self.photo_bytes = 0
        self.photos = 0
        self.flows = threading.Event()
        self.flows.set()
        self._is_over = threading.Event()
        self._wire = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.socket()
        # Little is taken from a sender before it has gone on.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * _BLOCK)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(32)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """The cloud's address as the station is told."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> ThinLine:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self.flows.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for each in list(self._open):
            _end(each)
        deadline_s = time.monotonic() + 60
        while self._open and time.monotonic() < deadline_s:
            time.sleep(0.01)

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                station, _ = self._listener.accept()
            except OSError:
                return
            try:
                cloud = socket.create_connection(("127.0.0.1", self.upstream_port), timeout=60)
            except OSError:
                # Nobody is there at this moment.
                station.close()
                continue
            cloud.settimeout(None)
            threading.Thread(target=self._serve, args=(station, cloud), daemon=True).start()

    def _serve(self, station: socket.socket, cloud: socket.socket) -> None:
        with station, cloud:
            self._open |= {station, cloud}
            down = threading.Thread(target=self._down, args=(station, cloud), daemon=True)
            down.start()
            self._up(station, cloud)
            down.join()
            self._open -= {station, cloud}

    def _up(self, station: socket.socket, cloud: socket.socket) -> None:
        came, is_photo = 0, False
        try:
            while block := station.recv(_BLOCK):
                is_photo = block.startswith(b"PUT ") if not came else is_photo
                if not came and is_photo:
                    self.photos += 1
                if not is_photo:
                    self.flows.wait()
                came += len(block)
                self._carry(len(block))
                cloud.sendall(block)
                if is_photo:
                    self.photo_bytes += len(block)
                    if self.stall_photo_after is not None and came >= self.stall_photo_after:
                        # Nothing more goes up, and nobody hears that it is over.
                        self._is_over.wait()
                        break
                    if self.cut_photo_after is not None and came >= self.cut_photo_after:
                        self.cut_photo_after = None
                        break
        except OSError:
            pass
        _end(cloud)
        _end(station)

    def _down(self, station: socket.socket, cloud: socket.socket) -> None:
        try:
            while block := cloud.recv(_BLOCK):
                station.sendall(block)
        except OSError:
            pass
        _end(station)

    def _carry(self, size: int) -> None:
        """The time that it takes; the others wait for it."""
        if self.bytes_per_s is not None:
            with self._wire:
                time.sleep(size / self.bytes_per_s)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
