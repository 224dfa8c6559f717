"""Where there is room at a place: the next free hook for a key, the next free stalls for cars.

What is proposed here goes into the event of the tap, so that nobody has to type it; whoever does
otherwise says so with one tap more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from reader_agent.mirror import Mirror
from schemas import states
from schemas.district import Place
from schemas.visit import Visit


class FreeRoom:
    """Both, for the place `here`. Guarded by the station's lock. `also`: the stalls and hooks that
    are taken by what no visit is known of."""

    def __init__(self, mirror: Mirror, here: str) -> None:
        self._mirror = mirror
        self._here = here
        self.also: Callable[[], Iterable[tuple[str | None, int | None]]] = tuple

    def hook(self, ours: Visit | None = None) -> int | None:
        """See `free_hook`."""
        also = [hook for _, hook in self.also()]
        return free_hook(self._mirror.visits(), self._place(), ours, also)

    def stalls(self, limit: int, ours: Visit | None = None) -> list[str]:
        """See `free_stalls`."""
        also = [stall for stall, _ in self.also()]
        return free_stalls(self._mirror.visits(), self._place(), limit, ours, also)

    def stall(self, ours: Visit | None = None) -> str | None:
        """The first of them."""
        return next(iter(self.stalls(1, ours)), None)

    def _place(self) -> Place | None:
        return self._mirror.roster.places.get(self._here)


def free_hook(
    visits: Iterable[Visit],
    place: Place | None,
    ours: Visit | None = None,
    also: Iterable[int | None] = (),
) -> int | None:
    """The lowest hook at the place without a key (nor among `also`); the one where the key of
    `ours` hangs already. None where the place has none left, or is not known."""
    if place is None:
        return None
    if ours is not None and _hook_at(ours, place.id) is not None:
        return ours.key_holder.hook
    used = {_hook_at(visit, place.id) for visit in visits}.union(also)
    return next((hook for hook in range(1, place.hooks + 1) if hook not in used), None)


def free_stalls(
    visits: Iterable[Visit],
    place: Place | None,
    limit: int,
    ours: Visit | None = None,
    also: Iterable[str | None] = (),
) -> list[str]:
    """Free stalls of a lot (none of `also`), at most `limit`: first the one where `ours` stands, or
    should by the plan; then those deepest in their rows, so that no car blocks one that came before
    it."""
    if place is None:
        return []
    visits = [visit for visit in visits if ours is None or visit.id != ours.id]
    used = {visit.stall for visit in visits if _stands_at(visit, place.id)}.union(also)
    first = [stall for stall in _of(ours, place.id) if stall not in used]
    names = dict.fromkeys((*first, *_names(place)))
    return list(islice((stall for stall in names if stall not in used), limit))


def _of(ours: Visit | None, place_id: str) -> Iterator[str]:
    if ours is None:
        return
    if ours.stall and _stands_at(ours, place_id):
        yield ours.stall
    leg = ours.legs[-1] if ours.legs else None
    if leg is not None and leg.to_stall and leg.to_place_id == place_id and leg.done_at is None:
        yield leg.to_stall


def _names(place: Place) -> Iterator[str]:
    """The stalls as they are painted: those of its rows from the far end, or simply numbers."""
    in_rows = [stall for row in place.rows for stall in reversed(row)]
    yield from in_rows
    for number in range(1, place.stalls - len(in_rows) + 1):
        yield str(number)


def _stands_at(visit: Visit, place_id: str) -> bool:
    return visit.car == states.PARKED and visit.place_id == place_id


def _hook_at(visit: Visit, place_id: str) -> int | None:
    holder = visit.key_holder
    return holder.hook if holder.kind == states.HOOK and holder.id == place_id else None
