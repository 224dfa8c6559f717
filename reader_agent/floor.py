"""What a station does beside receiving cars, moving them and giving them back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from reader_agent.board import Board
from reader_agent.card import Card
from reader_agent.closing import Closing
from reader_agent.config import Config
from reader_agent.crew import Crew
from reader_agent.incidents import Incidents
from reader_agent.key_board import KeyBoard
from reader_agent.key_check import KeyCheck
from reader_agent.mirror import Mirror
from reader_agent.new_requests import NewRequests
from reader_agent.recorder import Recorder
from reader_agent.screen_feed import ScreenFeed
from reader_agent.shift import Shift
from reader_agent.unfinished import Unfinished
from reader_agent.waiting import Waiting


class Floor:
    """The desks of one place; each takes the station's lock itself."""

    def __init__(
        self,
        mirror: Mirror,
        recorder: Recorder,
        shift: Shift,
        lock: threading.RLock,
        on_change: Callable[[], None],
        config: Config,
        board: Board,
        feed: ScreenFeed,
        unfinished: Unfinished,
        now: Callable[[], datetime],
        is_online: Callable[[], bool],
        cards: Callable[[], list[Card]],
    ) -> None:
        hands = (mirror, recorder, shift, lock, on_change)
        here, limits = config.place_id, config.limits
        self.limits = limits
        self.waiting = Waiting(*hands, here=here, limits=limits, now=now, is_online=is_online)
        self.incidents = Incidents(*hands)
        self.keys = KeyBoard(mirror, lock, feed, here=here, limits=limits, now=now)
        self.requests = NewRequests(mirror, lock, here=here, role=config.role)
        self.key_check = KeyCheck(*hands, unfinished, here=here, now=now)
        self.crew = Crew(mirror, shift, board, lock, on_change, cards)
        self.closing = Closing(*hands, unfinished, self.key_check, here=here, now=now)

    def tick(self) -> None:
        """Look after what becomes due by itself: calls to drivers, keys that are out too long."""
        self.waiting.tick()
        self.keys.tick()
