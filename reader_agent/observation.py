"""One decoded read of one tag, as a driver reports it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Observation:
    """A reader saw a tag. Repeats are normal: `presence` makes one arrival out of many."""

    reader: str
    """Name of the reader on this station."""
    tag: str
    """Canonical tag id, see `schemas.tag_ids`."""
    mono_ns: int
    """When the bytes were read, on the station's monotonic clock."""
    raw: bytes
    """The frame as it came over the wire, for the log of a puzzled engineer."""
    rssi_dbm: int | None = None
    """Signal strength, from the readers that know it."""
    text: str | None = field(default=None, repr=False)
    """What the tag itself says: the link in a card, the words in a scanned code."""
