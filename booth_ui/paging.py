"""A long list, one page of it at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The rows of page `number` of `pages`, and how many there are on all of them."""

    rows: Sequence[T]
    number: int
    pages: int
    total: int


def page_of(rows: Sequence[T], number: int, size: int) -> Page[T]:
    """That page of the rows; the nearest there is."""
    pages = max(1, -(-len(rows) // size))
    number = min(max(number, 1), pages)
    return Page(rows[(number - 1) * size : number * size], number, pages, len(rows))
