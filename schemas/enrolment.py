"""How a station is let in, `POST /v1/stations/enroll`, and how it changes its key,
`POST /v1/stations/key`.

The first is signed (`schemas.signing`) with the key that it brings, which proves that the sender
has it; its time is not looked at, because a station that was never connected knows none. The
second is signed with the present key, or with the next one to say that the change is done.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.district import BOOTH, LOT

ENROLL_PATH = "/v1/stations/enroll"
KEY_PATH = "/v1/stations/key"
_ID = validate.Regexp(r"[a-z0-9][a-z0-9-]{0,38}\Z")
_KEY = validate.Regexp(r"[0-9a-f]{64}\Z")


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE


class EnrollmentSchema(_Lenient):
    """What a station says of itself: the code, its key, and who it is by its own settings."""

    code = fields.String(required=True, validate=validate.Length(1, 40))
    public_key = fields.String(required=True, validate=_KEY)
    station_id = fields.String(required=True, validate=_ID)
    place_id = fields.String(required=True, validate=_ID)
    role = fields.String(required=True, validate=validate.OneOf((BOOTH, LOT)))
    letter = fields.String(required=True, validate=validate.Regexp(r"[A-Z]\Z"))


class EnrolledSchema(_Lenient):
    """Who the station is by the code."""

    station_id = fields.String(required=True, validate=_ID)
    place_id = fields.String(required=True, validate=_ID)
    place_name = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf((BOOTH, LOT)))
    letter = fields.String(required=True)


class NextKeySchema(_Lenient):
    """A key that is to take the place of the present one. `proof`: see `sign_next_key`."""

    public_key = fields.String(required=True, validate=_KEY)
    proof = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{128}\Z"))


class StationKeysSchema(_Lenient):
    """The keys under which the cloud listens to the station."""

    public_key = fields.String(required=True, validate=_KEY)
    next_public_key = fields.String(required=True, allow_none=True, validate=_KEY)
