"""A day in which nobody taps: after 24 simulated hours a reader is as it was, and still hears.

The readers poll slower here than they ship, so that a day fits into some seconds; what is done in
each turn, and the checks of the chip's health in between, are the real ones.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

from reader_agent.clock import FakeClock
from reader_agent.confirmation import Confirmation, Mode
from reader_agent.drivers.em125 import EM125Parser, Framing, encode_em125
from reader_agent.observation import Observation
from reader_agent.presence import Presence
from tests import pn532_stage, rc522_stage

HOURS = 24
HOUR_MS = 3_600_000
POLL_MS = 5_000
MOST_GROWTH_BLOCKS = 200
"""Of memory, between the second hour and the last: in an hour there are over 700 polls."""
NFC_TAG = "nfca:04416D412B0289"
FOB = "em4100:010063E9AE"

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture(autouse=True)
def _slow_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pn532_stage, "POLL_MS", POLL_MS)
    monkeypatch.setattr(pn532_stage, "TURN_MS", POLL_MS // 4)
    monkeypatch.setattr(rc522_stage, "POLL_S", POLL_MS / 1000)


def live_through(hour: Callable[[], None]) -> None:
    """A day, hour by hour; fails where memory is not flat."""
    used = []
    for _ in range(HOURS):
        hour()
        gc.collect()
        used.append(sys.getallocatedblocks())
    assert max(used[2:]) - used[1] < MOST_GROWTH_BLOCKS, used


def test_a_pn532_is_well_after_a_day() -> None:
    stage = pn532_stage.Stage()
    stage.run(POLL_MS)
    assert stage.state() == ["PN532 v1.6"]

    def hour() -> None:
        stage.run(HOUR_MS)
        assert set(stage.state()) <= {"PN532 v1.6"}
        stage.news.clear()
        stage.commands.clear()

    live_through(hour)
    assert stage.mono_ns >= HOURS * HOUR_MS * 1_000_000
    stage.lay(NFC_TAG)
    stage.run(2 * POLL_MS)
    assert stage.seen()[0].card.tag == NFC_TAG


def test_an_rc522_is_well_after_a_day() -> None:
    stage = rc522_stage.Stage()
    live_through(lambda: stage.turns(HOUR_MS // POLL_MS))
    assert stage.clock.mono_ns() >= HOURS * HOUR_MS * 1_000_000
    assert stage.tags == []
    stage.put(NFC_TAG)
    stage.turn_until(lambda: stage.tags == [NFC_TAG])


def test_a_coil_that_picks_up_noise_all_day_is_well_after_it() -> None:
    parser, clock = EM125Parser(), FakeClock()
    presence = Presence(Confirmation(Mode.AUTO, lambda _tag: False).judge)
    noise = bytes(range(256))

    def hear(data: bytes) -> int:
        arrivals = 0
        for frame in parser.feed(data, clock.mono_ns()):
            seen = Observation("counter", frame.tag, clock.mono_ns(), frame.raw)
            arrival = presence.observe(seen)
            arrivals += arrival is not None and arrival.confirmed
        return arrivals

    def hour() -> None:
        for turn in range(HOUR_MS // POLL_MS):
            assert hear(noise[turn % 256 :] + noise[: turn % 7]) == 0
            clock.advance(POLL_MS / 1000)
            parser.tick(clock.mono_ns())
            presence.tick(clock.mono_ns())

    live_through(hour)
    assert hear(encode_em125(FOB, Framing.ASCII) * 2) == 1
