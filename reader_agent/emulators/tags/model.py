"""What a tag is to an emulated reader, above the anticollision.

`iso14443a.RadioTag` puts one of these behind the radio protocol, bit by bit, for the emulated
MFRC522. The emulated PN532 does that protocol in its firmware and talks to the model directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Nibble:
    """A 4-bit answer: A is ACK, the others are NAKs. It has no CRC."""

    value: int


ACK = Nibble(0xA)

Reply: TypeAlias = bytes | Nibble | None
"""Bytes without their CRC; None is silence, after which a tag is no longer selected."""


class TagModel(Protocol):
    """A tag that has been selected. Its memory lives on when it leaves the field."""

    uid: bytes
    """4, 7 or 10 bytes."""
    atqa: bytes
    """Two bytes in the order of the wire."""
    sak: int
    """The last one, for the whole UID."""
    ats: bytes | None
    """With its length byte; None where the tag does not speak ISO 14443-4."""

    def select(self) -> None:
        """The tag was selected anew: forget authentications and half-done commands."""

    def field_off(self) -> None:
        """The field went away: forget all that is in no memory. A tag with a random UID makes up
        a new one."""

    def command(self, data: bytes) -> Reply:
        """Answer a command that is no APDU: Type 2 and MIFARE Classic, without its CRC."""

    def apdu(self, data: bytes) -> bytes:
        """Answer an APDU; only where `ats` is not None."""

    def authenticate(self, command: int, block: int, key: bytes) -> bool:
        """MIFARE Classic: whether `key` is key A (60) or B (61) of the sector of `block`, which
        opens that sector and no other. False on any other tag."""
