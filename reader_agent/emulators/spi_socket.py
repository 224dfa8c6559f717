"""An SPI bus over a Unix socket: an emulated chip for a station in another process.

A request is one kind byte, two bytes of length and the bytes of one transfer; the answer is one
status byte (0, or the number of the error that a driver would get), two bytes of length and as
many bytes as went out. The kinds are `TRANSFER` and `RESET`, which pulls the reset line low and
lets it go again. Like an SPI device with a lock, the bus serves one station at a time: the second
one is told that it is busy.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from reader_agent.drivers.rc522_socket import HEAD, RESET, TRANSFER
from reader_agent.emulators.pty_line import LinkError

MOST_BYTES = 4096


class SPISocket:
    """Serves `transfer` and `reset` under the name `link` while it is plugged in.

    Both are called on the socket's own thread; an `OSError` of theirs is passed on to the station.
    """

    def __init__(
        self, link: Path, transfer: Callable[[bytes], bytes], reset: Callable[[], None]
    ) -> None:
        self._link = link
        self._transfer = transfer
        self._reset = reset
        self._folder: Path | None = None
        self._thread: threading.Thread | None = None
        self._stop, self._stopped = -1, -1

    @property
    def plugged(self) -> bool:
        """Whether there is a device behind the link."""
        return self._thread is not None

    def plug(self) -> None:
        """Make the socket and its link, and serve. A link left over by a dead emulator is replaced.

        Raises `LinkError`; a file or device that is no link is left alone.
        """
        if self._thread is not None:
            return
        if self._link.exists() and not self._link.is_symlink():
            raise LinkError(f"{self._link} exists and is not a link")
        # The path of a socket may have 107 bytes, which a link's may exceed.
        self._folder = Path(tempfile.mkdtemp(prefix="valet-spi-"))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self._folder / "spi"))
            listener.listen()
            fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
            fresh.symlink_to(self._folder / "spi")
            fresh.replace(self._link)
        except OSError as error:
            listener.close()
            shutil.rmtree(self._folder)
            raise LinkError(f"{self._link} cannot be made: {error.strerror}") from None
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name="emulated spi", daemon=True
        )
        self._thread.start()

    def unplug(self) -> None:
        """Take the device away, under the nose of whoever has it open."""
        if self._thread is None or self._folder is None:
            return
        with contextlib.suppress(FileNotFoundError):
            if self._link.readlink() == self._folder / "spi":
                self._link.unlink()
        os.write(self._stop, b".")
        self._thread.join(timeout=5.0)
        os.close(self._stop)
        os.close(self._stopped)
        shutil.rmtree(self._folder)
        self._thread = None

    def _run(self, listener: socket.socket) -> None:
        with contextlib.ExitStack() as open_ones, selectors.DefaultSelector() as selector:
            open_ones.enter_context(listener)
            selector.register(self._stopped, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            stations: list[_Station] = []
            open_ones.callback(_close_all, stations)
            while True:
                for key, _ in selector.select():
                    if key.fileobj == self._stopped:
                        return
                    if key.fileobj is listener:
                        station = _Station(listener.accept()[0])
                        stations.append(station)
                        selector.register(station.socket, selectors.EVENT_READ, station)
                        continue
                    if not self._serve(key.data, is_first=key.data is stations[0]):
                        selector.unregister(key.data.socket)
                        stations.remove(key.data)
                        key.data.close()

    def _serve(self, station: _Station, *, is_first: bool) -> bool:
        """Answer what the station asks; False when it has gone."""
        try:
            requests = station.requests()
            if requests is None:
                return False
            for kind, data in requests:
                status, answer = self._carry_out(kind, data) if is_first else (errno.EBUSY, b"")
                station.socket.sendall(HEAD.pack(status, len(answer)) + answer)
        except OSError:
            return False
        return True

    def _carry_out(self, kind: int, data: bytes) -> tuple[int, bytes]:
        try:
            if kind == TRANSFER:
                return 0, self._transfer(data)
            if kind == RESET:
                self._reset()
                return 0, b""
        except OSError as error:
            return error.errno or errno.EIO, b""
        return errno.EINVAL, b""


class _Station:
    """One connection and the half of a request that has come so far."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._rest = b""

    def requests(self) -> list[tuple[int, bytes]] | None:
        """The requests that are complete now; None at the end of the connection."""
        data = self.socket.recv(MOST_BYTES)
        if not data:
            return None
        self._rest += data
        found = []
        while len(self._rest) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._rest)
            if len(self._rest) < HEAD.size + length:
                break
            found.append((kind, self._rest[HEAD.size : HEAD.size + length]))
            self._rest = self._rest[HEAD.size + length :]
        return found

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def _close_all(stations: list[_Station]) -> None:
    for station in stations:
        station.close()
