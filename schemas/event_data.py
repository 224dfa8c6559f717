"""What the events of each type say beside their envelope (`data`), as schemas that check it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from schemas import driver_words, payment, states
from schemas.district import TAG_KINDS, TAG_STATUSES
from schemas.photo import PHOTOS_PER_EVENT_MAX, PhotoRefSchema
from schemas.reception import DAMAGE_MAX, HANDLING_MAX, WISH_MIN_MAX
from schemas.reception import WORD as _WORD

HOOK_MAX = 2_000
PIN_LOCK_MAX_S = 24 * 3600
LISTED_MAX = 2_000

# Ids are compared as text, so only the canonical form of a UUID is let in.
UUID = validate.Regexp(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
HASH = validate.Regexp(r"[0-9a-f]{64}\Z")
# Outside of this no database can keep a time, whatever offset it is written with.
REAL_TIME = validate.Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def text(least: int, most: int) -> validate.And:
    """Text of so many characters that every database can keep: no NUL, no half of a pair."""
    storable = validate.Regexp(r"[^\x00\ud800-\udfff]*\Z", error="Holds what cannot be stored.")
    return validate.And(validate.Length(least, most), storable)


class Lenient(Schema):
    """What every part of an event is."""

    # A newer writer may add fields; they stay in the stored bytes and are not read here.
    class Meta:
        unknown = EXCLUDE


def _hook() -> fields.Integer:
    """The number of the hook on which the key was hung; None where nobody said."""
    return fields.Integer(allow_none=True, strict=True, validate=validate.Range(1, HOOK_MAX))


def _names(most: int) -> fields.List[Any]:
    """A list of short texts: tag ids, visit ids, codes."""
    return fields.List(
        fields.String(validate=text(1, 80)), required=True, validate=validate.Length(0, most)
    )


class GuestReferenceSchema(Lenient):
    """Reference to a guest record and its keyed digest (see `schemas.guest`)."""

    ref = fields.String(required=True, validate=UUID)
    digest = fields.String(required=True, validate=HASH)


class DamageSchema(Lenient):
    """A mark on a car (see `schemas.reception`)."""

    zone = fields.String(required=True, validate=validate.Regexp(_WORD))
    kind = fields.String(required=True, validate=validate.Regexp(_WORD))


class StationStartedSchema(Lenient):
    """A station's agent began to run."""

    version = fields.String(required=True, validate=text(1, 40))


class NothingSchema(Lenient):
    """An event that says everything by its envelope."""


class VisitReceivedSchema(Lenient):
    """A car and its keys were taken in at the booth `place_id`.

    `claim_url` is what the claim tag said when it was read, for the cloud to verify: a station
    has no keys for that. What was noted of the car is of `schemas.reception`.
    """

    code = fields.String(required=True, validate=validate.Regexp(r"[A-Z]-[0-9]{4}\Z"))
    key_tag = fields.String(required=True, validate=text(4, 80))
    claim_tag = fields.String(allow_none=True, validate=text(4, 80))
    guest = fields.Nested(GuestReferenceSchema, required=True)
    language = fields.String(required=True, validate=validate.OneOf(("es", "en")))
    claim_url = fields.String(allow_none=True, validate=text(1, 512))
    hook = _hook()
    colour = fields.String(allow_none=True, validate=validate.Regexp(_WORD))
    damage = fields.List(
        fields.Nested(DamageSchema), allow_none=True, validate=validate.Length(0, DAMAGE_MAX)
    )
    handling = fields.List(
        fields.String(validate=validate.Regexp(_WORD)),
        allow_none=True,
        validate=validate.Length(0, HANDLING_MAX),
    )
    wish_min = fields.Integer(
        allow_none=True, strict=True, validate=validate.Range(0, WISH_MIN_MAX)
    )
    consent = fields.String(allow_none=True, validate=text(1, 20))


class VisitRequestedSchema(Lenient):
    """The driver asked for the car at `booth_id`, at `wanted_at` or (None) as soon as may be."""

    booth_id = fields.String(required=True, validate=text(1, 40))
    wanted_at = fields.AwareDateTime(allow_none=True, format="iso", validate=REAL_TIME)
    source = fields.String(required=True, validate=validate.OneOf(("driver", "booth")))


class RequestCancelledSchema(Lenient):
    """The open request was withdrawn."""

    source = fields.String(required=True, validate=validate.OneOf(("driver", "booth")))


