"""Signatures of a station's requests: Ed25519 (RFC 8032) over what was sent and when.

Headers: `Valet-Station` (id), `Valet-Time` (Unix seconds as the station believes them),
`Valet-Nonce` (32 hex digits), `Valet-Signature` (128 hex digits). The signature covers
method, path, SHA-256 of the body, station, time and nonce, each on its own line.

A nonce is taken once. A time that is too far from the cloud's is answered with the cloud's own
(problem `clock`, member `server_time` in Unix seconds), for the next signature and nothing else: a
Raspberry Pi without a network time must be able to speak.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

STATION_HEADER = "Valet-Station"
TIME_HEADER = "Valet-Time"
NONCE_HEADER = "Valet-Nonce"
SIGNATURE_HEADER = "Valet-Signature"
NONCE_HEX_DIGITS = 32


def new_private_key() -> bytes:
    """A fresh Ed25519 private key: 32 raw bytes."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """The 32 raw bytes of the public key that belongs to a private one."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def sign(
    private_key: bytes, station_id: str, method: str, path: str, body: bytes, unix_s: int
) -> dict[str, str]:
    """The headers that sign one request."""
    nonce = secrets.token_hex(NONCE_HEX_DIGITS // 2)
    message = _message(method, path, body, station_id, str(unix_s), nonce)
    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(message)
    return {
        STATION_HEADER: station_id,
        TIME_HEADER: str(unix_s),
        NONCE_HEADER: nonce,
        SIGNATURE_HEADER: signature.hex(),
    }


def is_signed(
    public_key: bytes, headers: Mapping[str, str], method: str, path: str, body: bytes
) -> bool:
    """Whether the headers hold a signature of this request by the owner of `public_key`."""
    message = _message(
        method,
        path,
        body,
        headers.get(STATION_HEADER, ""),
        headers.get(TIME_HEADER, ""),
        headers.get(NONCE_HEADER, ""),
    )
    try:
        signature = bytes.fromhex(headers.get(SIGNATURE_HEADER, ""))
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign_next_key(next_private_key: bytes, station_id: str, public_key: bytes) -> str:
    """Hex digits that prove that whoever announces its next key has it: signed with the next key
    over the station, its present public key and the next one."""
    message = _next_key_message(station_id, public_key, public_key_of(next_private_key))
    return Ed25519PrivateKey.from_private_bytes(next_private_key).sign(message).hex()


def is_next_key_signed(
    next_public_key: bytes, signature: str, station_id: str, public_key: bytes
) -> bool:
    """Whether `signature` is what `sign_next_key` gives for these keys."""
    message = _next_key_message(station_id, public_key, next_public_key)
    try:
        Ed25519PublicKey.from_public_bytes(next_public_key).verify(
            bytes.fromhex(signature), message
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def _next_key_message(station_id: str, public_key: bytes, next_public_key: bytes) -> bytes:
    return f"next-key\n{station_id}\n{public_key.hex()}\n{next_public_key.hex()}".encode()


def _message(method: str, path: str, body: bytes, *rest: str) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join((method, path, digest, *rest)).encode()
