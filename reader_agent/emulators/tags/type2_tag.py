"""NFC Forum Type 2 tags: a plain MIFARE Ultralight and the NTAG213, 215 and 216.

Commands, memory, lock bits and NAK values: data sheets NTAG213/215/216 rev. 3.2 (sections 8.5 to
10) and MF0ICU1, as libfreefare, nfcpy (src/nfc/tag/tt2_nxp.py) and the ChameleonMini firmware
(NTAG21x.c) use them. Left out: the mirror of UID and counter into the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.emulators.tags.model import ACK, Nibble, Reply
from reader_agent.emulators.tags.ndef_uri import type2_tlv, uri_message
from reader_agent.emulators.tags.signatures import ntag21x_signature

PAGE_BYTES = 4
FIRST_USER_PAGE = 4

_READ, _WRITE, _COMPATIBILITY_WRITE = 0x30, 0xA2, 0xA0
_GET_VERSION, _FAST_READ, _READ_CNT = 0x60, 0x3A, 0x39
_PWD_AUTH, _READ_SIG = 0x1B, 0x3C
_LENGTHS = {_READ: 2, _WRITE: 6, _COMPATIBILITY_WRITE: 2}
_NTAG_LENGTHS = {
    **_LENGTHS,
    _GET_VERSION: 1,
    _FAST_READ: 3,
    _READ_CNT: 2,
    _PWD_AUTH: 5,
    _READ_SIG: 2,
}

_NAK_ARGUMENT = Nibble(0x0)
_NAK_TOO_MANY_FAILURES = Nibble(0x4)

_UNPROTECTED = 0xFF
_PROT, _CFGLCK, _CNT_ENABLED, _CNT_PROTECTED = 0x80, 0x40, 0x10, 0x08
_AUTHLIM = 0x07
_COUNTER_TOP = 0xFFFFFF


@dataclass(frozen=True, slots=True)
class Chip:
    """What tells one Type 2 chip from another. `user` is the factory content from page 4 on;
    `lock_span` is how many pages one dynamic lock bit locks; `version` is None on a chip that
    has none of the commands of the NTAG21x."""

    pages: int
    cc: bytes
    user: bytes
    lock_page: int | None = None
    lock_span: int = 0
    version: bytes | None = None

    @property
    def first_page_after_user(self) -> int:
        """Where user memory ends."""
        return self.pages if self.lock_page is None else self.lock_page


_EMPTY = bytes.fromhex("0300FE00")

ULTRALIGHT = Chip(16, bytes.fromhex("E1100600"), _EMPTY)
NTAG213 = Chip(
    pages=45,
    cc=bytes.fromhex("E1101200"),
    user=bytes.fromhex("0103A00C340300FE"),  # a lock control TLV stands before the message
    lock_page=40,
    lock_span=2,
    version=bytes.fromhex("0004040201000F03"),
)
NTAG215 = Chip(
    pages=135,
    cc=bytes.fromhex("E1103E00"),
    user=_EMPTY,
    lock_page=130,
    lock_span=16,
    version=bytes.fromhex("0004040201001103"),
)
NTAG216 = Chip(
    pages=231,
    cc=bytes.fromhex("E1106D00"),
    user=_EMPTY,
    lock_page=226,
    lock_span=16,
    version=bytes.fromhex("0004040201001303"),
)


class Type2Tag:
    """One tag. `url` is written as its NDEF message; without one the message is empty, as from
    the factory. Without a `signature` the tag has the one that `signatures` knows. `counter` is
    what READ_CNT begins with."""

    def __init__(
        self,
        uid: bytes,
        chip: Chip = NTAG215,
        *,
        url: str | None = None,
        signature: bytes | None = None,
        counter: int = 0,
    ) -> None:
        assert len(uid) in (7, 10)
        self.uid = uid
        self.atqa = b"\x44\x00" if len(uid) == 7 else b"\x84\x00"
        self.sak = 0x00
        self.ats: bytes | None = None
        self.chip = chip
        self.memory = bytearray(chip.pages * PAGE_BYTES)
        self.memory[:10] = _uid_bytes(uid)
        self.memory[12:16] = chip.cc
        self.memory[16 : 16 + len(chip.user)] = chip.user
        if chip.lock_page is not None:
            config = bytes.fromhex("000000BD 040000FF 00050000 FFFFFFFF 00000000")
            self.memory[chip.lock_page * PAGE_BYTES :] = config
        if url is not None:
            self.store(uri_message(url))
        self.signature = ntag21x_signature(uid) if signature is None else signature
        self.counter = counter
        self.failed_passwords = 0
        self._is_counted = False
        self.select()

    def store(self, message: bytes) -> None:
        """Put an NDEF message where the empty one of the factory lies."""
        tlv = type2_tlv(message)
        at = FIRST_USER_PAGE * PAGE_BYTES + self.chip.user.index(b"\x03\x00")
        if at + len(tlv) > self.chip.first_page_after_user * PAGE_BYTES:
            raise ValueError("this message is too long for this tag")
        self.memory[at : at + len(tlv)] = tlv

    def select(self) -> None:
        """Selected anew: the password must be given again, and a changed configuration holds."""
        self._is_open = False
        self._write_to: int | None = None
        self._auth0, self._access = _UNPROTECTED, 0
        if self.chip.lock_page is not None:
            config = (self.chip.lock_page + 1) * PAGE_BYTES
            self._auth0 = self.memory[config + 3]
            self._access = self.memory[config + 4]

    def field_off(self) -> None:
        """The field went away; the counter counts again at the first read in the next one."""
        self.select()
        self._is_counted = False

    def authenticate(self, command: int, block: int, key: bytes) -> bool:
        """False: it has no sectors."""
        return False

    def apdu(self, data: bytes) -> bytes:
        """Nothing: it speaks no APDUs."""
        raise AssertionError("a Type 2 tag has no ATS, so nobody sends it an APDU")

    def command(self, data: bytes) -> Reply:
        """Answer a command; silence for one that this chip does not have."""
        reply = self._answer(data)
        if reply is None or (isinstance(reply, Nibble) and reply != ACK):
            self.select()
        return reply

    def _answer(self, data: bytes) -> Reply:
        if self._write_to is not None:
            page, self._write_to = self._write_to, None
            return self._write(page, data[:PAGE_BYTES]) if len(data) == 16 else None
        lengths = _LENGTHS if self.chip.version is None else _NTAG_LENGTHS
        if not data or lengths.get(data[0]) != len(data):
            return None
        match data[0]:
            case 0x30:
                return self._read(data[1])
            case 0xA2:
                return self._write(data[1], data[2:])
            case 0xA0:
                return self._begin_compatibility_write(data[1])
            case 0x60:
                return self.chip.version
            case 0x3A:
                return self._fast_read(data[1], data[2])
            case 0x39:
                return self._read_counter(data[1])
            case 0x1B:
                return self._open(data[1:])
        return self.signature if data[1] == 0x00 else _NAK_ARGUMENT

    # Reading

    def _read(self, page: int) -> Reply:
        end = self.chip.pages
        if self._access & _PROT and not self._is_open:
            end = min(end, self._auth0)  # what is protected is not there, also for the wrap
        if page >= end:
            return _NAK_ARGUMENT
        self._count()
        return b"".join(self._shown((page + ahead) % end) for ahead in range(4))

    def _fast_read(self, first: int, last: int) -> Reply:
        if not first <= last < self.chip.pages:
            return _NAK_ARGUMENT
        if self._access & _PROT and not self._is_open and last >= self._auth0:
            return _NAK_ARGUMENT
        self._count()
        return b"".join(self._shown(page) for page in range(first, last + 1))

    def _shown(self, page: int) -> bytes:
        if self.chip.lock_page is not None and page >= self.chip.lock_page + 3:
            return bytes(PAGE_BYTES)  # password and PACK are never told
        return bytes(self.memory[page * PAGE_BYTES :][:PAGE_BYTES])

    def _count(self) -> None:
        if self._access & _CNT_ENABLED and not self._is_counted:
            self.counter = min(self.counter + 1, _COUNTER_TOP)
        self._is_counted = True

    def _read_counter(self, number: int) -> Reply:
        is_closed = self._access & _CNT_PROTECTED and not self._is_open
        if number != 0x02 or not self._access & _CNT_ENABLED or is_closed:
            return _NAK_ARGUMENT
        return self.counter.to_bytes(3, "little")

    # Writing

    def _begin_compatibility_write(self, page: int) -> Reply:
        if not self._may_write(page):
            return _NAK_ARGUMENT
        self._write_to = page
        return ACK

    def _write(self, page: int, data: bytes) -> Reply:
        if not self._may_write(page):
            return _NAK_ARGUMENT
        at = page * PAGE_BYTES
        old = self.memory[at : at + PAGE_BYTES]
        if page == 2:
            data = bytes(old[:2]) + self._new_locks(old, data)
        elif page == 3:
            data = _or(old, data)
        elif page == self.chip.lock_page:
            data = _or(old[:3], data[:3]) + bytes(old[3:])
        self.memory[at : at + PAGE_BYTES] = data
        return ACK

    def _may_write(self, page: int) -> bool:
        if not 2 <= page < self.chip.pages or self._is_locked(page):
            return False
        return self._is_open or page < self._auth0

    def _is_locked(self, page: int) -> bool:
        locks = self.memory[10] | self.memory[11] << 8
        if 3 <= page < 16:
            return bool(locks >> page & 1)
        lock_page = self.chip.lock_page
        if lock_page is None or page < 16 or page == lock_page:
            return False
        if page < lock_page:
            return bool(self._dynamic_locks() >> (page - 16) // self.chip.lock_span & 1)
        config = (lock_page + 1) * PAGE_BYTES
        is_frozen = bool(self.memory[config + 4] & _CFGLCK)
        return is_frozen and page < lock_page + 3

    def _dynamic_locks(self) -> int:
        assert self.chip.lock_page is not None
        return int.from_bytes(self.memory[self.chip.lock_page * PAGE_BYTES :][:2], "little")

    def _new_locks(self, old: bytearray, data: bytes) -> bytes:
        """The static lock bytes after a write: bits are only set, and not where bits 0 to 2 of
        the first byte say that they stay as they are (page 3, pages 4 to 9, pages 10 to 15)."""
        now = old[2] | old[3] << 8
        frozen = sum(
            mask for bit, mask in ((0, 0x0008), (1, 0x03F0), (2, 0xFC00)) if now >> bit & 1
        )
        asked = data[2] | data[3] << 8
        return (now | asked & ~frozen).to_bytes(2, "little")

    # The password

    def _open(self, password: bytes) -> Reply:
        assert self.chip.lock_page is not None
        limit = self._access & _AUTHLIM
        if limit and self.failed_passwords >= limit:
            return _NAK_TOO_MANY_FAILURES
        at = (self.chip.lock_page + 3) * PAGE_BYTES
        if password != self.memory[at : at + PAGE_BYTES]:
            self.failed_passwords += 1
            return _NAK_ARGUMENT
        self.failed_passwords = 0
        self._is_open = True
        return bytes(self.memory[at + 4 : at + 6])


def _or(old: bytes | bytearray, data: bytes) -> bytes:
    return bytes(before | asked for before, asked in zip(old, data, strict=True))


def _uid_bytes(uid: bytes) -> bytes:
    """Pages 0 to 2 up to the lock bytes: the UID with its check bytes, and 48 (internal)."""
    if len(uid) == 10:
        return uid  # no chip of this kind is sold: only its anticollision matters
    first, second = uid[:3], uid[3:]
    bcc0 = 0x88 ^ first[0] ^ first[1] ^ first[2]
    bcc1 = second[0] ^ second[1] ^ second[2] ^ second[3]
    return first + bytes([bcc0]) + second + bytes([bcc1, 0x48])
