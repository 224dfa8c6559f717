"""A `valet-agent` command as a real process, with its output line by line."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import IO, Any

DEADLINE_S = 60.0


class AgentProcess:
    """`read …` or `emulate …`, started at once and ended with the `with` block."""

    def __init__(self, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reader_agent.commands", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.stderr = ""
        self._said: queue.Queue[str] = queue.Queue()
        self._logged: queue.Queue[str] = queue.Queue()
        self._threads = [
            threading.Thread(target=_pump, args=(stream, lines))
            for stream, lines in [
                (self.process.stdout, self._said),
                (self.process.stderr, self._logged),
            ]
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> AgentProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def said(self, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """Return the next JSON line of its output; fails when none comes."""
        fact: dict[str, Any] = json.loads(self._said.get(timeout=timeout_s))
        return fact

    def has_said_nothing_more(self) -> bool:
        """Whether every line of its output has been taken; meaningful once it has ended."""
        return self._said.empty()

    def logged(self, word: str) -> str:
        """Return the next line of its log that holds `word`; fails when none comes."""
        while True:
            line = self._logged.get(timeout=DEADLINE_S)
            self.stderr += line
            if word in line:
                return line

    def tell(self, line: str) -> None:
        """Write one line to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return the exit status; `stderr` is complete after that."""
        status = self.process.wait(timeout=DEADLINE_S)
        for thread in self._threads:
            thread.join(timeout=DEADLINE_S)
        while not self._logged.empty():
            self.stderr += self._logged.get()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return status


def _pump(stream: IO[bytes], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line.decode())
