"""The demo's child processes: started together, ended together, whatever happens."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STOP_S = 8.0
# Loaded before any fork: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None, use_errno=True)


class DemoError(Exception):
    """The demo cannot start or go on; the message says why."""


def command(name: str) -> str:
    """The console script `name` of this installation."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DemoError(f"{name} is not installed beside {sys.executable}")
    return str(path)


def free_port(first: int, taken: set[int]) -> int:
    """The first free loopback port from `first` on; it is added to `taken`."""
    for port in range(first, min(first + 200, 65536)):
        if port in taken:
            continue
        with socket.socket() as probe:
            # Ports of connections that just ended are free for a new listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise DemoError(f"no free port from {first} on")


class Crew:
    """Child processes with a log file each. `stop` ends them all and leaves none behind."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, name: str, arguments: list[str], env: Mapping[str, str]) -> str:
        """Run a command to its end and give back what it printed."""
        done = subprocess.run(
            arguments, env={**os.environ, **env}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DemoError(f"{name}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def start(
        self, name: str, arguments: list[str], env: Mapping[str, str], *, talks: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a process that stays. One that `talks` has its stdin and stdout as pipes."""
        pipe = subprocess.PIPE if talks else None
        with (self._log_dir / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                arguments,
                env={**os.environ, **env},
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                # Ctrl-C is for us; we end the children ourselves, in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._children[name] = child
        return child

    def first_dead(self) -> str | None:
        """The name of a child that has ended by itself, if there is one."""
        return next((name for name, c in self._children.items() if c.poll() is not None), None)

    def log_of(self, name: str) -> str:
        """The end of a child's log."""
        path = self._log_dir / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def stop(self) -> None:
        """Ask all to end, last started first, and kill what does not."""
        for child in reversed(self._children.values()):
            if child.poll() is None:
                child.terminate()
        for child in self._children.values():
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()
        self._children.clear()


class EmulatedReader:
    """A reader process of the demo and the line on which it is told what lies on it."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        """Waits until the device is there."""
        self._child = child
        self._lock = threading.Lock()
        self._answer()

    def tap(self, tag: str | Mapping[str, object], hold_ms: int = 300) -> None:
        """Lay a tag on the reader, by id or described; returns when it has been taken off again."""
        self._tell({"tag": tag, "hold_ms": hold_ms})

    def _tell(self, what: Mapping[str, object]) -> None:
        with self._lock:
            assert self._child.stdin is not None
            try:
                self._child.stdin.write(json.dumps(what).encode() + b"\n")
                self._child.stdin.flush()
            except OSError:
                raise DemoError("the emulated reader has ended") from None
            self._answer()

    def _answer(self) -> None:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise DemoError("the emulated reader has ended")
        if b'"error"' in line:
            raise DemoError(line.decode(errors="replace").strip())


def _die_with_parent() -> None:
    # Even if the demo is killed outright, nothing may be left running.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
