"""Who left the car: personal data that travels beside the chain, never in it.

An event holds the record's reference and a digest keyed with a salt that is kept in the
record. When the record is erased, the salt goes with it, and what is left in the chain
says nothing about the person while every hash still holds.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from schemas.canonical import canonical_json


@dataclass(frozen=True, slots=True)
class Guest:
    """Plate and phone (E.164, or None) of one visit's driver; `salt` is 32 hex digits.

    `phone_ref`: the phone is the one of that record, of the same car's stay before. Only the cloud
    has that number, and puts it in; what the digest says is the reference.
    """

    ref: str
    visit_id: str
    plate: str
    phone: str | None
    salt: str
    phone_ref: str | None = None

    @property
    def has_phone(self) -> bool:
        """Whether there is a number to write to."""
        return self.phone is not None or self.phone_ref is not None

    def digest(self) -> str:
        """HMAC-SHA256 under the salt over plate and phone: 64 hex digits."""
        phone: dict[str, str | None] = {"phone": self.phone}
        if self.phone_ref is not None:
            phone = {"phone_ref": self.phone_ref}
        content = canonical_json({**phone, "plate": self.plate})
        return hmac.digest(bytes.fromhex(self.salt), content, "sha256").hex()

    def to_wire(self) -> dict[str, str | None]:
        """The record as it travels in the header of a sync request."""
        wire = {
            "ref": self.ref,
            "visit_id": self.visit_id,
            "plate": self.plate,
            "phone": self.phone,
            "salt": self.salt,
        }
        return wire if self.phone_ref is None else {**wire, "phone_ref": self.phone_ref}


def new_salt() -> str:
    """A fresh salt: 128 random bits as hex."""
    return secrets.token_hex(16)


_UUID = validate.Regexp(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class GuestSchema(Schema):
    """The wire form of a `Guest`."""

    class Meta:
        unknown = EXCLUDE

    ref = fields.String(required=True, validate=_UUID)
    visit_id = fields.String(required=True, validate=_UUID)
    plate = fields.String(required=True, validate=validate.Regexp(r"[A-Z0-9]{2,10}\Z"))
    phone = fields.String(
        required=True, allow_none=True, validate=validate.Regexp(r"\+[1-9][0-9]{6,14}\Z")
    )
    salt = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{32}\Z"))
    phone_ref = fields.String(load_default=None, allow_none=True, validate=_UUID)

    @post_load
    def _make(self, data: dict[str, object], **_kwargs: object) -> Guest:
        return Guest(
            ref=str(data["ref"]),
            visit_id=str(data["visit_id"]),
            plate=str(data["plate"]),
            phone=None if data["phone"] is None else str(data["phone"]),
            salt=str(data["salt"]),
            phone_ref=None if data["phone_ref"] is None else str(data["phone_ref"]),
        )
