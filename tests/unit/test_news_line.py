"""Stations that ask for news are answered one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from server import news_line
from server.news_line import NewsLine

DEADLINE_S = 30.0


def in_a_request(app: Flask, work: Callable[[], None]) -> threading.Thread:
    """Do it on a thread of its own, as one request, which leaves the line when it has ended."""

    def run() -> None:
        with app.test_request_context():
            try:
                work()
            finally:
                news_line.leave()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def app() -> Flask:
    """Any application."""
    return Flask(__name__)


def test_the_next_is_at_the_front_only_when_the_first_has_left(app: Flask) -> None:
    line, first_may_end = NewsLine(), threading.Event()
    first_is_there, seen = threading.Event(), []

    def first() -> None:
        line.enter()
        first_is_there.set()
        assert first_may_end.wait(DEADLINE_S)
        seen.append("first")

    def second() -> None:
        line.enter()
        seen.append("second")

    ahead = in_a_request(app, first)
    assert first_is_there.wait(DEADLINE_S)
    behind = in_a_request(app, second)
    first_may_end.set()
    ahead.join(DEADLINE_S)
    behind.join(DEADLINE_S)

    assert seen == ["first", "second"]


def test_who_waits_for_news_lets_others_to_the_front_and_stands_in_line_again(app: Flask) -> None:
    line, is_out, has_passed = NewsLine(), threading.Event(), threading.Event()
    told: list[str] = []

    def waits() -> None:
        line.enter()
        with line.out():
            is_out.set()
            assert has_passed.wait(DEADLINE_S), "nobody could pass"
        told.append("waited")
        assert not line._front.acquire(blocking=False), "it is at the front again"

    def passes() -> None:
        line.enter()
        has_passed.set()

    waiting = in_a_request(app, waits)
    assert is_out.wait(DEADLINE_S)
    passing = in_a_request(app, passes)
    waiting.join(DEADLINE_S)
    passing.join(DEADLINE_S)

    assert told == ["waited"]
    assert line._front.acquire(blocking=False), "both have left"


def test_nobody_stands_in_line_for_longer_than_the_patience(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news_line, "_PATIENCE_S", 0.01)
    line = NewsLine()
    with app.test_request_context():
        line.enter()
        gone_on: list[bool] = []

        def impatient() -> None:
            line.enter()
            gone_on.append(True)

        in_a_request(app, impatient).join(DEADLINE_S)

        assert gone_on == [True]
        assert not line._front.acquire(blocking=False), "who went on did not take the front away"
        news_line.leave()
    assert line._front.acquire(blocking=False)
