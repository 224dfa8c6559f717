"""APDUs with short lengths (ISO/IEC 7816-4), as the emulated cards that speak them read them."""

from __future__ import annotations

from dataclasses import dataclass

NATIVE_CLASS = 0x90


@dataclass(frozen=True, slots=True)
class APDU:
    """A command. `le` is what it says of the length of the answer; None where it says nothing,
    0 where it wants all there is."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None

    @property
    def is_native(self) -> bool:
        """Whether a command of the chip is wrapped in it."""
        return self.cla == NATIVE_CLASS


def parse_apdu(raw: bytes) -> APDU | None:
    """None if the lengths do not fit each other, or are extended ones."""
    if len(raw) < 4:
        return None
    cla, ins, p1, p2, *_ = raw
    body = raw[4:]
    if len(body) < 2:
        return APDU(cla, ins, p1, p2, b"", body[0] if body else None)
    count, rest = body[0], body[1:]
    if count == 0 or len(rest) not in (count, count + 1):
        return None
    return APDU(cla, ins, p1, p2, rest[:count], rest[count] if len(rest) > count else None)


def iso_answer(status: int) -> bytes:
    """A status word of ISO/IEC 7816-4."""
    return status.to_bytes(2, "big")