class CarTakenSchema(Lenient):
    """`actor` drove the car off from `place_id` towards `to_place_id`; `to_stall`: as planned."""

    move = fields.String(required=True, validate=validate.OneOf(states.MOVE_KINDS))
    to_place_id = fields.String(required=True, validate=text(1, 40))
    to_stall = fields.String(allow_none=True, validate=text(0, 20))


class CarParkedSchema(Lenient):
    """The car stands at the lot `place_id`, its key is on a hook there.

    `seen_at`: since when, where the station knew the key (`key.seen`) before it knew the visit.
    """

    stall = fields.String(allow_none=True, validate=text(0, 20))
    hook = _hook()
    seen_at = fields.AwareDateTime(allow_none=True, format="iso", validate=REAL_TIME)


class CarReadySchema(Lenient):
    """The car waits at the kerb of the booth `place_id`, its key is on a hook there."""

    hook = _hook()


class HandedOverSchema(Lenient):
    """Keys and car were given back at `place_id` against a proof. `claim_url`: see above;
    `has_claim_tag`: a claim tag came back with it."""

    proof = fields.String(required=True, validate=validate.OneOf(states.PROOFS))
    claim_url = fields.String(allow_none=True, validate=text(1, 512))
    reason = fields.String(allow_none=True, validate=text(0, 300))
    has_claim_tag = fields.Boolean(truthy={True}, falsy={False})


class VisitResolvedSchema(Lenient):
    """A person decided what is true of a held visit."""

    state = fields.String(required=True, validate=validate.OneOf(tuple(states.CAR)))
    place_id = fields.String(required=True, validate=text(1, 40))
    reason = fields.String(required=True, validate=text(3, 300))


class TagEnrolledSchema(Lenient):
    """A tag belongs to the district from now on, as what it says here, and is active.

    `person_id`: whose badge it is. `is_original`: whether its maker's signature holds, None
    where the chip has none. `is_secure`: it was given our keys and proved that it has them.
    """

    tag = fields.String(required=True, validate=text(4, 80))
    kind = fields.String(required=True, validate=validate.OneOf(TAG_KINDS))
    label = fields.String(required=True, validate=text(1, 20))
    person_id = fields.String(allow_none=True, validate=text(1, 40))
    is_original = fields.Boolean(allow_none=True)
    is_secure = fields.Boolean()


class TagMarkedSchema(Lenient):
    """An enrolled tag was lost, found again (`active`) or taken out of use."""

    tag = fields.String(required=True, validate=text(4, 80))
    status = fields.String(required=True, validate=validate.OneOf(TAG_STATUSES))
    reason = fields.String(allow_none=True, validate=text(0, 300))


class VisitPhotographedSchema(Lenient):
    """`actor` took photos of the car at `place_id`: at its reception, or later of a damage. It
    changes nothing about the visit and fits every state of it."""

    photos = fields.List(
        fields.Nested(PhotoRefSchema),
        required=True,
        validate=validate.Length(1, PHOTOS_PER_EVENT_MAX),
    )


class VisitCalledSchema(Lenient):
    """The driver of a car that stands ready was called: `number` 1 first, then again. By itself
    (no actor) once the wait is over, else by a person."""

    number = fields.Integer(required=True, strict=True, validate=validate.Range(1, 100))


class VisitDelayedSchema(Lenient):
    """The car that was asked for comes so many minutes later than was promised, and why."""

    minutes = fields.Integer(required=True, strict=True, validate=validate.Range(1, 240))
    reason = fields.String(required=True, validate=validate.OneOf(states.DELAY_REASONS))


class VisitReportedSchema(Lenient):
    """Something went wrong with a car, its key or its tags; or (`is_over`) it is put right.

    `details` are codes of what was chosen on the way, `reason` words for people. `is_own`: the
    actor tells of a mishap of their own, which is to their credit.
    """

    kind = fields.String(required=True, validate=validate.OneOf(states.INCIDENTS))
    is_over = fields.Boolean(required=True, truthy={True}, falsy={False})
    is_own = fields.Boolean(required=True, truthy={True}, falsy={False})
    details = _names(20)
    reason = fields.String(allow_none=True, validate=text(0, 300))


