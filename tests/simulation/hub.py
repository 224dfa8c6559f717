"""Simulated time and who runs when: one heap of timers, and tasks that wait on it.

A task is a greenlet: the agent's loops, the cloud's requests and the people are written (some of
them in production code) as plain functions that wait in the middle. Here a wait hands over to
the next timer instead of stopping a thread, so that time jumps over whatever is quiet, and the
order of everything follows from the seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

SECOND = 1_000_000_000


class TaskEnded(BaseException):
    """Thrown into a task whose process was killed."""


@dataclass(slots=True)
class Timer:
    """Something that happens at `when_ns`; equal times happen in the order they were set."""

    when_ns: int
    action: Callable[[], None] | None
    group: str = ""

    def cancel(self) -> None:
        """Let it not happen."""
        self.action = None


class Task:
    """One thread of the simulated world. `group` is what it is killed or frozen with."""

    def __init__(self, hub: Hub, name: str, work: Callable[[], object], group: str) -> None:
        self.name = name
        self.group = group
        self.is_done = False
        self._hub = hub
        self._work = work
        self._wait_number = 0
        self._greenlet = greenlet(self._run, hub.main)
        self._greenlet.task = self
        self.on_done: list[Callable[[], None]] = []

    def _run(self) -> None:
        try:
            self._work()
        except TaskEnded:
            pass
        finally:
            self.is_done = True
            self._hub.tasks.pop(self, None)
            for action in self.on_done:
                action()

    def resume(self, number: int) -> None:
        """Go on after the wait of this number; an older wait is over already."""
        if not self.is_done and number == self._wait_number:
            self._greenlet.switch()

    def wait(self) -> int:
        """The number of the wait that is about to begin."""
        self._wait_number += 1
        return self._wait_number

    def end(self) -> None:
        """Kill it where it waits. Not from within another task."""
        self._wait_number += 1
        if not self.is_done and self._greenlet:
            self._greenlet.throw(TaskEnded)
        elif not self.is_done:
            self.is_done = True
            self._hub.tasks.pop(self, None)


class Hub:
    """The heap. `after_step` is called after each timer, in the main greenlet."""

    def __init__(self, after_step: Callable[[], None] = lambda: None) -> None:
        self.now_ns = 0
        self.steps = 0
        self.main: Any = getcurrent()
        self.tasks: dict[Task, None] = {}
        self.after_step = after_step
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = 0
        self._frozen: set[str] = set()
        self._held: list[Timer] = []

    def at(self, when_ns: int, action: Callable[[], None], group: str = "") -> Timer:
        """Do this at a time; at once where the time is over."""
        self._numbers += 1
        timer = Timer(max(when_ns, self.now_ns), action, group)
        heapq.heappush(self._heap, (timer.when_ns, self._numbers, timer))
        return timer

    def after(self, delay_s: float, action: Callable[[], None], group: str = "") -> Timer:
        """Do this so many seconds from now."""
        return self.at(self.now_ns + round(delay_s * SECOND), action, group)

    def spawn(
        self, name: str, work: Callable[[], object], group: str, delay_s: float = 0.0
    ) -> Task:
        """Begin a task."""
        task = Task(self, name, work, group)
        self.tasks[task] = None
        number = task.wait()
        self.after(delay_s, lambda: task.resume(number), group)
        return task

    def current(self) -> Task:
        """The task that runs now."""
        task = getattr(getcurrent(), "task", None)
        assert isinstance(task, Task), "only a task can wait"
        return task

    def group(self) -> str:
        """The group of the task that runs now; empty in the main greenlet."""
        task = getattr(getcurrent(), "task", None)
        return task.group if isinstance(task, Task) else ""

    def sleep(self, duration_s: float) -> None:
        """Let time pass for the running task."""
        task = self.current()
        number = task.wait()
        self.after(duration_s, lambda: task.resume(number), task.group)
        self.main.switch()

    def freeze(self, group: str) -> None:
        """Let nothing of a group happen until `thaw`."""
        self._frozen.add(group)

    def thaw(self, group: str) -> None:
        """Go on with what was held back."""
        self._frozen.discard(group)
        held, self._held = self._held, []
        for timer in held:
            if timer.action is not None:
                self.at(timer.when_ns, timer.action, timer.group)

    def end_group(self, group: str) -> None:
        """Kill all tasks of a group. In the main greenlet only."""
        assert getcurrent() is self.main
        for task in [task for task in self.tasks if task.group == group]:
            task.end()

    def run(self, until_ns: int) -> None:
        """Let everything happen up to a time."""
        heap = self._heap
        while heap and heap[0][0] <= until_ns:
            timer = heapq.heappop(heap)[2]
            action = timer.action
            if action is None:
                continue
            if timer.group in self._frozen:
                self._held.append(timer)
                continue
            self.now_ns = timer.when_ns
            action()
            self.steps += 1
            self.after_step()
        self.now_ns = max(self.now_ns, until_ns)

    def close(self) -> None:
        """End every task."""
        for task in list(self.tasks):
            task.end()
        self._heap.clear()


class Event:
    """`threading.Event` for tasks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._is_set = False
        self._waiting: dict[Task, int] = {}

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it and wake who waits."""
        self._is_set = True
        waiting, self._waiting = self._waiting, {}
        for task, number in waiting.items():
            self._hub.at(self._hub.now_ns, _resumption(task, number), task.group)

    def clear(self) -> None:
        """Unset it."""
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set or so many seconds are over; whether it is set."""
        if self._is_set:
            return True
        if timeout is not None and timeout <= 0:
            return False
        task = self._hub.current()
        number = task.wait()
        timer = None
        if timeout is not None:
            timer = self._hub.after(timeout, _resumption(task, number), task.group)
        self._waiting[task] = number
        try:
            self._hub.main.switch()
        finally:
            self._waiting.pop(task, None)
            if timer is not None:
                timer.cancel()
        return self._is_set


class Thread:
    """`threading.Thread` for tasks; belongs to the group that `hub_group` names when it is made."""

    def __init__(
        self, hub: Hub, group: str, target: Callable[..., object], args: tuple[Any, ...], name: str
    ) -> None:
        self._hub = hub
        self._group = group
        self._work = lambda: target(*args)
        self._name = name
        self._ended = Event(hub)

    def start(self) -> None:
        """Begin it."""
        task = self._hub.spawn(self._name, self._work, self._group)
        task.on_done.append(self._ended.set)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        self._ended.wait(timeout)


def _resumption(task: Task, number: int) -> Callable[[], None]:
    return lambda: task.resume(number)
