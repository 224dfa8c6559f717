"""What a device says of a passkey, checked: `webauthn`'s work, brought to a few plain values.

The library loads OpenSSL's bindings and makers' roots, so it is loaded only where somebody uses a
passkey.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

_ANSWER_CHARS_MAX = 20_000


class BadProof(Exception):
    """A device's answer does not hold; the message is for the log and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Site:
    """The relying party: its id is a host, its origin what browsers call it."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey: the credential's id, its public key (COSE) and the first count."""

    id: str
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Named:
    """Which passkey an answer says it is of, and the handle of whose it is, if it says so."""

    id: str
    handle: bytes | None


def text_of(data: bytes) -> str:
    """Base64url without padding, as WebAuthn writes bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_bytes(text: str) -> bytes:
    """The other way round. Raises `ValueError`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def made_passkey(site: Site, challenge: bytes, answer: str) -> Made:
    """The passkey that a device made for this challenge. Raises `BadProof`."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = verify_registration_response(
            credential=_document(answer, challenge),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as fault:
        raise BadProof(type(fault).__name__) from None
    return Made(text_of(found.credential_id), found.credential_public_key, found.sign_count)


def shown_passkey(
    site: Site, challenge: bytes, answer: str, public_key: bytes, sign_count: int
) -> int:
    """The new count of a passkey that signed this challenge. Raises `BadProof`, also where the
    count does not rise."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        found = verify_authentication_response(
            credential=_document(answer, challenge),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as fault:
        raise BadProof(type(fault).__name__) from None
    return found.new_sign_count


def named_passkey(answer: str) -> Named | None:
    """Which passkey it is to be; None for what is no answer at all."""
    try:
        document = _document(answer, b"?")
        handle = document["response"].get("userHandle")
        name = text_of(read_bytes(document["id"]))
        return Named(name, read_bytes(handle) if handle else None)
    except (BadProof, ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None


def _document(answer: str, challenge: bytes) -> dict[str, Any]:
    if not challenge:
        raise BadProof("no challenge, or one that is over")
    if len(answer) > _ANSWER_CHARS_MAX:
        raise BadProof("too long")
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        raise BadProof("no JSON") from None
    if not isinstance(document, dict):
        raise BadProof("no object")
    return document
