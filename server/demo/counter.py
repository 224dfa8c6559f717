"""The readers of one place of the demo: a coil for fobs, and at booths a pad for claim cards."""

from __future__ import annotations

from dataclasses import dataclass

from server.demo.cards import DemoCards, is_card
from server.demo.processes import DemoError, EmulatedReader


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a place's tags are tapped. A lot has no `pad`: claim cards stay with their drivers."""

    coil: EmulatedReader
    pad: EmulatedReader | None
    cards: DemoCards

    def tap(self, tag: str, hold_ms: int = 300) -> None:
        """Lay a tag on the reader that reads its kind; returns when it has been taken off again.

        Raises `DemoError` where no reader here does.
        """
        if not is_card(tag):
            self.coil.tap(tag, hold_ms)
        elif self.pad is not None:
            self.pad.tap(self.cards.spec(tag), hold_ms)
        else:
            raise DemoError("no reader for cards here")
