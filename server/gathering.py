"""Many threads that want the turn: who has it does the work of others, too, in one transaction.

A transaction costs much beside what is done in it: statements, a commit, a version of the district.
When a hundred stations come back at once, that is most of it. So whoever comes while the turn is
taken waits in line, and who gets the turn next takes along what is ready then.

The work of several is all or nothing. Where it comes to nothing because of one of them, nobody
knows of which: each is done again, alone, and has an end of its own. Where it is the database that
failed, all have the same end.

Of one row (a journal) one after the other is done, the least number first, also where what came
later was ready earlier: a station has two batches under way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.exc import TimeoutError as PoolExhausted

from server.retry import is_unavailable

Item = TypeVar("Item")
T = TypeVar("T")

_TOO_LONG = "others of this process have written for too long"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A place in a row, kept while what belongs there is made ready."""

    row: str
    number: int


@dataclass(slots=True, eq=False)
class _Waiting:
    item: Any
    weight: int
    woken: threading.Event = field(default_factory=threading.Event)
    is_alone: bool = False
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None


class Gathering:
    """The line of one process. `most`: so much is done in one turn, unless one alone is more,
    because others want the turn too. `wait_s`: nobody waits longer for somebody to begin with his
    work; None: for as long as it takes."""

    def __init__(self, most: int, wait_s: float | None) -> None:
        self._most = most
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._line: list[_Waiting] = []
        self._leader: _Waiting | None = None
        self._left = threading.Condition()
        self._rows: dict[str, list[Place]] = {}

    @contextmanager
    def place(self, row: str, number: int) -> Iterator[Place]:
        """Have a place in a row until the end of the block."""
        place = Place(row, number)
        with self._left:
            self._rows.setdefault(row, []).append(place)
        try:
            yield place
        finally:
            with self._left:
                self._rows[row].remove(place)
                if not self._rows[row]:
                    del self._rows[row]
                self._left.notify_all()

    def done(
        self,
        place: Place,
        item: Item,
        weight: int,
        carry_out: Callable[[Sequence[Item]], Sequence[T]],
    ) -> T:
        """What became of the item: carried out here, or by another thread that had the turn.
        `weight`: how much it is.

        Raises what carrying it out raised, and `PoolExhausted` where nobody came to it in time.
        """
        self._await_place(place)
        mine = _Waiting(item, weight)
        with self._lock:
            self._line.append(mine)
            if self._leader is None:
                self._leader = mine
        while not mine.is_done:
            if self._leader is mine:
                self._lead(carry_out)
            else:
                self._await_end(mine)
        if mine.error is not None:
            raise mine.error
        result: T = mine.result
        return result

    def _await_place(self, place: Place) -> None:
        with self._left:
            if not self._left.wait_for(lambda: self._is_next(place), self._wait_s):
                raise PoolExhausted(_TOO_LONG)

    def _is_next(self, place: Place) -> bool:
        return place is min(self._rows[place.row], key=lambda each: each.number)

    def _await_end(self, mine: _Waiting) -> None:
        """Wait until it is done, or is to be done by this thread."""
        if mine.woken.wait(self._wait_s):
            return
        with self._lock:
            if mine in self._line and self._leader is not mine:
                self._line.remove(mine)
                raise PoolExhausted(_TOO_LONG)
        # Somebody is at it, and has an end.
        mine.woken.wait()

    def _lead(self, carry_out: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        together: list[_Waiting] = []
        try:
            together = self._take_along()
            self._carry_out(together, carry_out)
        finally:
            self._pass_on(together)

    def _take_along(self) -> list[_Waiting]:
        """Who is done next: the first in line, which is who leads, and as many as there is room
        for."""
        with self._lock:
            first, *others = self._line
            together, weight = [first], first.weight
            for each in others:
                weight += each.weight
                if first.is_alone or each.is_alone or weight > self._most:
                    break
                together.append(each)
            del self._line[: len(together)]
        return together

    def _carry_out(
        self, together: list[_Waiting], carry_out: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> None:
        try:
            results = carry_out([each.item for each in together])
        except BaseException as error:  # noqa: BLE001 - whose it is raises it
            is_one_to_blame = isinstance(error, Exception) and not is_unavailable(error)
            if is_one_to_blame and len(together) > 1:
                for each in together:
                    each.is_alone = True
                return
            for each in together:
                each.is_done, each.error = True, error
        else:
            for each, result in zip(together, results, strict=True):
                each.is_done, each.result = True, result

    def _pass_on(self, together: list[_Waiting]) -> None:
        with self._lock:
            self._line[:0] = [each for each in together if not each.is_done]
            self._leader = self._line[0] if self._line else None
            if self._leader is not None:
                self._leader.woken.set()
        for each in together:
            if each.is_done:
                each.woken.set()
