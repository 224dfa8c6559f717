"""What the page offers once the driver has the car back: is it fine, how was it, the receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from schemas import driver_words
from server.driver.reader import Reader
from server.driver.said import rating
from server.driver.stay import Stay


@dataclass(frozen=True, slots=True)
class After:
    """`until`: until when a problem may be told. `is_fine`: the driver has said so. `problems`: the
    times of what was told. `stars`: the rating that counts."""

    until: str
    is_fine: bool
    problems: tuple[str, ...]
    stars: int | None


def make_after(stay: Stay, reader: Reader, claim_window_s: int) -> After | None:
    """None before the hand-over."""
    ended = stay.visit.handed_over_at
    if stay.visit.is_open or ended is None:
        return None
    until = ended + timedelta(seconds=claim_window_s)
    return After(
        until=reader.time(until, stay.zone),
        is_fine=any(one.about == driver_words.CAR_OK for one in stay.said),
        problems=tuple(
            reader.time(one.at, stay.zone) for one in stay.said if one.about == driver_words.PROBLEM
        ),
        stars=rating(stay.said),
    )
