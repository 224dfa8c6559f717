"""CRC_A of ISO/IEC 14443-3: the two bytes that end a frame to or from a 13.56 MHz card."""

from __future__ import annotations

_PRESET = 0x6363
_POLY = 0x8408  # x^16 + x^12 + x^5 + 1, mirrored: bits go out lowest first


def _of_byte(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ _POLY if value & 1 else value >> 1
    return value


_TABLE = tuple(_of_byte(value) for value in range(256))


def crc_a(data: bytes, preset: int = _PRESET) -> bytes:
    """The CRC_A of `data` in the order of the wire, low byte first: `50 00` gives `57 CD`.

    `preset` is what the register of an MFRC522 begins with; every frame of type A has 6363.
    """
    crc = preset
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def with_crc_a(data: bytes) -> bytes:
    """`data` as it goes on the air: with its CRC_A behind it."""
    return data + crc_a(data)


def without_crc_a(frame: bytes) -> bytes | None:
    """What stands before a right CRC_A; None for a frame too short to have one, or a wrong one."""
    if len(frame) < 3 or crc_a(frame[:-2]) != frame[-2:]:
        return None
    return frame[:-2]
