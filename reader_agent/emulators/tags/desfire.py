"""A card that looks like a MIFARE DESFire EV1 4K: it speaks APDUs, and none that we have use for.

GetVersion in three frames, wrapped (90 60) and bare (60), as public test suites of DESFire
libraries quote it from real cards; every other native command is refused with 7E, and everything
of ISO/IEC 7816-4 with 6A82 or 6D00. It has no NDEF application.
"""

from __future__ import annotations

from reader_agent.emulators.tags.model import Reply
from reader_agent.emulators.tags.ntag424_apdu import iso_answer, parse_apdu

_GET_VERSION, _MORE = 0x60, 0xAF
_OK, _ILLEGAL_COMMAND, _LENGTH_ERROR = 0x00, 0x1C, 0x7E
_HARDWARE = bytes.fromhex("04010101001805")
_SOFTWARE = bytes.fromhex("04010101041805")
_BATCH = bytes.fromhex("BA54A4AB803210")


class Desfire:
    """One card with a UID of 7 bytes."""

    def __init__(self, uid: bytes) -> None:
        assert len(uid) == 7
        self.uid = uid
        self.atqa = b"\x44\x03"
        self.sak = 0x20
        self.ats: bytes | None = bytes.fromhex("067577810280")
        self._version_parts: list[bytes] = []

    def select(self) -> None:
        """Selected anew: a half-told version is forgotten."""
        self._version_parts = []

    def field_off(self) -> None:
        """The field went away."""
        self.select()

    def command(self, data: bytes) -> Reply:
        """Silence: before its activation it knows none."""
        return None

    def authenticate(self, command: int, block: int, key: bytes) -> bool:
        """False: it has no sectors."""
        return False

    def apdu(self, data: bytes) -> bytes:
        """Answer an APDU, or a native command as it is: then the status stands in front."""
        if data[:1] not in (b"\x00", b"\x90"):
            answer, status = self._native(data[0] if data else 0, data[1:])
            return bytes([status]) + answer
        said = parse_apdu(data)
        if data[0] == 0x90:
            if said is None:
                return bytes([0x91, _LENGTH_ERROR])
            answer, status = self._native(said.ins, said.data)
            return answer + bytes([0x91, status])
        if said is None:
            return iso_answer(0x6700)
        if said.cla != 0x00:
            return iso_answer(0x6E00)
        return iso_answer(0x6A82 if said.ins == 0xA4 else 0x6D00)

    def _native(self, ins: int, body: bytes) -> tuple[bytes, int]:
        if ins == _GET_VERSION and not body:
            self._version_parts = [_SOFTWARE, self.uid + _BATCH]
            return _HARDWARE, _MORE
        if ins == _MORE and not body and self._version_parts:
            part = self._version_parts.pop(0)
            return part, _MORE if self._version_parts else _OK
        self._version_parts = []
        return b"", _ILLEGAL_COMMAND if ins == _MORE else _LENGTH_ERROR
