"""What a station does beside receiving cars, moving them and giving them back."""

from __future__ import annotations

from collections.abc import Callable

from reader_agent.board import Board
from reader_agent.card import Card
from reader_agent.clock import Clock
from reader_agent.closing import Closing
from reader_agent.config import Config
from reader_agent.crew import Crew
from reader_agent.free_room import FreeRoom
from reader_agent.hands import Hands
from reader_agent.incidents import Incidents
from reader_agent.key_board import KeyBoard
from reader_agent.key_check import KeyCheck
from reader_agent.new_requests import NewRequests
from reader_agent.presence import Arrival
from reader_agent.screen_feed import ScreenFeed
from reader_agent.tag_box import TagBox
from reader_agent.taking_back import TakingBack
from reader_agent.tap_outcome import TapOutcome
from reader_agent.unknown_keys import UnknownKeys
from reader_agent.waiting import Waiting


class Floor:
    """The desks of one place; each takes the station's lock itself."""

    def __init__(
        self,
        hands: Hands,
        config: Config,
        clock: Clock,
        room: FreeRoom,
        box: TagBox,
        board: Board,
        feed: ScreenFeed,
        is_online: Callable[[], bool],
        cards: Callable[[], list[Card]],
    ) -> None:
        limits = config.limits
        self.limits = limits
        self.waiting = Waiting(hands, limits, is_online)
        self.incidents = Incidents(hands)
        self.keys = KeyBoard(hands, feed, limits)
        self.unknown_keys = UnknownKeys(hands, room, keep_h=limits.unknown_key_h)
        self.taking_back = TakingBack(hands, clock, limits)
        self.requests = NewRequests(hands, role=config.role)
        self.key_check = KeyCheck(hands)
        self.crew = Crew(hands, board, cards)
        self.closing = Closing(hands, self.key_check, box)
        room.also = self.unknown_keys.where

    def take(self, arrival: Arrival, screen: str) -> TapOutcome | None:
        """What a tap means to a desk whose screen is open; None where it is like any other. Call
        it under the lock."""
        for desk in (self.key_check, self.closing):
            if desk.wants(arrival, screen):
                return desk.take(arrival)
        return None

    def tick(self) -> None:
        """Look after what becomes due by itself: calls to drivers, keys that are out too long,
        keys whose cars are known by now."""
        self.waiting.tick()
        self.keys.tick()
        self.unknown_keys.meet()
