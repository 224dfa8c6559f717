"""Tag events of several stations, and what became of them in the cloud."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from schemas import events
from server.downlink import news
from server.ingest import Batch
from server.models import PersonRow, TagRow
from tests.cloud_kit import CloudKit
from tests.station_lines import StationLines, minutes_later
from tests.visit_story import EVENING, KEY, SUPERVISOR

NOW = minutes_later(60)
CARD, OTHER = "nfca:04A1B2C3D4E5F6", "nfca:04112233445566"


class Told:
    """Tag events of several stations, each to be sent when the test likes."""

    def __init__(self) -> None:
        self.stations: list[StationLines] = []

    def say(self, event: str, minute: float, **data: Any) -> Batch:
        """One event, alone in the journal of a station of its own."""
        station = StationLines("herrera", name=f"journal-{len(self.stations)}")
        station.station_id += f"-{len(self.stations)}"
        wall = (EVENING + timedelta(minutes=minute)).isoformat()
        line = station.line(event, wall=wall, actor=SUPERVISOR, data={"tag": CARD, **data})
        self.stations.append(station)
        return station.batch([line])

    def enrolled(self, minute: float, label: str = "C100", **data: Any) -> Batch:
        """A tag was enrolled."""
        content = {"kind": "claim", "label": label, **data}
        return self.say(events.TAG_ENROLLED, minute, **content)

    def marked(self, minute: float, status: str, **data: Any) -> Batch:
        """A tag was lost, found or retired."""
        return self.say(events.TAG_MARKED, minute, status=status, reason="visto", **data)


def take(cloud: CloudKit, *batches: Batch) -> None:
    """Send what stations have to say, in this order."""
    for batch in batches:
        cloud.take(batch, NOW)


def tag(cloud: CloudKit, tag_id: str = CARD) -> TagRow:
    """The row of a tag that there is."""
    row = cloud.database.read(lambda session: session.get(TagRow, tag_id))
    assert row is not None
    return row


def badges(cloud: CloudKit) -> dict[str, str | None]:
    """The badge of everybody."""
    return {person.id: person.badge_tag for person in cloud.rows(PersonRow)}


def all_rows(cloud: CloudKit) -> list[tuple[object, ...]]:
    """Everything that tag events decide, without the versions."""
    tags = [
        (row.id, row.kind, row.label, row.status, row.is_secure, row.is_original)
        for row in cloud.rows(TagRow)
    ]
    return [*tags, *sorted(badges(cloud).items())]


def told_to_stations(cloud: CloudKit, cursor: int) -> dict[str, dict[str, Any]]:
    """The tag documents after a cursor."""
    page = cloud.database.read(lambda session: news(session, KEY, cursor, 1000))
    return {change["id"]: change["body"] for change in page.changes if change["kind"] == "tag"}
