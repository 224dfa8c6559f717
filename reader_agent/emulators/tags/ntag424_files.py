"""The three files of an NTAG 424 DNA and what their settings allow.

Layout of the settings, factory values and what is refused: NXP data sheet NT4H2421Gx rev. 3.0,
sections 8.2.3 and 10.7.1 (tables 69, 71 and 73). Numbers in settings are least significant byte
first; access rights are nibbles: 0 to 4 a key, E free, F never.
"""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass

FREE, NEVER = 0xE, 0xF
KEY_COUNT = 5

UID_DIGITS, COUNTER_DIGITS, PICC_DIGITS, MAC_DIGITS = 14, 6, 32, 16
COUNTER_TOP = 0xFFFFFF
NOT_MIRRORED = 0xFFFFFF

_SDM_ON = 0x40
_OPTION_BITS = _SDM_ON | 0x03
_UID, _COUNTER, _LIMIT, _ENC, _ASCII = 0x80, 0x40, 0x20, 0x10, 0x01
_SDM_RFU = 0x0E


class CommMode(enum.IntEnum):
    """How what is said about a file is protected once authenticated."""

    PLAIN = 0
    MAC = 1
    FULL = 3


class BadSettings(ValueError):
    """Settings that no card takes. `is_length` tells a wrong length from a wrong value."""

    def __init__(self, *, is_length: bool = False) -> None:
        super().__init__("length" if is_length else "value")
        self.is_length = is_length


@dataclass(frozen=True, slots=True)
class Rights:
    """Who may do what with a file: one nibble each."""

    read: int
    write: int
    read_write: int
    change: int

    @classmethod
    def parse(cls, data: bytes) -> Rights:
        """From the two bytes of AccessRights. Raises `BadSettings`."""
        rights = cls(data[1] >> 4, data[1] & 0xF, data[0] >> 4, data[0] & 0xF)
        for nibble in (rights.read, rights.write, rights.read_write, rights.change):
            _check(nibble < KEY_COUNT or nibble in (FREE, NEVER))
        return rights

    def to_bytes(self) -> bytes:
        """As GetFileSettings tells them."""
        return bytes([self.read_write << 4 | self.change, self.read << 4 | self.write])


@dataclass(frozen=True, slots=True)
class Mirror:
    """Secure Dynamic Messaging of a file: what is written into it as it is read, and where.

    `options` is SDMOptions as it stands. An offset is None where its part is not mirrored.
    """

    options: int
    meta_read: int
    file_read: int
    counter_read: int
    uid_at: int | None = None
    counter_at: int | None = None
    picc_at: int | None = None
    mac_from: int | None = None
    enc_at: int | None = None
    enc_digits: int = 0
    mac_at: int | None = None
    limit: int | None = None

    @property
    def has_uid(self) -> bool:
        """Whether the UID is mirrored."""
        return bool(self.options & _UID)

    @property
    def has_counter(self) -> bool:
        """Whether readings are counted."""
        return bool(self.options & _COUNTER)

    @classmethod
    def parse(cls, data: bytes) -> Mirror:
        """From SDMOptions on. Raises `BadSettings`."""
        if len(data) < 3:
            raise BadSettings(is_length=True)
        options, counter_read = data[0], data[1] & 0xF
        meta_read, file_read = data[2] >> 4, data[2] & 0xF
        numbers = _Numbers(data[3:])
        is_clear, is_macked = meta_read == FREE, file_read != NEVER
        is_enciphered = is_macked and bool(options & _ENC)
        mirror = cls(
            options,
            meta_read,
            file_read,
            counter_read,
            uid_at=numbers.next_if(is_clear and bool(options & _UID)),
            counter_at=numbers.next_if(is_clear and bool(options & _COUNTER)),
            picc_at=numbers.next_if(meta_read < KEY_COUNT),
            mac_from=numbers.next_if(is_macked),
            enc_at=numbers.next_if(is_enciphered),
            enc_digits=numbers.next_if(is_enciphered) or 0,
            mac_at=numbers.next_if(is_macked),
            limit=numbers.next_if(bool(options & _LIMIT)),
        )
        numbers.check_end()
        return mirror

    def to_bytes(self) -> bytes:
        """As GetFileSettings tells it."""
        data = bytes([self.options, 0xF0 | self.counter_read, self.meta_read << 4 | self.file_read])
        enc_digits = None if self.enc_at is None else self.enc_digits
        for number in (
            *(self.uid_at, self.counter_at, self.picc_at, self.mac_from),
            *(self.enc_at, enc_digits, self.mac_at, self.limit),
        ):
            if number is not None:
                data += number.to_bytes(3, "little")
        return data

    def check(self, size: int, counter: int) -> None:
        """Raises `BadSettings` for what a card refuses for a file of `size` bytes that was read
        `counter` times (table 71)."""
        _check(not self.options & _SDM_RFU and bool(self.options & _ASCII))
        _check(self.meta_read < KEY_COUNT or self.meta_read in (FREE, NEVER))
        _check(self.file_read < KEY_COUNT or self.file_read == NEVER)
        _check(self.counter_read < KEY_COUNT or self.counter_read in (FREE, NEVER))
        _check(self.meta_read == NEVER or self.has_uid or self.has_counter)
        _check(self.meta_read != NEVER or not self.has_uid)
        _check(self.counter_read == NEVER or self.has_counter)
        if self.options & _ENC:
            _check(self.file_read != NEVER and self.has_uid and self.has_counter)
        if self.limit is not None:
            _check(self.has_counter and self.limit > counter)
        self._check_places(size)

    def _check_places(self, size: int) -> None:
        places = [
            (at, length)
            for at, length in (
                (self.uid_at, UID_DIGITS),
                (None if self.counter_at == NOT_MIRRORED else self.counter_at, COUNTER_DIGITS),
                (self.picc_at, PICC_DIGITS),
                (self.enc_at, self.enc_digits),
                (self.mac_at, MAC_DIGITS),
            )
            if at is not None
        ]
        for at, length in places:
            _check(at + length <= size)
        places.sort()
        for (before, length), (after, _) in itertools.pairwise(places):
            _check(before + length <= after)
        if self.mac_at is not None and self.mac_from is not None:
            _check(self.mac_from <= self.mac_at)
            if self.enc_at is not None:
                _check(self.enc_digits >= 32 and self.enc_digits % 32 == 0)
                _check(self.mac_from <= self.enc_at)
                _check(self.enc_at + self.enc_digits <= self.mac_at)