class VisitPaidSchema(Lenient):
    """`cents` were paid for the stay (given back, where negative), see `schemas.payment`.

    `fiscal`: the number of the electronic invoice, where one was issued. `reference`: what the
    card terminal or Yappy calls the payment.
    """

    method = fields.String(required=True, validate=validate.OneOf(payment.METHODS))
    cents = fields.Integer(
        required=True,
        strict=True,
        validate=validate.And(
            validate.Range(-payment.CENTS_MAX, payment.CENTS_MAX), validate.NoneOf([0])
        ),
    )
    fiscal = fields.String(allow_none=True, validate=text(1, payment.FISCAL_CHARS_MAX))
    reference = fields.String(allow_none=True, validate=text(1, payment.REFERENCE_CHARS_MAX))


class VisitUnclaimedSchema(Lenient):
    """Nobody came for the car by the end of the shift: its key lies in a sealed bag."""

    bag = fields.String(required=True, validate=text(1, 20))


class VisitUndoneSchema(Lenient):
    """`actor` takes back what was recorded at `place_id` by mistake: a car that was not taken,
    parked or brought there. The visit is as if it had never been said."""

    event_id = fields.String(required=True, validate=UUID)


class PinLockedSchema(Lenient):
    """So many wrong PINs were typed for this person that none is taken at this station for
    `locked_s`. Nothing of what was typed is in it, and nobody acts: whoever typed is not known."""

    person_id = fields.String(required=True, validate=text(1, 40))
    locked_s = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, PIN_LOCK_MAX_S)
    )


class KeySeenSchema(Lenient):
    """The key with this tag came to the lot `place_id`, of a car that nobody there knows: it was
    received elsewhere while the line was down. The same station says `car.parked` as soon as it
    knows the visit."""

    tag = fields.String(required=True, validate=text(4, 80))
    stall = fields.String(allow_none=True, validate=text(0, 20))
    hook = _hook()


class KeysCheckedSchema(Lenient):
    """Every key at `place_id` was tapped: `found` of those that belong here. Tags of keys that are
    missing, that nobody knows (`extra`), and whose car is elsewhere (`misplaced`)."""

    found = fields.Integer(required=True, strict=True, validate=validate.Range(0, LISTED_MAX))
    missing = _names(LISTED_MAX)
    extra = _names(LISTED_MAX)
    misplaced = _names(LISTED_MAX)


class PlaceClosedSchema(Lenient):
    """The shift at `place_id` was closed. `carried`: the visits that stay open over night;
    `keys_missing` at the last check; tags counted in the box and how many should be there, of
    those kinds that were counted there before. `signed`: the people who answer for it, two where
    two were at work, else one and `alone`: why."""

    carried = _names(LISTED_MAX)
    keys_missing = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, LISTED_MAX)
    )
    tags_counted = fields.Dict(required=True, keys=fields.String(), values=fields.Integer())
    tags_expected = fields.Dict(required=True, keys=fields.String(), values=fields.Integer())
    signed = fields.List(fields.String(validate=text(1, 40)), validate=validate.Length(0, 2))
    alone = fields.String(allow_none=True, validate=validate.OneOf(states.ALONE_REASONS))


class VisitToldSchema(Lenient):
    """The driver said something on the page of the link (`about`, see `schemas.driver_words`).

    `language`: to be written to in it from now on. `booth_id`: where the car will be wanted, once
    the driver asks. `stars`: a rating. `note_digest`: of what the driver wrote, which is kept
    beside the chain. `may_fetch`: whoever the link was shared with may fetch the car.
    """

    about = fields.String(required=True, validate=validate.OneOf(driver_words.TOLD))
    language = fields.String(validate=validate.OneOf(("es", "en")))
    booth_id = fields.String(allow_none=True, validate=text(1, 40))
    stars = fields.Integer(strict=True, validate=validate.Range(1, driver_words.STARS_MAX))
    note_digest = fields.String(validate=HASH)
    photos = fields.List(
        fields.Nested(PhotoRefSchema), validate=validate.Length(0, driver_words.PHOTOS_MAX)
    )
    may_fetch = fields.Boolean(truthy={True}, falsy={False})

    @validates_schema
    def _is_whole(self, data: dict[str, Any], **_: Any) -> None:
        missing = set(_NEEDED.get(data["about"], ())) - data.keys()
        if missing:
            raise ValidationError({name: ["Needed for what it is about."] for name in missing})


_NEEDED = {
    driver_words.LANGUAGE: ("language",),
    driver_words.PLAN: ("booth_id",),
    driver_words.PROBLEM: ("note_digest", "photos"),
    driver_words.RATING: ("stars",),
    driver_words.SHARED: ("may_fetch",),
}
