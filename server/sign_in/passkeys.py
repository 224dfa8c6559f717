"""Passkeys on the web (WebAuthn Level 3): one is made by who is signed in, and signs them in later.

A passkey stands for both factors: its device is what one has, and the device asks who one is (user
verification is required). It signs a challenge that is good once, for the browser that asked for
it. Origin and relying party are those of the public URL, whatever a request says of its host.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server.accounts import may_sign_in
from server.administration.record import (
    PASSKEY_ADDED,
    PASSKEY_REMOVED,
    PERSON,
    Act,
    Subject,
    note,
)
from server.config import Config
from server.master_key import MasterKey
from server.models import PasskeyChallengeRow, PasskeyRow, PersonRow
from server.sign_in import pins
from server.sign_in.passkey_proofs import (
    BadProof,
    Site,
    made_passkey,
    named_passkey,
    read_bytes,
    shown_passkey,
    text_of,
)

log = structlog.get_logger()

BY_PASSKEY: Final = "passkey"
NAME_CHARS: Final = 40
_CHALLENGE_BYTES = 32
_PORTS = {"https": 443, "http": 80}
# COSE algorithms (RFC 9053): EdDSA, ECDSA with SHA-256, RSA with SHA-256.
_ALGORITHMS = (-8, -7, -257)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of a passkey that was shown: whose it is if it is known, and whether it opens."""

    person_id: str | None
    is_right: bool


def site_of(config: Config) -> Site | None:
    """The site that passkeys are for; None where browsers know none: over plain HTTP but on
    localhost, and under a bare address."""
    parts = urlsplit(config.public_url)
    host = parts.hostname or ""
    is_safe = parts.scheme == "https" or host == "localhost"
    if not is_safe or _is_address(host):
        return None
    has_port = parts.port is not None and parts.port != _PORTS[parts.scheme]
    return Site(host, f"{parts.scheme}://{host}{f':{parts.port}' if has_port else ''}")


def passkeys_of(session: Session, person_id: str) -> Sequence[PasskeyRow]:
    """Somebody's passkeys, the oldest first."""
    rows = select(PasskeyRow).where(PasskeyRow.person_id == person_id)
    return session.scalars(rows.order_by(PasskeyRow.made_at, PasskeyRow.id)).all()


def begin_making(
    session: Session,
    config: Config,
    key: MasterKey,
    site: Site,
    person: PersonRow,
    token: str,
    now: datetime,
) -> dict[str, Any]:
    """What the browser of this session is to ask its device for, as JSON has it (WebAuthn, 5.1.9).
    Raises `Refusal("too_many_passkeys")` where there are `passkeys_max` already."""
    known = passkeys_of(session, person.id)
    if len(known) >= config.passkeys_max:
        raise Refusal("too_many_passkeys")
    return {
        "rp": {"id": site.rp_id, "name": site.rp_id},
        "user": {
            "id": text_of(_handle(key, person.id)),
            "name": person.id,
            "displayName": person.name,
        },
        "challenge": _challenge(session, config, "make", token, now),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in _ALGORITHMS],
        "timeout": config.sign_in_step_s * 1000,
        "excludeCredentials": [{"type": "public-key", "id": row.id} for row in known],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def make(
    session: Session, site: Site, person: PersonRow, token: str, name: str, answer: str, act: Act
) -> bool:
    """Keep the passkey that the device made; whether its answer held. Never raises for a bad one,
    so that the challenge is used up all the same."""
    challenge = _take(session, "make", token, act.now)
    try:
        made = made_passkey(site, challenge, answer)
    except BadProof as fault:
        log.warning("passkey_refused", person=person.id, why=str(fault))
        return False
    if session.get(PasskeyRow, made.id) is not None:
        log.warning("passkey_refused", person=person.id, why="is known already")
        return False
    session.add(
        PasskeyRow(
            id=made.id,
            person_id=person.id,
            public_key=text_of(made.public_key),
            sign_count=made.sign_count,
            name=name,
            made_at=act.now,
        )
    )
    note(session, act, _subject(person), PASSKEY_ADDED, None, {"name": name})
    return True


