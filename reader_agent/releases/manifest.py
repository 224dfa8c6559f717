"""What a release is: its version, every file with its SHA-256, and a signature over all of it.

The signature is Ed25519 (RFC 8032) over the manifest's bytes as they are in the archive, with a
line before them that says what is signed: a key that signs other things too cannot be tricked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from schemas.canonical import canonical_json

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
PROGRAM = "bin/valet-agent"
SIGNATURE_BYTES = 64
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
FILES_MAX = 20_000
RELEASE_BYTES_MAX = 512 * 1024 * 1024
_SIGNED_AS = b"valet-agent release v1\n"
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){1,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORM = 1


class ReleaseError(Exception):
    """A release cannot be made or taken. `code` is one of

    - `not_a_release`, `not_signed`, `damaged`: what came is not what somebody with our key made;
    - `wrong_machine`: made for another processor or another Python;
    - `too_old`, `was_bad`, `no_way_back`: it may not follow the release that is there;
    - `on_trial`: another release is being tried just now;
    - `no_room`, `key_exposed`, `key_broken`, `bad_tree`, `bad_address`, `out_of_reach`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a release. `size` in bytes."""

    sha256: str
    size: int
    is_program: bool


@dataclass(frozen=True, slots=True)
class MadeFor:
    """Where a release runs and what it may follow.

    `python` is such as `3.11`, `machine` such as `aarch64`, or `any`. `schema`: so many steps of
    the station's database it knows; `oldest_reader`: an agent that knows so many can work in what
    this one leaves behind.
    """

    python: str
    machine: str
    schema: int
    oldest_reader: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release's own description."""

    version: str
    made_for: MadeFor
    files: Mapping[str, Entry]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def as_bytes(self) -> bytes:
        """As it stands in the archive."""
        files = {name: asdict(entry) for name, entry in self.files.items()}
        return canonical_json(
            {
                "form": _FORM,
                "version": self.version,
                "files": files,
                **asdict(self.made_for),
            }
        )


def order_of(version: str) -> tuple[int, ...]:
    """By what versions are compared. Raises `ReleaseError("not_a_release")`."""
    if not _VERSION.fullmatch(version):
        raise ReleaseError("not_a_release", f"{version!r} is no version: write such as 2026.11.1")
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


def sign_manifest(raw: bytes, private_key: bytes) -> bytes:
    """The 64 bytes of the signature."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(_SIGNED_AS + raw)


def open_manifest(raw: bytes, signature: bytes, public_key: bytes) -> Manifest:
    """The manifest, if it was signed with the key and is one. Raises `ReleaseError`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _SIGNED_AS + raw)
    except (InvalidSignature, ValueError):
        raise ReleaseError(
            "not_signed", "the release was not signed with the key of this station, or was changed"
        ) from None
    return read_manifest(raw)


def read_manifest(raw: bytes) -> Manifest:
    """The manifest in its bytes, whoever signed it. Raises `ReleaseError("not_a_release")`."""
    try:
        told = json.loads(raw)
        if told["form"] != _FORM:
            raise ReleaseError("not_a_release", f"a manifest of form {told['form']} is not known")
        made_for = MadeFor(
            str(told["python"]),
            str(told["machine"]),
            int(told["schema"]),
            int(told["oldest_reader"]),
        )
        files = {str(name): _entry(entry) for name, entry in told["files"].items()}
        manifest = Manifest(str(told["version"]), made_for, files)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ReleaseError("not_a_release", "the manifest cannot be read") from None
    order_of(manifest.version)
    _check_names(manifest)
    return manifest


def _entry(told: Mapping[str, Any]) -> Entry:
    sha256, size = str(told["sha256"]), int(told["size"])
    if not _SHA256.fullmatch(sha256) or size < 0:
        raise ValueError
    return Entry(sha256, size, bool(told["is_program"]))


def _check_names(manifest: Manifest) -> None:
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) != name or name in _OURS:
            raise ReleaseError("not_a_release", f"{name!r} is no name of a file in a release")
    if len(manifest.files) > FILES_MAX or manifest.size > RELEASE_BYTES_MAX:
        raise ReleaseError("not_a_release", "the release is too big")
    program = manifest.files.get(PROGRAM)
    if program is None or not program.is_program:
        raise ReleaseError("not_a_release", f"the release has no {PROGRAM}")


_OURS = (MANIFEST, SIGNATURE, "")
