"""Who has the turn does the work of others, too: each has an end of its own, in its order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy.exc import TimeoutError as PoolExhausted

from server.gathering import Gathering, Place
from server.retry import OutcomeUnknown

DEADLINE_S = 60.0
Work = Callable[[Sequence[str]], Sequence[str]]


class Turn:
    """Work whose first call waits until it is let go; `done` are the items of each call."""

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self.done: list[list[str]] = []
        self.fails: Callable[[Sequence[str]], Exception | None] = lambda _items: None
        self._begun, self._may_end = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(16)

    def __call__(self, items: Sequence[str]) -> list[str]:
        """Carry out."""
        self.done.append(list(items))
        if not self._may_end.is_set():
            self._begun.set()
            assert self._may_end.wait(DEADLINE_S)
        error = self.fails(items)
        if error is not None:
            raise error
        return [item.upper() for item in items]

    def begin(self) -> Future[str]:
        """Somebody has the turn."""
        first = self.bring("first")
        assert self._begun.wait(DEADLINE_S)
        return first

    def bring(self, item: str, weight: int = 1, place: Place | None = None) -> Future[str]:
        """Somebody else comes."""

        def run() -> str:
            if place is not None:
                return self.gathering.done(place, item, weight, self)
            with self.gathering.place(item, 1) as own:
                return self.gathering.done(own, item, weight, self)

        return self._pool.submit(run)

    def join(self, item: str, weight: int = 1) -> Future[str]:
        """Somebody else comes, and stands in line when this returns."""
        before = len(self.gathering._line)
        future = self.bring(item, weight)
        wait_for(lambda: len(self.gathering._line) > before)
        return future

    def end(self) -> None:
        """The turn is over."""
        self._may_end.set()


def wait_for(look: Callable[[], bool]) -> None:
    """Until it is so."""
    changed = threading.Event()
    for _ in range(int(DEADLINE_S / 0.002)):
        if look():
            return
        changed.wait(0.002)
    pytest.fail("it did not happen")


def test_those_who_came_meanwhile_are_done_together_and_each_hears_of_his_own() -> None:
    turn = Turn(Gathering(10, None))
    futures = [turn.begin(), *(turn.join(item) for item in "abc")]
    turn.end()
    assert [future.result(DEADLINE_S) for future in futures] == ["FIRST", "A", "B", "C"]
    assert turn.done == [["first"], ["a", "b", "c"]]


def test_no_more_is_done_in_a_turn_than_may_be_unless_one_alone_is_more() -> None:
    turn = Turn(Gathering(10, None))
    weights = {"a": 6, "b": 4, "c": 5, "d": 30, "e": 1}
    futures = [turn.begin(), *(turn.join(item, weight) for item, weight in weights.items())]
    turn.end()
    for future in futures:
        future.result(DEADLINE_S)
    assert turn.done == [["first"], ["a", "b"], ["c"], ["d"], ["e"]]


def test_where_one_is_to_blame_each_is_done_alone_and_only_that_one_fails() -> None:
    turn = Turn(Gathering(10, None))
    turn.fails = lambda items: ValueError("b") if "b" in items else None
    futures = [turn.begin(), *(turn.join(item) for item in "abc")]
    turn.end()
    assert futures[1].result(DEADLINE_S) == "A"
    assert futures[3].result(DEADLINE_S) == "C"
    with pytest.raises(ValueError, match="b"):
        futures[2].result(DEADLINE_S)
    assert turn.done == [["first"], ["a", "b", "c"], ["a"], ["b"], ["c"]]


def test_what_nobody_knows_the_end_of_is_done_by_nobody_again() -> None:
    turn = Turn(Gathering(10, None))
    turn.fails = lambda items: OutcomeUnknown("lost") if "b" in items else None
    futures = [turn.begin(), *(turn.join(item) for item in "abc")]
    turn.end()
    for future in futures[1:]:
        with pytest.raises(OutcomeUnknown):
            future.result(DEADLINE_S)
    assert turn.done == [["first"], ["a", "b", "c"]]


def test_after_a_failure_the_line_goes_on() -> None:
    turn = Turn(Gathering(10, None))
    turn.fails = lambda items: ValueError("first") if "first" in items else None
    first, second = turn.begin(), turn.join("a")
    turn.end()
    with pytest.raises(ValueError, match="first"):
        first.result(DEADLINE_S)
    assert second.result(DEADLINE_S) == "A"
    assert turn.bring("b").result(DEADLINE_S) == "B"


def test_of_one_row_the_least_number_is_done_first_though_it_was_ready_later() -> None:
    gathering = Gathering(10, None)
    turn = Turn(gathering)
    turn.end()
    with ExitStack() as places:
        one = places.enter_context(gathering.place("journal", 1))
        two = places.enter_context(gathering.place("journal", 2))
        with gathering.place("another", 9) as other:
            second = turn.bring("two", place=two)
            # Another row is not held up by it.
            assert turn.bring("other", place=other).result(DEADLINE_S) == "OTHER"
        assert not second.done()
        assert turn.bring("one", place=one).result(DEADLINE_S) == "ONE"
        assert not second.done()
        with gathering._left:
            gathering._rows["journal"].remove(one)
            gathering._left.notify_all()
        assert second.result(DEADLINE_S) == "TWO"
        gathering._rows["journal"].insert(0, one)
    assert turn.done == [["other"], ["one"], ["two"]]
    assert gathering._rows == {}


def test_nobody_waits_for_ever_for_his_place() -> None:
    gathering = Gathering(10, 0.05)
    with (
        gathering.place("journal", 1),
        gathering.place("journal", 2) as two,
        pytest.raises(PoolExhausted),
    ):
        gathering.done(two, "two", 1, lambda items: items)


def test_nobody_waits_for_ever_in_line_and_who_leaves_it_is_not_done() -> None:
    turn = Turn(Gathering(10, 0.5))
    first, second = turn.begin(), turn.join("a")
    with pytest.raises(PoolExhausted):
        second.result(DEADLINE_S)
    turn.end()
    assert first.result(DEADLINE_S) == "FIRST"
    assert turn.done == [["first"]]
