"""The thread of an emulated device that is asked: it reads, answers later, and obeys."""

from __future__ import annotations

import heapq
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from typing import Any, TypeVar

from reader_agent.clock import Clock
from reader_agent.emulators.pty_line import LinkError, PtyLine

T = TypeVar("T")
IDLE_MS = 1000


class LineServer:
    """Serves one line from one thread, so that nothing about the device needs a lock.

    `on_bytes(data)` gets what the station sent, on that thread; it may call `line.write` at once
    or `after` for an answer that takes its time.
    """

    def __init__(self, line: PtyLine, on_bytes: Callable[[bytes], None], clock: Clock) -> None:
        self.line = line
        self._on_bytes = on_bytes
        self._clock = clock
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._woken, self._wake = os.pipe()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)

    def start(self) -> None:
        """Plug the device in and serve. Raises `LinkError`."""
        self.line.plug()
        self._thread.start()

    def stop(self) -> None:
        """Unplug it and end the thread."""
        self.call(self._end)
        self._thread.join(timeout=5.0)
        os.close(self._woken)
        os.close(self._wake)

    def call(self, action: Callable[[], T]) -> T:
        """Run `action` on the thread of the device and return what it returns."""
        done: Future[T] = Future()
        self._calls.append((action, done))
        os.write(self._wake, b".")
        return done.result(timeout=30.0)

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run `action` in a while. From the thread of the device only."""
        at_ns = self._clock.mono_ns() + round(delay_s * 1_000_000_000)
        heapq.heappush(self._later, (at_ns, next(self._order), action))

    def _end(self) -> None:
        self._over = True
        self.line.unplug()

    def _run(self) -> None:
        while not self._over:
            self._wait()
            self._on_time()
            data = self.line.read()
            if data:
                self._on_bytes(data)
            while self._calls:
                action, done = self._calls.popleft()
                try:
                    done.set_result(action())
                except (OSError, ValueError, LinkError) as error:
                    # The caller is told; the device goes on.
                    done.set_exception(error)

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        fileno = self.line.fileno()
        if fileno is not None:
            poll.register(fileno, select.POLLIN)
        wait_ms = IDLE_MS
        if self._later:
            left_ns = self._later[0][0] - self._clock.mono_ns()
            wait_ms = max(0, min(IDLE_MS, -(-left_ns // 1_000_000)))
        if any(ready == self._woken for ready, _ in poll.poll(wait_ms)):
            os.read(self._woken, 4096)

    def _on_time(self) -> None:
        while self._later and self._later[0][0] <= self._clock.mono_ns():
            heapq.heappop(self._later)[2]()
