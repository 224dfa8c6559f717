"""A cloud that answers from a script: for tests and for a station without a network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from reader_agent import cloud
from reader_agent.cloud import Answer, Asked, CloudLost

Reply = Answer | CloudLost | Callable[[Asked], Answer]


class ScriptedCloud:
    """Gives its replies in order, then `otherwise` for ever. `asked` keeps every request.

    With `is_holding`, a request that may wait (`wait_s` > 0) is held until `news` or `close`.
    """

    def __init__(self, *replies: Reply, otherwise: Reply | None = None) -> None:
        self._replies = deque(replies)
        self._otherwise = otherwise or CloudLost(cloud.UNREACHABLE)
        self._changed = threading.Condition()
        self._is_closed = False
        self._has_news = False
        self.asked: list[Asked] = []
        self.is_holding = False

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud.exchange`."""
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()
            if self.is_holding and asked.wait_s:
                self._changed.wait_for(lambda: self._has_news or self._is_closed, asked.wait_s)
                self._has_news = False
            if self._is_closed:
                raise CloudLost(cloud.UNREACHABLE)
            reply = self._replies.popleft() if self._replies else self._otherwise
        if isinstance(reply, CloudLost):
            raise reply
        return reply(asked) if callable(reply) else reply

    def close(self) -> None:
        """See `Cloud.close`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def script(self, *replies: Reply) -> None:
        """Add replies to the script."""
        with self._changed:
            self._replies.extend(replies)

    def news(self) -> None:
        """Let go of the request that is held."""
        with self._changed:
            self._has_news = True
            self._changed.notify_all()

    def wait_for(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `ready`, looked at after every request."""
        with self._changed:
            return self._changed.wait_for(ready, timeout_s)
