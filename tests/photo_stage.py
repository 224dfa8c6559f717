"""A booth's journal with photos in it, and the cloud's doors for them, over a clock that stands.

stage = PhotoStage(StationDoors(config, monkeypatch))
stage.photographed(jpeg())              # the event, taken in
stage.bring(jpeg())                     # asked, put and told; what the cloud says then
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from werkzeug.test import TestResponse

from schemas import events
from schemas.chain import genesis
from schemas.photo import OFFSET_HEADER, PHOTOS_PATH, PhotoRef, stored_path
from schemas.signing import sign
from server.models import PhotoRow
from tests.station_door import JOURNAL, STATION, StationDoors
from tests.station_lines import StationLines, visit_id_of


def ref_of(content: bytes) -> PhotoRef:
    """What an event says of these bytes."""
    return PhotoRef(hashlib.sha256(content).hexdigest(), len(content))


class PhotoStage:
    """One booth, whose car number 1 was received."""

    def __init__(self, doors: StationDoors) -> None:
        self.doors = doors
        self.key = doors.add()
        self.lines = StationLines("herrera")
        self.lines.journal_id, self.lines.head = JOURNAL, genesis(JOURNAL)
        self.visit_id = visit_id_of(1)
        self.step = 1

    def photographed(self, *contents: bytes, **changes: Any) -> None:
        """Photos are taken and their event reaches the cloud; the first time, the car's too."""
        lines = [self.lines.received(1)] if self.step == 1 else []
        self.step += 1
        data = {"photos": [ref_of(content).to_wire() for content in contents]}
        lines.append(self.lines.of(events.VISIT_PHOTOGRAPHED, 1, self.step, data=data, **changes))
        answer = self.doors.sync(self.key, lines).get_json()
        assert answer["verdicts"] == [], answer

    def post(self, path: str, said: dict[str, Any], key: bytes | None = None) -> TestResponse:
        """A signed request."""
        body = json.dumps(said).encode()
        headers = sign(key or self.key, STATION, "POST", path, body, self.doors.now_s)
        return self.doors.send(path, body, headers)

    def ask(self, content: bytes, **changes: Any) -> TestResponse:
        """Where to put a photo."""
        said = {"visit_id": self.visit_id, **ref_of(content).to_wire(), **changes}
        return self.post(PHOTOS_PATH, said)

    def place(self, content: bytes) -> dict[str, Any]:
        """Where to put a photo that the cloud wants."""
        put = self.ask(content).get_json()["put"]
        assert isinstance(put, dict)
        return put

    def put(self, place: dict[str, Any], body: bytes, **headers: str) -> TestResponse:
        """Put bytes where the cloud said."""
        return self.doors.client.put(
            place["url"], data=body, headers={**place["headers"], **headers}
        )

    def stored(self, content: bytes) -> TestResponse:
        """Say that it is there."""
        said = {"visit_id": self.visit_id}
        return self.post(stored_path(ref_of(content).sha256), said)

    def bring(self, content: bytes, body: bytes | None = None) -> str:
        """Bring a photo, or other bytes in its place; what the cloud says of it then."""
        place = self.place(content)
        body = content if body is None else body
        assert self.put(place, body[place["offset"] :]).status_code == 204
        state: str = self.stored(content).get_json()["state"]
        return state

    def row(self, content: bytes) -> PhotoRow:
        """What the cloud knows of a photo."""
        (row,) = [
            row for row in self.doors.kit.rows(PhotoRow) if row.sha256 == ref_of(content).sha256
        ]
        return row


__all__ = ["OFFSET_HEADER", "PhotoStage", "ref_of"]
