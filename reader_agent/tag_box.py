"""The tags in the box of this place: how many were counted last, less what was given out since,
and more by what came back.

Free tags are on no car and in no list, but in a box; a pair leaves it with every car that is taken
in here and comes back with every car that is given back here, wherever it was taken in.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reader_agent.journal import Journal
from reader_agent.station_db import Transaction
from reader_agent.unfinished import Unfinished
from schemas import events
from schemas.district import CLAIM_TAG, KEY_TAG
from schemas.events import Event
from schemas.tag_ids import is_hint

COUNTED: Final = (KEY_TAG, CLAIM_TAG)
_DOC: Final = "tag_box"
_MOVING: Final = frozenset({events.VISIT_RECEIVED, events.VISIT_HANDED_OVER, events.TAG_ENROLLED})


class TagBox:
    """Guarded by the station's lock."""

    def __init__(self, journal: Journal, unfinished: Unfinished) -> None:
        self._journal = journal
        self._unfinished = unfinished

    def expected(self) -> dict[str, int]:
        """How many of each kind should be there; empty before the first count."""
        doc = self._unfinished.get(_DOC)
        if doc is None:
            return {}
        found = Counter(doc["counted"])
        is_same = doc["journal_id"] == self._journal.journal_id
        for _, line in self._journal.lines(doc["seq"] if is_same else 0):
            body = json.loads(line)
            if body["type"] in _MOVING:
                for kind, change in _changes(body["type"], body["data"]):
                    found[kind] += change
        return {kind: max(0, found[kind]) for kind in COUNTED}

    def counted(self, counted: Mapping[str, int], event: Event, work: Transaction) -> None:
        """Somebody counted them; `event` says so."""
        doc = {
            "counted": dict(counted),
            "seq": event.seq,
            "journal_id": self._journal.journal_id,
        }
        self._unfinished.put(_DOC, doc, work)


def _changes(kind: str, data: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    if kind == events.VISIT_RECEIVED:
        yield KEY_TAG, -1
        if data.get("claim_tag") is not None:
            yield CLAIM_TAG, -1
    elif kind == events.VISIT_HANDED_OVER:
        yield KEY_TAG, 1
        if data.get("has_claim_tag"):
            yield CLAIM_TAG, 1
    elif kind == events.TAG_ENROLLED and not is_hint(data["tag"]):
        yield data["kind"], 1
