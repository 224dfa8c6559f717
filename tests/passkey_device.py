"""A device that makes and shows passkeys, made of software: what a browser would answer for it.

WebAuthn Level 3: authenticator data (6.1), attestation "none" (8.7), client data (5.8.1). Every
part of what it says can be made wrong.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from server.sign_in.passkey_proofs import read_bytes, text_of

_PRESENT, _VERIFIED, _HAS_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class Device:
    """One with one passkey. `is_verified`: it has asked who its owner is; `step`: by how much it
    counts on at each use."""

    origin: str
    count: int = 0
    step: int = 1
    is_verified: bool = True
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    handle: bytes = b""
    rp_id: str = ""

    def make(self, options: Mapping[str, Any]) -> str:
        """Answer a page that asks for a new passkey."""
        self.handle, self.rp_id = read_bytes(options["user"]["id"]), options["rp"]["id"]
        numbers = self.key.public_key().public_numbers()
        # COSE: EC2, ES256, P-256 and the point (RFC 9053, 7.1.1).
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        public_key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public_key
        said = {"fmt": "none", "attStmt": {}, "authData": self._data(_HAS_CREDENTIAL) + credential}
        return self._answer(
            clientDataJSON=self._client("webauthn.create", options["challenge"]),
            attestationObject=cbor2.dumps(said),
        )

    def show(self, options: Mapping[str, Any]) -> str:
        """Answer a page that asks for a passkey."""
        self.rp_id = options["rpId"]
        self.count += self.step
        data, client = self._data(0), self._client("webauthn.get", options["challenge"])
        signed = data + hashlib.sha256(client).digest()
        return self._answer(
            clientDataJSON=client,
            authenticatorData=data,
            signature=self.key.sign(signed, ec.ECDSA(hashes.SHA256())),
            userHandle=self.handle,
        )

    def _data(self, flags: int) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.is_verified else 0)
        rp_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_hash + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: bytes) -> str:
        name = text_of(self.id)
        said = {part: text_of(data) for part, data in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": said})
