"""The one round trip between a station and the cloud, `POST /v1/sync`.

The body is lines of JSON (`application/x-ndjson`, gzip allowed): a header, then the
journal's next events exactly as they were stored. The answer acknowledges cumulatively
(`ack_seq`), names every verdict that is not a plain `accepted`, and brings what changed in
the district after the station's cursor. That a visit is over is told to those stations that can
have heard of it.
"""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields, validate

from schemas.guest import GuestSchema

ACCEPTED = "accepted"
DUPLICATE = "duplicate"
HELD = "held"
REFUSED = "refused"
FORKED = "forked"
"""The code of a refusal: another event of the same journal has this sequence."""
VERDICTS = (ACCEPTED, DUPLICATE, HELD, REFUSED)

CHANGE_EVENT = "event"
CHANGE_VISIT = "visit"
CHANGE_PLACE = "place"
CHANGE_PERSON = "person"
CHANGE_TAG = "tag"
CHANGE_KINDS = (CHANGE_EVENT, CHANGE_VISIT, CHANGE_PLACE, CHANGE_PERSON, CHANGE_TAG)

CLONED = "cloned"

CONTENT_TYPE = "application/x-ndjson"


class _Lenient(Schema):
    class Meta:
        unknown = EXCLUDE


class SyncHeaderSchema(_Lenient):
    """First line of a sync request.

    `cursor` is what the last applied answer gave (0: everything; null: no news wanted).
    `boot_id` and `mono_ns` are read when the request is sent: with the cloud's time of
    receipt they anchor the events of a boot whose clock was never set. `wait_s` lets the
    cloud hold the answer until there is news. `depth` is how many events are not acknowledged
    yet, those of this request included. `first_seq` is the sequence of the first line, so that
    a line that cannot be read still has its place.
    """

    v = fields.Integer(required=True, strict=True, validate=validate.Equal(1))
    journal_id = fields.UUID(required=True)
    cursor = fields.Integer(
        required=True, allow_none=True, strict=True, validate=validate.Range(0, 2**53)
    )
    boot_id = fields.String(required=True, validate=validate.Length(1, 64))
    first_seq = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(1, 2**53)
    )
    mono_ns = fields.Integer(required=True, strict=True, validate=validate.Range(0, 2**63 - 1))
    wait_s = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 55))
    depth = fields.Integer(load_default=0, strict=True, validate=validate.Range(0, 2**53))
    version = fields.String(load_default="", validate=validate.Regexp(r"[ -~]{0,40}\Z"))
    records = fields.List(fields.Nested(GuestSchema), load_default=list)


class VerdictSchema(_Lenient):
    """What became of one event. `code` says why it was held or refused."""

    seq = fields.Integer(required=True, allow_none=True)
    id = fields.String(required=True, allow_none=True)
    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    code = fields.String(allow_none=True, load_default=None)
    detail = fields.String(allow_none=True, load_default=None)


class GapSchema(_Lenient):
    """The batch began beyond what the cloud has: go back to `expected_seq`."""

    expected_seq = fields.Integer(required=True)
    got_seq = fields.Integer(required=True)


class ChangeSchema(_Lenient):
    """One thing that changed: its kind, its id and its whole new content."""

    kind = fields.String(required=True, validate=validate.OneOf(CHANGE_KINDS))
    id = fields.String(required=True)
    body = fields.Dict(required=True)


class SyncAnswerSchema(_Lenient):
    """The answer to a sync request, given after the commit.

    `from_cursor` repeats the request's cursor: an answer that does not continue what the
    station has by then is not applied. `more` says that changes were cut at the limit. `alarm`
    is what staff have to be told of their station, null for nothing; one that is not known is
    told as it is. `public_url`: where drivers find their pages.
    """

    ack_seq = fields.Integer(required=True)
    verdicts = fields.List(fields.Nested(VerdictSchema), required=True)
    gap = fields.Nested(GapSchema, allow_none=True, load_default=None)
    chain_broken_at = fields.Integer(allow_none=True, load_default=None)
    from_cursor = fields.Integer(required=True, allow_none=True)
    cursor = fields.Integer(required=True, allow_none=True)
    changes = fields.List(fields.Nested(ChangeSchema), required=True)
    more = fields.Boolean(required=True)
    alarm = fields.String(allow_none=True, load_default=None)
    public_url = fields.String(allow_none=True, load_default=None)
    server_time = fields.AwareDateTime(required=True, format="iso", default_timezone=None)
