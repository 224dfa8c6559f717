"""Two loops through one door: one sends what happened here, one waits for news of the district.

The sender wakes at once on a new event, and by a timer without one; a failure is retried after
full jitter, or when the cloud says; nothing is dropped and nothing blocks what comes after it.
While much waits, two batches are under way: the cloud reads one while it takes in the one before,
and the station makes the next one ready and writes down what became of the last. Their answers are
taken in order; one that is not whole takes those behind it with it. The loops share nothing but
`Exchange`, which may be asked by both at a time.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Final

import structlog

from reader_agent import cloud as fault
from reader_agent.cloud import Answer, Asked, Cloud, CloudLost
from reader_agent.config import Limits
from reader_agent.exchange import Exchange, Load
from reader_agent.uplink import Uplink
from schemas.problems import Refusal

TICK_S: Final = 2.0
"""How often the sender looks by itself, and the station at its actor and its disk."""
SETTLING_WAIT_S: Final = 2
"""A long poll after a loss is short, so that the line soon proves itself."""
EMPTY_REST_S: Final = 0.2
"""A cloud that answers a long poll at once with nothing is not asked more often than this."""

LISTEN_BACKOFF_CAP_S: Final = 20
"""A listener asks for little, so it tries the line at least this often however long an outage
was, and wakes the sender: within a minute of its end all stations must be of one mind."""

_FIRST_BACKOFF_S: Final = 1.0
_LEAST_BACKOFF_S: Final = 0.05
_TOO_MANY: Final = "too_many_events"
_PROBLEM_NAMES: Final = {"revoked_station": "revoked"}

_RANDOM = random.SystemRandom()
_log = structlog.get_logger(__name__)


class Backoff:
    """Full jitter: anywhere between nothing and a ceiling that doubles up to `cap_s`."""

    def __init__(self, cap_s: float, jitter: Callable[[], float]) -> None:
        self._cap_s = cap_s
        self._jitter = jitter
        self._failures = 0

    def failed(self, retry_after_s: float | None = None) -> float:
        """How long to rest after one more failure; never less than the cloud asked for."""
        ceiling_s: float = min(self._cap_s, _FIRST_BACKOFF_S * 2**self._failures)
        self._failures = min(self._failures + 1, 30)
        rest_s = max(_LEAST_BACKOFF_S, self._jitter() * ceiling_s)
        return max(rest_s, retry_after_s or 0.0)

    def succeeded(self) -> bool:
        """Begin anew; True if there were failures before."""
        had_failed, self._failures = self._failures > 0, 0
        return had_failed


class Flight:
    """One request under way in a thread of its own."""

    def __init__(self, cloud: Cloud, asked: Asked) -> None:
        self.asked = asked
        self._cloud = cloud
        self._landed = threading.Event()
        self._answer: Answer | None = None
        self._error: Exception | None = None
        threading.Thread(target=self._fly, args=(), name="flight", daemon=True).start()

    def answer(self) -> Answer:
        """Wait for it. Raises what the cloud raised."""
        self._landed.wait()
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    def _fly(self) -> None:
        try:
            self._answer = self._cloud.exchange(self.asked)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: whoever waits is told
            self._error = error
        finally:
            self._landed.set()


class Sync:
    """`start` and `stop` once each. `on_change` is called when an answer changed something that
    screens show, `on_tick` every `TICK_S`; `jitter` gives numbers from 0 to 1."""

    def __init__(
        self,
        exchange: Exchange,
        cloud: Cloud,
        uplink: Uplink,
        limits: Limits,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_tick: Callable[[], None] = lambda: None,
        jitter: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._exchange = exchange
        self._cloud = cloud
        self._uplink = uplink
        self._limits = limits
        self._on_change = on_change
        self._on_tick = on_tick
        self._most_events = self._batch_events = limits.batch_events
        self._push_backoff = Backoff(limits.backoff_cap_s, jitter)
        self._pull_backoff = Backoff(min(LISTEN_BACKOFF_CAP_S, limits.backoff_cap_s), jitter)
        self._under_way: list[Flight] = []
        self._is_push_failing = False
        self._lasting_problem: str | None = None
        self._stopping = threading.Event()
        self._push_early = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(step,), name=step.__name__, daemon=True)
            for step in (self.push_step, self.pull_step)
        ]

    def start(self) -> None:
        """Begin both loops."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End both loops; a request under way is broken off."""
        self._stopping.set()
        self._push_early.set()
        self._exchange.appended.set()
        self._cloud.close()
        for thread in self._threads:
            thread.join(timeout_s)

    def push_step(self) -> None:
        """Send what is unsent, batch by batch; then rest until there is more, or a failure has
        been sat out."""
        self._exchange.appended.clear()
        if not self._under_way and not self._exchange.has_unsent():
            self._rest(self._exchange.appended, TICK_S)
            return
        # Whoever fails takes those behind it with it: they would be settled without it.
        flights, self._under_way = self._under_way, []
        is_first = not flights
        asked = self._ask() if is_first else flights[0].asked
        self._push_early.clear()
        batch_events = min(self._most_events, self._batch_events * 2)
        before = self._exchange.acked_seq
        try:
            if len(flights) < 2 and not self._is_push_failing:
                self._send_behind(flights, asked)
            last = flights[-1].asked if flights else asked
            load = self._load_behind(last, batch_events)
            answer = flights[0].answer() if flights else self._cloud.exchange(asked)
            self._batch_events = batch_events
            if self._exchange.is_whole(answer, asked):
                following = self._exchange.ask_ahead(answer, asked, load)
                ahead = [] if following is None else [Flight(self._cloud, following)]
                flights = flights[1:] + ahead
            else:
                flights = []
            self._take(answer, asked)
        except (CloudLost, Refusal) as error:
            self._is_push_failing = True
            self._note_failure(error, len(asked.lines))
            self._sit_out(error)
            return
        self._under_way = flights
        self._is_push_failing = False
        if self._exchange.acked_seq == before:
            # Answered, but nothing taken in: to ask again at once would be a storm. Of one that was
            # not the first it may be that it came before the one in front of it.
            if is_first:
                self._rest(self._push_early, self._push_backoff.failed())
        else:
            self._push_backoff.succeeded()

    def _send_behind(self, flights: list[Flight], asked: Asked) -> None:
        """Let a second batch go behind the one that is asked, where so much waits."""
        if not self._exchange.has_behind(asked, self._batch_events):
            return
        if not flights:
            # It has a start over the other one, which is still to be made ready.
            flights.append(Flight(self._cloud, asked.packed_at(self._limits.gzip_level)))
        load = self._load_behind(asked, self._batch_events)
        if load is not None:
            flights.append(Flight(self._cloud, self._exchange.ask_behind(load)))

    def pull_step(self) -> None:
        """Ask for news once, waiting as long as the cloud holds the answer."""
        if self._exchange.has_unsent() and not self._is_push_failing:
            # The sender's answer brings the news; it is also first after a start.
            self._pause(EMPTY_REST_S)
            return
        asked = self._exchange.ask(limit_events=0, limit_bytes=0, wait_s=self._wait_s())
        try:
            answer = self._cloud.exchange(asked)
            is_changed = self._take(answer, asked)
        except (CloudLost, Refusal) as error:
            self._note_failure(error, 0)
            self._pause(self._pull_backoff.failed(_retry_after_s(error)))
            return
        if self._pull_backoff.succeeded():
            # The line is back: what the sender sits out is over.
            self._push_early.set()
        if not answer["more"] and not is_changed:
            self._pause(EMPTY_REST_S if asked.wait_s else SETTLING_WAIT_S / 4)

    def _run(self, step: Callable[[], None]) -> None:
        backoff = Backoff(self._limits.backoff_cap_s, _RANDOM.random)
        while not self._stopping.is_set():
            try:
                step()
                backoff.succeeded()
            except Refusal as refusal:
                # The disk fails: the screen says so, and the loop tries again.
                self._pause(max(TICK_S, backoff.failed()))
                _log.debug("sync.storage", code=refusal.code)
            except Exception:  # noqa: BLE001 - the edge of a loop that must not end
                _log.exception("sync.broke", loop=step.__name__)
                self._pause(max(TICK_S, backoff.failed()))

    def _ask(self) -> Asked:
        return self._exchange.ask(
            limit_events=self._batch_events, limit_bytes=self._limits.batch_bytes
        )

    def _load_behind(self, asked: Asked, batch_events: int) -> Load | None:
        return self._exchange.load_behind(
            asked,
            limit_events=batch_events,
            limit_bytes=self._limits.batch_bytes,
            gzip_level=self._limits.gzip_level,
        )

    def _wait_s(self) -> int:
        if self._uplink.is_online:
            return self._limits.long_poll_wait_s
        return min(SETTLING_WAIT_S, self._limits.long_poll_wait_s) * self._uplink.is_settling

    def _take(self, answer: Answer, asked: Asked) -> bool:
        is_changed = self._exchange.take(answer, asked)
        if asked.lines:
            self._lasting_problem = None
        alarm = answer.get("alarm")
        self._uplink.set_problem(self._exchange.problem or self._lasting_problem or alarm)
        is_back = self._uplink.succeeded()
        if is_changed or is_back or answer["more"]:
            self._on_change()
        return is_changed

    def _note_failure(self, error: CloudLost | Refusal, sent: int) -> None:
        if isinstance(error, Refusal):
            # The line works; it is the disk that does not.
            return
        if error.code == fault.TURNED_AWAY:
            problem = error.problem or error.code
            self._uplink.set_problem(_PROBLEM_NAMES.get(problem, problem))
        elif error.code == fault.BAD_REQUEST or (error.code == fault.TOO_LARGE and sent <= 1):
            # Answers that bring news do not end it: it is about what is sent.
            self._lasting_problem = error.code if sent else None
            self._uplink.set_problem(error.code)
        if error.code == fault.TOO_LARGE:
            self._batch_events = max(1, sent // 2)
            if error.problem == _TOO_MANY:
                # A cloud of another release: it will not take more at the next try either.
                self._most_events = self._batch_events
        if self._uplink.failed(error.code):
            self._on_change()

    def _sit_out(self, error: Exception) -> None:
        retry_after_s = _retry_after_s(error)
        rest_s = self._push_backoff.failed(retry_after_s)
        # What the cloud asked for is not cut short, whatever else works.
        self._rest(self._stopping if retry_after_s else self._push_early, rest_s)

    def _pause(self, duration_s: float) -> None:
        self._stopping.wait(duration_s)

    def _rest(self, early: threading.Event, duration_s: float) -> None:
        """Wait until `early` or the time is over; look after the station meanwhile."""
        left_s = duration_s
        while not self._stopping.is_set():
            self._on_tick()
            if left_s <= 0 or early.wait(min(TICK_S, left_s)):
                return
            left_s -= TICK_S


def _retry_after_s(error: Exception) -> float | None:
    return error.retry_after_s if isinstance(error, CloudLost) else None
