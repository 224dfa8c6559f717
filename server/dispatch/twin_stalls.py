"""The stalls of a played night's lots: who stands where, and who is in whose way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.district import Place


class Stalls:
    """The lots that have rows, the stall at the exit first. Stalls in no row block nobody, and have
    no names here."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        """All empty."""
        self._rows = {name: place.rows for name, place in places.items() if place.rows}
        self._taken: dict[str, dict[str, str]] = {name: {} for name in self._rows}
        self._where: dict[str, tuple[str, str]] = {}

    def put(self, visit_id: str, lot: str, wanted: str | None) -> str | None:
        """The car stands in a lot: where it was to, if that can be driven into, or else as deep as
        it gets; its stall, None in none of a row."""
        if lot not in self._rows:
            return None
        taken = self._taken[lot]
        open_ones = [stall for row in self._rows[lot] for stall in _open(row, taken)]
        if wanted not in open_ones:
            deepest = (_open(row, taken)[-1:] for row in self._rows[lot])
            wanted = next((stall for stalls in deepest for stall in stalls), None)
        if wanted is not None:
            taken[wanted] = visit_id
            self._where[visit_id] = lot, wanted
        return wanted

    def take(self, visit_id: str) -> None:
        """The car is driven off."""
        lot, stall = self._where.pop(visit_id, ("", ""))
        if lot:
            del self._taken[lot][stall]

    def in_front_of(self, visit_id: str) -> int:
        """How many cars stand between it and the exit."""
        lot, stall = self._where.get(visit_id, ("", ""))
        for row in self._rows.get(lot, ()):
            if stall in row:
                return sum(each in self._taken[lot] for each in row[: row.index(stall)])
        return 0


def _open(row: Sequence[str], taken: Mapping[str, str]) -> Sequence[str]:
    """The stalls that can be driven into, from the exit on."""
    blocked = next((number for number, stall in enumerate(row) if stall in taken), len(row))
    return row[:blocked]
