"""UUIDv7 (RFC 9562): the layout, the time in it, and that randomness is passed in."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from schemas.ids import uuid7

NOW = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def test_version_and_variant_are_those_of_a_uuid7() -> None:
    made = uuid.UUID(uuid7(NOW, lambda count: b"\xff" * count))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


def test_the_first_48_bits_are_the_milliseconds_since_1970() -> None:
    made = uuid.UUID(uuid7(NOW))
    assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_all_74_random_bits_are_used() -> None:
    zeros = uuid.UUID(uuid7(NOW, lambda count: b"\x00" * count)).int
    ones = uuid.UUID(uuid7(NOW, lambda count: b"\xff" * count)).int
    assert (zeros ^ ones).bit_count() == 74


def test_the_same_time_and_randomness_give_the_same_id() -> None:
    assert uuid7(NOW, lambda count: b"\x11" * count) == uuid7(NOW, lambda count: b"\x11" * count)
    assert uuid7(NOW) != uuid7(NOW)


def test_a_later_id_sorts_behind_an_earlier_one_as_text() -> None:
    later = uuid7(NOW + timedelta(milliseconds=1), lambda count: b"\x00" * count)
    assert uuid7(NOW, lambda count: b"\xff" * count) < later
