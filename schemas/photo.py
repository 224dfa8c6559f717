"""Photos of a car: the reference that an event holds, and how the bytes reach the cloud.

The hash is taken at the moment of capture and goes into the chain with the event, before any
byte leaves the station. So whoever has the event can tell of any picture whether it is the one.

A station asks `POST /v1/photos` where to put a photo, puts it there (`PUT`, as the answer says),
and has it checked with `POST /v1/photos/<sha256>/stored`. All of it may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

JPEG = "image/jpeg"
MEDIA_TYPES = (JPEG,)
PHOTO_BYTES_MAX = 16 * 1024 * 1024
"""What no side's own limit may exceed."""
PHOTOS_PER_EVENT_MAX = 16

AWAITED = "awaited"
STORED = "stored"
ALTERED = "altered"
PHOTO_STATES = (AWAITED, STORED, ALTERED)

PHOTOS_PATH = "/v1/photos"
OFFSET_HEADER = "Upload-Offset"
"""Where in the photo the body of a PUT begins, for a store that goes on after a cut."""


def stored_path(sha256: str) -> str:
    """Where the arrival of a photo is told."""
    return f"{PHOTOS_PATH}/{sha256}/stored"


@dataclass(frozen=True, slots=True)
class PhotoRef:
    """Which bytes: their SHA-256 in hex digits, how many they are, and of what type."""

    sha256: str
    size_bytes: int
    media_type: str = JPEG

    def to_wire(self) -> dict[str, Any]:
        """As it stands in an event."""
        return {"sha256": self.sha256, "bytes": self.size_bytes, "media_type": self.media_type}

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> PhotoRef:
        """Read back what `PhotoRefSchema` has checked."""
        return cls(body["sha256"], body["bytes"], body["media_type"])


class PhotoRefSchema(Schema):
    """Reference to a photo. When it was taken is the event's own time."""

    class Meta:
        unknown = EXCLUDE

    sha256 = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z"))
    bytes = fields.Integer(required=True, strict=True, validate=validate.Range(1, PHOTO_BYTES_MAX))
    media_type = fields.String(required=True, validate=validate.OneOf(MEDIA_TYPES))


class PhotoVisitSchema(Schema):
    """The visit that a photo is of: with its hash, the whole name of the photo."""

    class Meta:
        unknown = EXCLUDE

    visit_id = fields.UUID(required=True)


class PhotoAskSchema(PhotoRefSchema):
    """A station asks where to put a photo.

    `found_sha256`: what its file hashes to now, told only where that is no longer `sha256`.
    """

    visit_id = fields.UUID(required=True)
    found_sha256 = fields.String(
        load_default=None, allow_none=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z")
    )


class PhotoPutSchema(Schema):
    """Where to put the bytes: an address of this server (from `/`) or of another one, the headers
    that must be sent with them, and from which byte on: after a cut, perhaps not the first."""

    class Meta:
        unknown = EXCLUDE

    url = fields.String(required=True, validate=validate.Length(1, 4096))
    headers = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    offset = fields.Integer(required=True, strict=True, validate=validate.Range(min=0))


class PhotoAnswerSchema(Schema):
    """What the cloud has of a photo (`PHOTO_STATES`), and where to put what it lacks."""

    class Meta:
        unknown = EXCLUDE

    state = fields.String(required=True, validate=validate.OneOf(PHOTO_STATES))
    put = fields.Nested(PhotoPutSchema, allow_none=True, load_default=None)