@dataclass(frozen=True, slots=True)
class Settings:
    """What GetFileSettings tells of a file, without its size."""

    mode: CommMode
    rights: Rights
    mirror: Mirror | None = None

    @classmethod
    def parse(cls, data: bytes) -> Settings:
        """From FileOption on, as ChangeFileSettings brings it. Raises `BadSettings`."""
        if len(data) < 3:
            raise BadSettings(is_length=True)
        option = data[0]
        _check(not option & ~_OPTION_BITS)
        mode = CommMode.PLAIN if option & 0x03 == 0x02 else CommMode(option & 0x03)
        rights = Rights.parse(data[1:3])
        if option & _SDM_ON:
            return cls(mode, rights, Mirror.parse(data[3:]))
        if len(data) != 3:
            raise BadSettings(is_length=True)
        return cls(mode, rights)

    def to_bytes(self, size: int) -> bytes:
        """As GetFileSettings tells them, of a file of `size` bytes."""
        option = self.mode | (_SDM_ON if self.mirror else 0)
        mirror = self.mirror.to_bytes() if self.mirror else b""
        head = bytes([0x00, option]) + self.rights.to_bytes()
        return head + size.to_bytes(3, "little") + mirror


@dataclass(slots=True)
class DataFile:
    """One file. `counter` is SDMReadCtr."""

    number: int
    iso_id: bytes
    content: bytearray
    settings: Settings
    counter: int = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.content)

    def change(self, settings: Settings) -> None:
        """Take new settings; readings are counted anew if mirroring was off and is on now.
        Raises `BadSettings`."""
        was_on = self.settings.mirror is not None
        if settings.mirror is not None:
            settings.mirror.check(self.size, self.counter if was_on else 0)
            if not was_on:
                self.counter = 0
        self.settings = settings


def factory_files() -> dict[int, DataFile]:
    """Capability container, NDEF file and proprietary file, by number."""
    container = bytes.fromhex("001720010000FF0406E104010000000506E10500808283")
    return {
        1: _file(1, container.ljust(32, b"\x00"), CommMode.PLAIN, "00E0"),
        2: _file(2, bytes(256), CommMode.PLAIN, "E0EE"),
        3: _file(3, b"\x00\x7e".ljust(128, b"\x00"), CommMode.FULL, "3023"),
    }


def _file(number: int, content: bytes, mode: CommMode, rights: str) -> DataFile:
    settings = Settings(mode, Rights.parse(bytes.fromhex(rights)))
    return DataFile(number, bytes([0xE1, 0x02 + number]), bytearray(content), settings)


class _Numbers:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def next_if(self, is_there: bool) -> int | None:
        if not is_there:
            return None
        if len(self._data) < 3:
            raise BadSettings(is_length=True)
        number, self._data = self._data[:3], self._data[3:]
        return int.from_bytes(number, "little")

    def check_end(self) -> None:
        if self._data:
            raise BadSettings(is_length=True)


def _check(holds: bool) -> None:
    if not holds:
        raise BadSettings
