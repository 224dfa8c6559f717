"""A station's sync, stepped by hand against a script.

loops = Loops(kit, CloudLost(...), lambda asked: kit.answer(...))
loops.push()                      # the sender's turn; what it rests is in `loops.rests`
"""

from __future__ import annotations

import json
import threading
from typing import Any

from reader_agent.cloud import Answer, Asked
from reader_agent.scripted_cloud import ScriptedCloud
from reader_agent.sync import Sync
from tests.station_kit import StationKit


class SteppedSync(Sync):
    """A sync whose rests are noted instead of slept."""

    rests: list[float]

    def _rest(self, early: threading.Event, duration_s: float) -> None:
        self.rests.append(duration_s)

    def _pause(self, duration_s: float) -> None:
        self.rests.append(duration_s)


class Loops:
    """A sync that is stepped by hand against a script."""

    def __init__(self, kit: StationKit, *replies: Any, otherwise: Any = None) -> None:
        self.kit = kit
        self.cloud = ScriptedCloud(*replies, otherwise=otherwise or self.accept)
        self.sync = SteppedSync(
            kit.station.exchange,
            self.cloud,
            kit.station.uplink,
            kit.config.limits,
            jitter=lambda: 1.0,
        )
        self.rests = self.sync.rests = []

    def accept(self, asked: Asked) -> Answer:
        """Acknowledge what was sent."""
        seqs = [json.loads(line)["seq"] for line in asked.lines]
        return self.kit.answer(ack_seq=seqs[-1] if seqs else asked.acked_seq, cursor=asked.cursor)

    def push(self, times: int = 1) -> None:
        """Let the sender have its turn."""
        for _ in range(times):
            self.sync.push_step()

    def pull(self) -> None:
        """Let the listener have its turn."""
        self.sync.pull_step()
