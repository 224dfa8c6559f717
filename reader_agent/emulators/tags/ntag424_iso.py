"""The files of an NTAG 424 DNA as any reader of Type 4 tags reaches them: ISO/IEC 7816-4.

ISOSelectFile, ISOReadBinary and ISOUpdateBinary, always in clear: NXP data sheet NT4H2421Gx rev.
3.0, section 10.9; what is counted and mirrored at a reading: section 9.3.
"""

from __future__ import annotations

from collections.abc import Callable

from reader_agent.emulators.tags.ntag424_apdu import APDU, iso_answer
from reader_agent.emulators.tags.ntag424_channel import (
    INTEGRITY_ERROR,
    PERMISSION_DENIED,
    Channel,
)
from reader_agent.emulators.tags.ntag424_files import (
    COUNTER_TOP,
    FREE,
    NEVER,
    DataFile,
    factory_files,
)
from reader_agent.emulators.tags.ntag424_mirror import content_as_read

APPLICATION = bytes.fromhex("D2760000850101")
PICC = bytes.fromhex("D2760000850100")
ISO_READ = 0xB0

_MASTER_FILE_ID, _APPLICATION_ID = b"\x3f\x00", b"\xe1\x10"


class IsoFiles:
    """The files, by number, and which of them is selected."""

    def __init__(self, uid: bytes, channel: Channel, random: Callable[[int], bytes]) -> None:
        self.files = factory_files()
        self._uid = uid
        self._channel = channel
        self._random = random
        self.leave()

    def leave(self) -> None:
        """Back to PICC level, where no file is."""
        self.in_application = False
        self._file: DataFile | None = None
        self.end_reading()

    def end_reading(self) -> None:
        """Another command came: the next reading is a new one."""
        self._reading: tuple[int, int] | None = None
        self._as_read = b""

    def answer(self, said: APDU) -> bytes:
        """Answer an APDU of class 00."""
        match said.ins:
            case 0xA4:
                return self._select(said)
            case 0xB0:
                return self._read(said)
            case 0xD6:
                return self._update(said)
        return iso_answer(0x6D00)

    def _select(self, said: APDU) -> bytes:
        if said.p1 not in (0x00, 0x01, 0x02, 0x04) or said.p2 not in (0x00, 0x0C):
            return iso_answer(0x6A86)
        if said.p1 == 0x04:
            if said.data not in (APPLICATION, PICC):
                return iso_answer(0x6A82)
            return self._enter(application=said.data == APPLICATION)
        if said.p1 == 0x00 and said.data in (b"", _MASTER_FILE_ID):
            return self._enter(application=False)
        if len(said.data) != 2:
            return iso_answer(0x6A87)
        if said.p1 != 0x02 and said.data == _APPLICATION_ID:
            return self._enter(application=True)
        found = [file for file in self.files.values() if file.iso_id == said.data]
        if not found or not self.in_application or said.p1 == 0x01:
            return iso_answer(0x6A82)
        self._file = found[0]
        return iso_answer(0x9000)

    def _enter(self, *, application: bool) -> bytes:
        self._channel.drop()
        self.leave()
        self.in_application = application
        return iso_answer(0x9000)

    def _target(self, said: APDU) -> tuple[DataFile, int] | int:
        """The file and the offset in it, or the status word that says why there is none."""
        if not said.p1 & 0x80:
            offset = said.p1 << 8 | said.p2
        else:
            offset, short_id = said.p2, said.p1 & 0x1F
            if said.p1 & 0x60 or short_id == 0x1F:
                return 0x6A86
            if short_id:
                found = [file for file in self.files.values() if file.iso_id[1] == short_id]
                if not found or not self.in_application:
                    return 0x6A82
                self._file = found[0]
        if self._file is None:
            return 0x6985
        return (self._file, offset) if offset < self._file.size else 0x6A86

    def _read(self, said: APDU) -> bytes:
        target = self._target(said)
        if isinstance(target, int):
            return iso_answer(target)
        file, offset = target
        if said.le is None or said.data:
            return iso_answer(0x6700)
        rights = file.settings.rights
        if self._channel.session or not (
            FREE in (rights.read, rights.read_write) or is_read_by_mirror(file)
        ):
            return iso_answer(0x6982)
        content = self.content(file, ISO_READ)
        if isinstance(content, int):
            return iso_answer(0x6982)
        return content[offset : offset + (said.le or 256)] + iso_answer(0x9000)

    def _update(self, said: APDU) -> bytes:
        target = self._target(said)
        if isinstance(target, int):
            return iso_answer(target)
        file, offset = target
        if not said.data:
            return iso_answer(0x6700)
        rights = file.settings.rights
        if self._channel.session or FREE not in (rights.write, rights.read_write):
            return iso_answer(0x6982)
        if offset + len(said.data) > file.size:
            return iso_answer(0x6985)
        file.content[offset : offset + len(said.data)] = said.data
        return iso_answer(0x9000)

    def content(self, file: DataFile, command: int) -> bytes | int:
        """The file as it is read now, or the status of a native command that cannot read it.
        Without a session the first of several like reads is counted and mirrored into the file;
        the next ones read the same (data sheet sections 9.3.1 and 9.3.4)."""
        mirror = file.settings.mirror
        if self._channel.session or mirror is None:
            self.end_reading()
            return bytes(file.content)
        if self._reading != (command, file.number):
            if mirror.has_counter:
                if mirror.limit is not None and file.counter >= mirror.limit:
                    return PERMISSION_DENIED
                if file.counter >= COUNTER_TOP:
                    return INTEGRITY_ERROR
                file.counter += 1
            keys = [slot.key for slot in self._channel.slots]
            self._as_read = content_as_read(file, self._uid, keys, self._random)
            self._reading = command, file.number
        return self._as_read


def is_read_by_mirror(file: DataFile) -> bool:
    """Whether anybody may read it because what is read proves itself (SDMFileRead)."""
    mirror = file.settings.mirror
    return mirror is not None and mirror.file_read != NEVER
