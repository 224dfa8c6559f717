"""How an NTAG 424 DNA is told to write its proof into its own link (SDM, data sheet 9.3).

The NDEF file holds the link with zeros where the card puts its digits, and the file's settings
say where those zeros are: offsets in bytes from the start of the file, the two bytes of its
length included. They are found in the file that is written, never typed in: a template that is
short of two zeros is the usual way to make a card that proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.cards.ndef import encode_uri, type4_file
from reader_agent.cards.ntag424 import NDEF_FILE_BYTES
from schemas.card_keys import FILE_SLOT, MASTER_SLOT, META_SLOT

PICC_DIGITS = 32
MAC_DIGITS = 16

FREE = 0xE
NOBODY = 0xF

_PICC_NAME = "?picc_data="
_MAC_NAME = "&cmac="
_SDM_ON = 0x40
_UID_COUNTER_ASCII = 0xC1


def access_rights(read: int, write: int, read_write: int, change: int) -> bytes:
    """Four rights, each a key slot, `FREE` or `NOBODY`, as they go to the card: the word
    read, write, read-write, change, least significant byte first."""
    return bytes([read_write << 4 | change, read << 4 | write])


OPEN_SETTINGS = bytes([0x00]) + access_rights(FREE, FREE, FREE, MASTER_SLOT)
"""As the factory leaves the NDEF file: no SDM, everybody may write, key 0 may change that."""


@dataclass(frozen=True, slots=True)
class LinkFile:
    """The NDEF file of a card: its bytes, and where the card's digits go."""

    content: bytes
    picc_at: int
    mac_at: int

    @property
    def settings(self) -> bytes:
        """The data of ChangeFileSettings: UID and counter enciphered with key 1, a MAC over
        nothing else with key 2, read by everybody, written and changed with key 0."""
        rights = access_rights(FREE, MASTER_SLOT, MASTER_SLOT, MASTER_SLOT)
        sdm_rights = access_rights(META_SLOT, FILE_SLOT, NOBODY, NOBODY)
        offsets = (self.picc_at, self.mac_at, self.mac_at)
        return (
            bytes([_SDM_ON])
            + rights
            + bytes([_UID_COUNTER_ASCII])
            + sdm_rights
            + b"".join(offset.to_bytes(3, "little") for offset in offsets)
        )


def link_file(url: str) -> LinkFile:
    """The file for a link that begins with `url`, which has no query of its own.

    Raises `ValueError` for a link that does not fit the card.
    """
    if "?" in url or "#" in url:
        raise ValueError("the card writes the query of its link: give it without one")
    text = f"{url}{_PICC_NAME}{'0' * PICC_DIGITS}{_MAC_NAME}{'0' * MAC_DIGITS}"
    content = type4_file(encode_uri(text))
    if len(content) > NDEF_FILE_BYTES:
        raise ValueError(f"the link takes {len(content)} bytes; the card has {NDEF_FILE_BYTES}")
    mac_at = len(content) - MAC_DIGITS
    return LinkFile(content, mac_at - len(_MAC_NAME) - PICC_DIGITS, mac_at)
