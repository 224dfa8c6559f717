"""Reading and writing the link of a Type 4 tag: NTAG 424 DNA, DESFire with an NDEF application.

NFC Forum "Type 4 Tag" over ISO/IEC 7816-4: the application is selected by name, the capability
container (file E103) says which file holds the message and how much may be read at once, and that
file begins with the length of the message (NLEN). These commands go in clear, and an NTAG 424 DNA
takes them only while nobody is authenticated; selecting the application ends any session
(data sheet NT4H2421Gx section 10.9).
"""

from __future__ import annotations

from reader_agent.cards.conversation import Talk
from reader_agent.cards.status import ISO_OK, checked

NDEF_APPLICATION = bytes.fromhex("D2760000850101")
CC_FILE = 0xE103
PIECE_BYTES = 48
"""The most that is read or written at once: with everything round it, it must fit the 64 bytes
that an MFRC522 holds."""
LONGEST_MESSAGE = 1024
"""A longer message is not ours, and reading it would hold up the reader."""

_CC_BYTES = 15
_NDEF_FILE_CONTROL = bytes.fromhex("0406")


def select_application() -> Talk[None]:
    """Select the NDEF application."""
    name = NDEF_APPLICATION
    answer = yield bytes([0x00, 0xA4, 0x04, 0x00, len(name)]) + name + b"\x00"
    checked(answer, "selecting the NDEF application", ISO_OK)


def select_file(file_id: int) -> Talk[None]:
    """Select a file of the application."""
    answer = yield bytes.fromhex("00A4000C02") + file_id.to_bytes(2)
    checked(answer, f"selecting file {file_id:04X}", ISO_OK)


def read_binary(offset: int, length: int) -> Talk[bytes]:
    """Up to `length` bytes of the selected file; fewer where it ends."""
    answer = yield bytes([0x00, 0xB0]) + offset.to_bytes(2) + bytes([length])
    return checked(answer, f"reading at {offset}", ISO_OK)[:length]


def update_binary(offset: int, data: bytes) -> Talk[None]:
    """Write into the selected file."""
    answer = yield bytes([0x00, 0xD6]) + offset.to_bytes(2) + bytes([len(data)]) + data
    checked(answer, f"writing at {offset}", ISO_OK)


def read_message() -> Talk[bytes | None]:
    """The tag's NDEF message; None if it has none that anybody may read."""
    yield from select_application()
    yield from select_file(CC_FILE)
    container = yield from _read(0, 2, 2)
    if container is None:
        return None
    rest = yield from _read(2, min(int.from_bytes(container), _CC_BYTES) - 2, PIECE_BYTES)
    if rest is None or len(rest) < _CC_BYTES - 2:
        return None
    # Behind the length: mapping version, MLe, MLc, then T L file-id size read-access write-access.
    # Whether it may be read is left to the card to say: some write a limit there and have none.
    if rest[5:7] != _NDEF_FILE_CONTROL:
        return None
    piece = min(int.from_bytes(rest[1:3]), PIECE_BYTES)
    size = int.from_bytes(rest[9:11])
    yield from select_file(int.from_bytes(rest[7:9]))
    nlen = yield from _read(0, 2, 2)
    if nlen is None or piece == 0:
        return None
    length = int.from_bytes(nlen)
    if not 0 < length <= min(size - 2, LONGEST_MESSAGE):
        return None
    return (yield from _read(2, length, piece))


def write_message(file_id: int, content: bytes) -> Talk[None]:
    """Write a file that begins with its NLEN. The length is nil while the rest is written, so a
    tag that is taken away half-way is empty, and not full of half a link."""
    yield from select_file(file_id)
    yield from update_binary(0, bytes(2))
    for at in range(2, len(content), PIECE_BYTES):
        yield from update_binary(at, content[at : at + PIECE_BYTES])
    yield from update_binary(0, content[:2])


def _read(offset: int, length: int, piece: int) -> Talk[bytes | None]:
    """Exactly `length` bytes in pieces; None where the file ends before."""
    data = b""
    while len(data) < length:
        part = yield from read_binary(offset + len(data), min(piece, length - len(data)))
        if not part:
            return None
        data += part
    return data
