"""Many reads, one arrival."""

from __future__ import annotations

from reader_agent.confirmation import Confirmation, Mode
from reader_agent.observation import Observation
from reader_agent.presence import MOST_TAGS, Arrival, Departure, Presence

MS = 1_000_000
TAG = "em4100:010063E9AE"
OTHER = "em4100:0114AE3BBC"


def seen(at_ms: int, tag: str = TAG) -> Observation:
    return Observation("counter", tag, at_ms * MS, b"")


def presence(*enrolled: str, mode: Mode = Mode.AUTO, repeat_s: float = 0.065) -> Presence:
    return Presence(Confirmation(mode, lambda tag: tag in enrolled).judge, repeat_s)


def test_a_tag_that_lies_on_the_reader_arrives_once() -> None:
    tags = presence(TAG)
    arrivals = [tags.observe(seen(at_ms)) for at_ms in range(0, 10_000, 65)]
    assert arrivals[0] == Arrival(TAG, "counter", 0, confirmed=True)
    assert not any(arrivals[1:])


def test_an_unknown_tag_arrives_unconfirmed_and_once_more_when_it_is_confirmed() -> None:
    tags = presence()
    arrivals = [tags.observe(seen(at_ms)) for at_ms in range(0, 10_000, 65)]
    assert arrivals[0] == Arrival(TAG, "counter", 0, confirmed=False)
    assert arrivals[1] == Arrival(TAG, "counter", 65 * MS, confirmed=True)
    assert not any(arrivals[2:])


def test_reads_too_far_apart_never_become_a_confirmed_arrival() -> None:
    tags = presence()
    arrivals = [tags.observe(seen(at_ms)) for at_ms in range(0, 5_000, 400)]
    assert [arrival.confirmed for arrival in arrivals if arrival] == [False]


def test_a_tag_departs_after_600_ms_of_silence_and_can_arrive_again() -> None:
    tags = presence(TAG)
    tags.observe(seen(0))
    tags.observe(seen(65))
    assert tags.tick(664 * MS) == []
    assert tags.tick(665 * MS) == [Departure(TAG, "counter", 65 * MS, confirmed=True)]
    assert tags.tick(700 * MS) == []
    assert tags.observe(seen(700)) == Arrival(TAG, "counter", 700 * MS, confirmed=True)


def test_a_slow_reader_gets_three_of_its_own_intervals() -> None:
    tags = presence(TAG, repeat_s=2.0)
    tags.observe(seen(0))
    assert tags.tick(5_999 * MS) == []
    assert len(tags.tick(6_000 * MS)) == 1


def test_a_gap_between_two_reads_is_no_departure_because_the_thread_may_have_been_late() -> None:
    tags = presence(TAG)
    tags.observe(seen(0))
    assert tags.observe(seen(2_000)) is None
    assert tags.tick(2_020 * MS) == []


def test_two_tags_come_and_go_by_themselves() -> None:
    tags = presence(TAG, OTHER)
    assert tags.observe(seen(0))
    assert tags.observe(seen(10, OTHER))
    assert tags.observe(seen(500)) is None
    assert [gone.tag for gone in tags.tick(620 * MS)] == [OTHER]
    assert tags.observe(seen(630, OTHER))


def test_an_unconfirmed_departure_says_so() -> None:
    tags = presence()
    tags.observe(seen(0))
    assert tags.tick(600 * MS) == [Departure(TAG, "counter", 0, confirmed=False)]


def test_zeros_neither_arrive_nor_depart() -> None:
    tags = presence("em4100:0000000000")
    assert not any(tags.observe(seen(at_ms, "em4100:0000000000")) for at_ms in range(0, 650, 65))
    assert tags.tick(60_000 * MS) == []


def test_any_number_of_tags_takes_bounded_memory() -> None:
    tags = presence()
    for number in range(1, 10 * MOST_TAGS):
        tags.observe(seen(0, f"em4100:{number:010X}"))
    assert len(tags.tick(60_000 * MS)) == MOST_TAGS
