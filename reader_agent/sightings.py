"""Where radio tags were heard last: hints about keys, kept in memory and never acted upon.

A UHF tag answers from metres away, so the wrong car's tag is the normal case. Nothing is recorded
and nothing is said; a ticket shows when the tag with its key's label was heard at this place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reader_agent.presence import Arrival
from reader_agent.roster import Roster
from schemas.district import TAG_ACTIVE

MOST: Final = 512
"""More labels than a place has hooks; the longest unheard goes first."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A radio tag was heard at `place_id`. `rssi_dbm`: how loud, where the reader knows."""

    place_id: str
    at: datetime
    rssi_dbm: int | None


class Sightings:
    """The last one of each label at `place_id`. Guarded by the station's lock."""

    def __init__(self, roster: Roster, place_id: str, now: Callable[[], datetime]) -> None:
        self._roster = roster
        self._place_id = place_id
        self._now = now
        self._last: OrderedDict[str, Sighting] = OrderedDict()

    def note(self, arrival: Arrival) -> None:
        """A radio tag was heard. One that is not sure, or is none of ours, is not kept."""
        tag = self._roster.tags.get(arrival.tag)
        if not arrival.confirmed or tag is None or tag.status != TAG_ACTIVE:
            return
        self._last[tag.label] = Sighting(self._place_id, self._now(), arrival.rssi_dbm)
        self._last.move_to_end(tag.label)
        if len(self._last) > MOST:
            self._last.popitem(last=False)

    def of(self, label: str) -> Sighting | None:
        """When and where the tag with this label was heard last."""
        return self._last.get(label)
