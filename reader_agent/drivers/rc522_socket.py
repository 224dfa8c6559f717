"""The registers of an emulated MFRC522, over the Unix socket of `reader_agent.emulators`."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

ANSWER_S = 2.0
TRANSFER, RESET = 0, 1
HEAD = struct.Struct(">BH")
"""Kind and length of a request; status and length of an answer."""


class SocketRegisters:
    """One connection, which is one SPI bus. Raises `OSError` where it cannot be made."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.connect(str(path))
            self._ask(TRANSFER, b"")  # whoever is second is told so now
        except OSError:
            self._socket.close()
            raise

    def read(self, reg: int) -> int:
        """One register."""
        return self.read_many(reg, 1)[0]

    def read_many(self, reg: int, count: int) -> bytes:
        """The same register so many times, in one transfer."""
        return self._ask(TRANSFER, bytes([reg << 1 | 0x80]) * count + b"\x00")[1:]

    def write(self, reg: int, *values: int) -> None:
        """One register, several times in one transfer."""
        self._ask(TRANSFER, bytes([reg << 1, *values]))

    def pulse_reset(self) -> None:
        """Let the emulator pull its reset line."""
        self._ask(RESET, b"")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _ask(self, kind: int, data: bytes) -> bytes:
        self._socket.sendall(HEAD.pack(kind, len(data)) + data)
        answer = self._socket.recv(HEAD.size + len(data))
        while len(answer) < HEAD.size or len(answer) < HEAD.size + HEAD.unpack_from(answer)[1]:
            more = self._socket.recv(4096)
            if not more:
                raise OSError(errno.ENODEV, "the emulator hung up")
            answer += more
        status, length = HEAD.unpack_from(answer)
        if status:
            raise OSError(status, os.strerror(status))
        if length != len(data):
            raise OSError(errno.EPROTO, "the emulator answered with another length")
        return answer[HEAD.size :]
