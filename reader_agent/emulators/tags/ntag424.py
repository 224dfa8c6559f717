"""An NTAG 424 DNA: a Type 4 tag whose link proves itself, and which only its keys can change.

Commands, status words and files: NXP data sheet NT4H2421Gx rev. 3.0, section 10; Read_Sig and its
status word 9190 as real cards answer it (AN12196 table 30); GetVersion as a reader log on
community.nxp.com has it. AES mode only. Left out: chained
commands, LRP, SetConfiguration but for the random UID, originality keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from reader_agent.cards.ev2 import key_checksum
from reader_agent.emulators.tags.model import Reply
from reader_agent.emulators.tags.ntag424_apdu import APDU, iso_answer, parse_apdu
from reader_agent.emulators.tags.ntag424_channel import (
    AUTHENTICATION_ERROR,
    BOUNDARY_ERROR,
    COMMAND_ABORTED,
    FILE_NOT_FOUND,
    ILLEGAL_COMMAND,
    INTEGRITY_ERROR,
    LENGTH_ERROR,
    MORE,
    NO_SUCH_KEY,
    OK,
    PARAMETER_ERROR,
    PERMISSION_DENIED,
    Channel,
    KeySlot,
    Refused,
)
from reader_agent.emulators.tags.ntag424_files import (
    FREE,
    KEY_COUNT,
    NEVER,
    BadSettings,
    CommMode,
    DataFile,
    Settings,
)
from reader_agent.emulators.tags.ntag424_iso import ISO_READ, IsoFiles, is_read_by_mirror
from reader_agent.emulators.tags.signatures import ntag424_signature

MASTER, META, FILE = 0, 1, 2
"""Key slots, as the station personalises a card: the others are spare."""

NDEF_FILE = 2
_GET_VERSION = 0x60
_READ_DATA, _READ_SIGNATURE = 0xAD, 0x3C
_SIGNATURE_OK = 0x90
_RANDOM_UID = 0x02

_VERSION = (bytes.fromhex("04040830001105"), bytes.fromhex("04040201021105"))
_BATCH = bytes.fromhex("CF39D449803420")


class Ntag424:
    """One card as it leaves the factory, or with other `keys` (all five). `ntag424_personal`
    makes one that was personalised. `random` makes challenges, transaction identifiers, padding and
    random UIDs. Without a `signature` the card has the one that `signatures` knows."""

    def __init__(
        self,
        uid: bytes,
        *,
        keys: Sequence[bytes] = (bytes(16),) * KEY_COUNT,
        key_version: int = 0,
        signature: bytes | None = None,
        has_random_uid: bool = False,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        assert len(uid) == 7
        assert len(keys) == KEY_COUNT
        self.own_uid = uid
        self.sak = 0x20
        self.ats: bytes | None = bytes.fromhex("067777710280")
        self.channel = Channel([KeySlot(key, key_version) for key in keys], random)
        self.iso = IsoFiles(uid, self.channel, random)
        self.signature = ntag424_signature(uid) if signature is None else signature
        self.has_random_uid = has_random_uid
        self._random = random
        self._native: dict[int, tuple[int, Callable[[bytes, bytes], bytes]]] = {
            0x51: (0, self._get_card_uid),
            0x64: (1, self._get_key_version),
            0xF5: (1, self._get_file_settings),
            0xF6: (1, self._get_file_counters),
            0x5F: (1, self._change_file_settings),
            0xC4: (1, self._change_key),
            0x5C: (1, self._set_configuration),
            _READ_SIGNATURE: (1, self._read_signature),
            _READ_DATA: (7, self._read_data),
            0x8D: (7, self._write_data),
        }
        self.field_off()

    def select(self) -> None:
        """Selected anew: at PICC level, nobody authenticated."""
        self.channel.drop()
        self.iso.leave()
        self._version_parts: list[bytes] = []

    def field_off(self) -> None:
        """The field went away."""
        self.select()
        self.uid, self.atqa = self.own_uid, b"\x44\x03"
        if self.has_random_uid:
            self.uid, self.atqa = b"\x08" + self._random(3), b"\x04\x03"

    def command(self, data: bytes) -> Reply:
        """Silence: it knows APDUs only."""
        return None

    def authenticate(self, command: int, block: int, key: bytes) -> bool:
        """False: it has no sectors."""
        return False

    def apdu(self, data: bytes) -> bytes:
        """Answer one APDU, with its status word."""
        said = parse_apdu(data)
        if said is None:
            is_native = data[:1] == b"\x90"
            return self._refuse(LENGTH_ERROR) if is_native else iso_answer(0x6700)
        if said.ins != (_READ_DATA if said.is_native else ISO_READ):
            self.iso.end_reading()
        if said.is_native:
            return self._answer_native(said)
        if said.cla != 0x00:
            return iso_answer(0x6E00)
        if self.channel.is_challenging or self._version_parts:
            self._abort()
            return iso_answer(0x6985)
        return self.iso.answer(said)

    # Native commands

    def _answer_native(self, said: APDU) -> bytes:
        try:
            if said.p1 or said.p2:
                raise Refused(PARAMETER_ERROR)
            return self._native_command(said.ins, said.data)
        except Refused as refused:
            return self._refuse(refused.status)

    def _native_command(self, ins: int, body: bytes) -> bytes:
        if self.channel.is_challenging or self._version_parts:
            if ins != MORE:
                raise Refused(COMMAND_ABORTED)
            if self._version_parts:
                return self._next_version_part(body)
            return self.channel.answer(body) + bytes([0x91, OK])
        match ins:
            case 0x60:
                return self._get_version(body)
            case 0x71 if self.iso.in_application:
                return self.channel.challenge_first(body) + bytes([0x91, MORE])
            case 0x77 if self.iso.in_application:
                return self.channel.challenge_again(body) + bytes([0x91, MORE])
            case 0x71 | 0x77:
                raise Refused(NO_SUCH_KEY)
        if ins not in self._native:
            raise Refused(ILLEGAL_COMMAND)
        header_bytes, act = self._native[ins]
        if len(body) < header_bytes:
            raise Refused(LENGTH_ERROR)
        header = body[:header_bytes]
        mode = self._mode_of(ins, header)
        answer = act(header, self.channel.open(mode, ins, body, header_bytes))
        return self.channel.seal(mode, answer, _SIGNATURE_OK if ins == _READ_SIGNATURE else OK)

    def _mode_of(self, ins: int, header: bytes) -> CommMode:
        if ins in (0x64, 0xF5):
            return CommMode.MAC
        if ins not in (_READ_DATA, 0x8D):
            return CommMode.FULL
        settings = self._file_of(header).settings
        rights = settings.rights
        one = rights.read if ins == _READ_DATA else rights.write
        by_key = self.channel.authenticated_with(one, rights.read_write)
        return settings.mode if by_key else CommMode.PLAIN

    def _refuse(self, status: int) -> bytes:
        self._abort()
        return bytes([0x91, status])

    def _abort(self) -> None:
        self.channel.drop()
        self._version_parts = []

    def _file_of(self, header: bytes) -> DataFile:
        if not self.iso.in_application:
            raise Refused(PERMISSION_DENIED)
        file = self.iso.files.get(header[0])
        if file is None:
            raise Refused(FILE_NOT_FOUND)
        return file

    def _get_version(self, body: bytes) -> bytes:
        if self.channel.open(CommMode.MAC, _GET_VERSION, body, 0):
            raise Refused(LENGTH_ERROR)
        uid = bytes(7) if self.has_random_uid else self.own_uid
        self._version_parts = [_VERSION[1], uid + _BATCH]
        return _VERSION[0] + bytes([0x91, MORE])

    def _next_version_part(self, body: bytes) -> bytes:
        if body:
            raise Refused(LENGTH_ERROR)
        part = self._version_parts.pop(0)
        if self._version_parts:
            return part + bytes([0x91, MORE])
        told = b"".join(_VERSION)
        return self.channel.seal(CommMode.MAC, told + part)[len(told) :]

    def _get_card_uid(self, header: bytes, data: bytes) -> bytes:
        if self.channel.session is None:
            raise Refused(AUTHENTICATION_ERROR)
        _check_empty(data)
        return self.own_uid

    def _get_key_version(self, header: bytes, data: bytes) -> bytes:
        _check_empty(data)
        if header[0] >= KEY_COUNT or not self.iso.in_application:
            raise Refused(NO_SUCH_KEY)
        return bytes([self.channel.slots[header[0]].version])

    def _get_file_settings(self, header: bytes, data: bytes) -> bytes:
        _check_empty(data)
        file = self._file_of(header)
        return file.settings.to_bytes(file.size)

    def _get_file_counters(self, header: bytes, data: bytes) -> bytes:
        _check_empty(data)
        file = self._file_of(header)
        mirror = file.settings.mirror
        if mirror is None or mirror.counter_read == NEVER:
            raise Refused(PERMISSION_DENIED)
        self._check_right(mirror.counter_read)
        return file.counter.to_bytes(3, "little") + bytes(2)

    def _change_file_settings(self, header: bytes, data: bytes) -> bytes:
        file = self._file_of(header)
        if file.settings.rights.change == NEVER:
            raise Refused(PERMISSION_DENIED)
        self._check_right(file.settings.rights.change)
        try:
            settings = Settings.parse(data)
            if settings.mirror is not None and file.number != NDEF_FILE:
                raise Refused(PERMISSION_DENIED)
            file.change(settings)
        except BadSettings as bad:
            raise Refused(LENGTH_ERROR if bad.is_length else PARAMETER_ERROR) from None
        return b""

    def _change_key(self, header: bytes, data: bytes) -> bytes:
        if not self.channel.authenticated_with(MASTER):
            raise Refused(AUTHENTICATION_ERROR)
        number = header[0]
        if number >= KEY_COUNT:
            raise Refused(NO_SUCH_KEY)
        if len(data) != (17 if number == MASTER else 21):
            raise Refused(LENGTH_ERROR)
        key = data[:16]
        if number != MASTER:
            old = self.channel.slots[number].key
            key = bytes(mixed ^ before for mixed, before in zip(key, old, strict=True))
            if key_checksum(key) != data[17:]:
                raise Refused(INTEGRITY_ERROR)
        self.channel.slots[number] = KeySlot(key, version=data[16])
        if number == MASTER:
            self.channel.drop()  # its session was the old key's, so the answer has no MAC
        return b""

    def _set_configuration(self, header: bytes, data: bytes) -> bytes:
        if not self.channel.authenticated_with(MASTER):
            raise Refused(AUTHENTICATION_ERROR)
        if header[0] != 0x00:
            raise Refused(PARAMETER_ERROR)
        if len(data) != 1:
            raise Refused(LENGTH_ERROR)
        if data[0] & ~_RANDOM_UID:
            raise Refused(PARAMETER_ERROR)
        self.has_random_uid = self.has_random_uid or bool(data[0])
        return b""

    def _read_signature(self, header: bytes, data: bytes) -> bytes:
        _check_empty(data)
        if header[0] != 0x00:
            raise Refused(PARAMETER_ERROR)
        if self.has_random_uid and self.channel.session is None:
            raise Refused(AUTHENTICATION_ERROR)
        return self.signature

    def _read_data(self, header: bytes, data: bytes) -> bytes:
        _check_empty(data)
        file = self._file_of(header)
        rights = file.settings.rights
        if not is_read_by_mirror(file) or self.channel.session:
            self._check_right(rights.read, rights.read_write)
        offset = int.from_bytes(header[1:4], "little")
        length = int.from_bytes(header[4:7], "little")
        if offset >= file.size or offset + length > file.size:
            raise Refused(PARAMETER_ERROR)
        content = self.iso.content(file, _READ_DATA)
        if isinstance(content, int):
            raise Refused(content)
        return content[offset : offset + length if length else file.size]

    def _write_data(self, header: bytes, data: bytes) -> bytes:
        file = self._file_of(header)
        rights = file.settings.rights
        self._check_right(rights.write, rights.read_write)
        offset = int.from_bytes(header[1:4], "little")
        if not data or len(data) != int.from_bytes(header[4:7], "little"):
            raise Refused(LENGTH_ERROR)
        if offset + len(data) > file.size:
            raise Refused(BOUNDARY_ERROR)
        file.content[offset : offset + len(data)] = data
        return b""

    def _check_right(self, *rights: int) -> None:
        if all(right == NEVER for right in rights):
            raise Refused(PERMISSION_DENIED)
        if FREE not in rights and not self.channel.authenticated_with(*rights):
            raise Refused(AUTHENTICATION_ERROR)


def _check_empty(data: bytes) -> None:
    if data:
        raise Refused(LENGTH_ERROR)
