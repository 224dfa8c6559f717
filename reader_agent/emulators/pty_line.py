"""The cable between an emulated reader and the station: a pty behind a symlink."""

from __future__ import annotations

import contextlib
import os
import tty
from pathlib import Path


class LinkError(Exception):
    """The link cannot be made: its directory is missing, or something else lies in its place."""


class PtyLine:
    """A serial line that `link` names while it is plugged in.

    The pty is raw: no echo, and 0D, 0A and 03 pass as they are. Like a wire it does not wait:
    what nobody reads is lost when the kernel's buffer is full.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self._fds: tuple[int, int] | None = None

    @property
    def plugged(self) -> bool:
        """Whether there is a device behind the link."""
        return self._fds is not None

    def plug(self) -> None:
        """Make the pty and the link; a link left over by a dead emulator is replaced.

        Raises `LinkError`; a file or device that is no link is left alone.
        """
        if self._fds is not None:
            return
        if self._link.exists() and not self._link.is_symlink():
            raise LinkError(f"{self._link} exists and is not a link")
        # Our own end of the slave stays open: without it every close by the station would
        # look like an unplugged device to us.
        self._fds = master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        try:
            fresh.symlink_to(os.ttyname(slave))
            fresh.replace(self._link)
        except OSError as error:
            raise LinkError(f"{self._link} cannot be made: {error.strerror}") from None

    def unplug(self) -> None:
        """Take the device away, under the nose of whoever has it open."""
        if self._fds is None:
            return
        master, slave = self._fds
        with contextlib.suppress(FileNotFoundError):
            if self._link.readlink() == Path(os.ttyname(slave)):
                self._link.unlink()
        os.close(master)
        os.close(slave)
        self._fds = None

    def fileno(self) -> int | None:
        """What to poll for bytes from the station; None while unplugged."""
        return None if self._fds is None else self._fds[0]

    def read(self) -> bytes:
        """What the station has sent; nothing while unplugged. Never waits."""
        if self._fds is not None:
            with contextlib.suppress(BlockingIOError):
                return os.read(self._fds[0], 4096)
        return b""

    def write(self, data: bytes) -> None:
        """Send bytes to the station. Nothing happens while unplugged."""
        if self._fds is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._fds[0], data)