def begin_sign_in(
    session: Session, config: Config, site: Site, cookie: str, now: datetime
) -> dict[str, Any]:
    """What a browser that nobody has signed in with is to ask for: any passkey of this site."""
    return {
        "rpId": site.rp_id,
        "challenge": _challenge(session, config, "show", cookie, now),
        "timeout": config.sign_in_step_s * 1000,
        "userVerification": "required",
        "allowCredentials": [],
    }


def show(
    session: Session, key: MasterKey, site: Site, cookie: str, answer: str, now: datetime
) -> Shown:
    """Check what a device has signed. Never raises, as `make`: a challenge is good once."""
    challenge = _take(session, "show", cookie, now)
    named = named_passkey(answer)
    row = None if named is None else session.get(PasskeyRow, named.id, with_for_update=True)
    if named is None or row is None:
        return Shown(None, is_right=False)
    try:
        count = shown_passkey(site, challenge, answer, read_bytes(row.public_key), row.sign_count)
        if named.handle is not None and named.handle != _handle(key, row.person_id):
            raise BadProof("is of another person")
    except BadProof as fault:
        # A count that does not rise may be a copy of the device.
        log.warning("passkey_refused", person=row.person_id, why=str(fault))
        return Shown(row.person_id, is_right=False)
    person = session.get(PersonRow, row.person_id)
    if person is None or not may_sign_in(person) or pins.is_locked(session, person.id):
        return Shown(row.person_id, is_right=False)
    row.sign_count, row.used_at = count, now
    return Shown(person.id, is_right=True)


def remove(session: Session, person: PersonRow, passkey_id: str, act: Act) -> None:
    """One of somebody's passkeys opens nothing any more. Raises `Refusal("bad_choice")`."""
    row = session.get(PasskeyRow, passkey_id)
    if row is None or row.person_id != person.id:
        raise Refusal("bad_choice")
    session.delete(row)
    note(session, act, _subject(person), PASSKEY_REMOVED, {"name": row.name}, None)


def forget(session: Session, person_id: str) -> None:
    """None of somebody's passkeys opens anything any more."""
    session.execute(delete(PasskeyRow).where(PasskeyRow.person_id == person_id))


def _challenge(session: Session, config: Config, what: str, holder: str, now: datetime) -> str:
    """A new one for whoever holds this token; the one before is worth nothing any more."""
    digest = _digest(what, holder)
    session.execute(
        delete(PasskeyChallengeRow).where(
            (PasskeyChallengeRow.expires_at <= now) | (PasskeyChallengeRow.digest == digest)
        )
    )
    challenge = text_of(secrets.token_bytes(_CHALLENGE_BYTES))
    session.add(
        PasskeyChallengeRow(
            digest=digest,
            challenge=challenge,
            expires_at=now + timedelta(seconds=config.sign_in_step_s),
        )
    )
    return challenge


def _take(session: Session, what: str, holder: str, now: datetime) -> bytes:
    """The challenge that this holder was given, once; empty, which fits nothing, without one."""
    row = session.get(PasskeyChallengeRow, _digest(what, holder), with_for_update=True)
    if row is None:
        return b""
    session.delete(row)
    session.flush()
    return read_bytes(row.challenge) if row.expires_at > now else b""


def _digest(what: str, holder: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(f"passkey {what}\n{holder}".encode()).hexdigest()


def _handle(key: MasterKey, person_id: str) -> bytes:
    """What devices know somebody by, which says nothing of who it is (WebAuthn, 14.6.1)."""
    return key.derive("passkey-user", person_id)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _subject(person: PersonRow) -> Subject:
    return Subject(PERSON, person.id, person.name)
