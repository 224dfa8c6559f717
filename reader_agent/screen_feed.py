"""What the station tells its screens, one bounded queue for each open screen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

REFRESH: Final = "refresh"
GO: Final = "go"
SAY: Final = "say"

Tone = Literal["ok", "warn", "error"]

QUEUE_LIMIT = 64
"""A screen that reads nothing for this many messages is asleep: it is told to refresh instead."""


@dataclass(frozen=True, slots=True)
class ScreenMessage:
    """`refresh`: something changed. `go`: open a screen. `say`: show words and stay.

    `url_screen` is one of the station's screens (queue, receive, ticket, hand_over, search,
    status); `key` and `values` are words of the message catalog.
    """

    kind: Literal["refresh", "go", "say"]
    url_screen: str | None = None
    visit_id: str | None = None
    key: str | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)
    tone: Tone | None = None


class Subscription:
    """One screen's queue. `next` from one thread, `close` from any."""

    def __init__(self, feed: ScreenFeed) -> None:
        self._feed = feed
        self._messages: deque[ScreenMessage] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._is_closed

    def next(self, timeout_s: float) -> ScreenMessage | None:
        """The oldest unread message; None after `timeout_s` without one, and when closed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._messages) or self._is_closed, timeout_s)
            return self._messages.popleft() if self._messages and not self._is_closed else None

    def close(self) -> None:
        """Leave the feed and wake the thread that waits in `next`."""
        self._feed.forget(self)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def put(self, message: ScreenMessage) -> None:
        """Add a message; called by the feed."""
        with self._changed:
            # Two refreshes in a row say no more than one.
            if message.kind == REFRESH and self._messages and self._messages[-1] == message:
                return
            if len(self._messages) >= QUEUE_LIMIT:
                self._messages.clear()
                self._messages.append(ScreenMessage(REFRESH))
            self._messages.append(message)
            self._changed.notify_all()


class ScreenFeed:
    """Sends every message to every subscribed screen; never waits for any of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()

    def subscribe(self) -> Subscription:
        """A new queue that gets what is published from now on."""
        subscription = Subscription(self)
        with self._lock:
            self._subscriptions.add(subscription)
        return subscription

    def publish(self, message: ScreenMessage) -> None:
        """Give `message` to all screens."""
        with self._lock:
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.put(message)

    def forget(self, subscription: Subscription) -> None:
        """Drop a screen that closed."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription, so that the threads that serve screens come home."""
        with self._lock:
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()
