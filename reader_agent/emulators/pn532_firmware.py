"""What an emulated PN532 does with a command, without line and time.

Codes, parameters and answers: nfcpy 1.0.4 (nfc/clf/pn532.py, pn53x.py), which quotes NXP's
UM0701-02, and the captures in tests/data/pn532.json. Times were measured on real chips by their
owners, where a comment does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from reader_agent.cards.crc_a import with_crc_a, without_crc_a
from reader_agent.emulators.pn532_radio import Radio, Selected
from reader_agent.emulators.tags.iso14443a import REQA

VERSION = bytes.fromhex("32010607")
BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
NORMAL_BAUD = 115200
FOR_EVER = 0xFF
MOST_ANSWERED = 262
"""What fits into one answer to InDataExchange beside TFI, code and status."""

BOOK_S = 0.0002
FIELD_S = 0.0057
RELEASE_S = 0.0023
CALL_S = 0.005  # assumed
FOUND_S = 0.010  # assumed
EXCHANGE_S = 0.003  # assumed
PERIOD_S = 0.150

_TX_MODE, _RX_MODE, _FIFO_DATA = 0x6302, 0x6303, 0x6339
_CRC = 0x80
_AUTO_RATS = 0x10
_MORE = 0x40
_FINE, _TIMEOUT, _BROKEN, _CONTEXT, _FORMAT, _LOGIN = 0x00, 0x01, 0x02, 0x27, 0x13, 0x14
_AUTH_A, _AUTH_B, _CLASSIC_WRITE = b"\x60", b"\x61", b"\xa0"
_ACK = 0xA
_FIRST_RADIO_CODE = 0x40


class Endless(Exception):
    """The chip answers when there is something to tell, which is not now."""


class Firmware:
    """A chip from its power-up on. `answer` is all that happens in it."""

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self.baud = NORMAL_BAUD
        self.new_baud: int | None = None
        """What SetSerialBaudRate said, until the host's ACK."""
        self.is_asleep = True
        self.busy_s = 0.0
        """How long the last answer would have taken."""
        self.piece = MOST_ANSWERED
        """The most bytes of a card's answer that are told at once."""
        self.tells_nak = False
        """Whether a NAK is told as a byte of data, as some firmware does."""
        self._is_configured = False
        self._auto_rats = True
        self._calls = FOR_EVER
        self._registers: dict[int, int] = {}
        self._targets: dict[int, Selected] = {}
        self._current = 0
        self._sent = self._rest = b""
        self._commands: dict[int, Callable[[bytes], bytes | None]] = {
            0x00: self._diagnose,
            0x02: self._firmware,
            0x04: self._status,
            0x06: self._read_registers,
            0x08: self._write_registers,
            0x0C: self._read_gpio,
            0x0E: self._nothing,
            0x10: self._set_baud,
            0x12: self._set_parameters,
            0x14: self._configure_sam,
            0x16: self._power_down,
            0x32: self._configure_rf,
            0x40: self._exchange,
            0x42: self._thru,
            0x44: self._let_go,
            0x46: self._jump,
            0x4A: self._list,
            0x52: self._release,
            0x54: self._select,
            0x56: self._jump,
            0x60: self._auto_poll,
        }

    def reset(self) -> None:
        """The power went and came back."""
        self.radio.switch(on=False)
        self.baud, self.new_baud = NORMAL_BAUD, None
        self.is_asleep = True
        self._is_configured = False
        self._auto_rats, self._calls = True, FOR_EVER
        self._registers.clear()
        self._forget_targets()

    def change_baud(self) -> None:
        """The host has acknowledged: from now on at the new speed."""
        if self.new_baud is not None:
            self.baud, self.new_baud = self.new_baud, None

    def answer(self, command: bytes) -> bytes | None:
        """The data behind the code of the answer; None is the error frame. Raises `Endless`."""
        self.busy_s = BOOK_S
        code, said = command[0], command[1:]
        act = self._commands.get(code)
        if act is None:
            return None
        if code >= _FIRST_RADIO_CODE and not self._is_configured:
            raise Endless  # in low-battery mode the radio sleeps: there is an ACK and no more
        return act(said)

    # The chip itself

    def _diagnose(self, said: bytes) -> bytes | None:
        match said[:1]:
            case b"\x00":
                return said
            case b"\x01" | b"\x02" | b"\x07":
                return b"\x00"
            case b"\x06":
                present = self._thru(b"\xb2")[:1] == b"\x00"
                return b"\x00" if present else b"\x01"
        return None

    def _firmware(self, _said: bytes) -> bytes:
        return VERSION

    def _status(self, _said: bytes) -> bytes:
        targets = b"".join(bytes([number, 0, 0, 0x10]) for number in self._targets)
        return bytes([0, self.radio.is_on, len(self._targets)]) + targets + b"\x00"

    def _read_registers(self, said: bytes) -> bytes:
        addresses = [int.from_bytes(said[at : at + 2], "big") for at in range(0, len(said), 2)]
        return bytes(self._registers.get(address, 0) for address in addresses)

    def _write_registers(self, said: bytes) -> bytes:
        for at in range(0, len(said) - 2, 3):
            self._registers[int.from_bytes(said[at : at + 2], "big")] = said[at + 2]
        return b""

    def _read_gpio(self, _said: bytes) -> bytes:
        return bytes.fromhex("3F0701")  # all pins high, and the mode pins of HSU: assumed

    def _nothing(self, _said: bytes) -> bytes:
        return b""

    def _set_baud(self, said: bytes) -> bytes | None:
        if len(said) != 1 or said[0] >= len(BAUDS):
            return None
        self.new_baud = BAUDS[said[0]]
        return b""

    def _set_parameters(self, said: bytes) -> bytes | None:
        if len(said) != 1:
            return None
        self._auto_rats = bool(said[0] & _AUTO_RATS)
        return b""

    def _configure_sam(self, said: bytes) -> bytes | None:
        if not said or said[0] not in (1, 2, 3, 4):
            return None
        self._is_configured = True
        return b""

    def _power_down(self, _said: bytes) -> bytes:
        self.radio.switch(on=False)
        self.is_asleep = True
        return b"\x00"

    def _configure_rf(self, said: bytes) -> bytes | None:
        if not said:
            return None
        if said[0] == 0x01 and len(said) == 2:
            self.busy_s = FIELD_S
            self.radio.switch(on=bool(said[1] & 1))
        if said[0] == 0x05 and len(said) == 4:
            self._calls = said[3]
        return b""

    # Finding cards and letting go of them

    def _list(self, said: bytes) -> bytes | None:
        if len(said) < 2 or said[0] not in (1, 2):
            return None
        self._forget_targets()
        self.radio.switch(on=True)
        self._registers.update({_TX_MODE: _CRC, _RX_MODE: _CRC, _FIFO_DATA: 0x26})
        is_a = said[1] == 0x00
        if not is_a:
            return self._nobody()
        for number in range(1, said[0] + 1):
            card = self._search(said[2:], self.radio.call if number == 1 else REQA)
            if card is None:
                break
            self._targets[number] = card
            self._current = number
            if number < said[0]:
                self.radio.let_go(card)
                self._current = 0
        if not self._targets:
            return self._nobody()
        self._registers[_FIFO_DATA] = 0
        described = b"".join(_describe(*target) for target in self._targets.items())
        return bytes([len(self._targets)]) + described

    def _nobody(self) -> bytes:
        if self._calls == FOR_EVER:
            raise Endless
        self.busy_s += CALL_S * (self._calls + 1)
        return b"\x00"

    def _search(self, wanted: bytes, call: int) -> Selected | None:
        calls = 2 if self._calls == FOR_EVER else self._calls + 1
        for _ in range(calls):
            self.busy_s += CALL_S
            card = self.radio.activate(call, with_rats=self._auto_rats)
            if card is not None and wanted in (b"", _cascaded(card.uid)):
                self.busy_s += FOUND_S
                return card
        return None

    def _auto_poll(self, said: bytes) -> bytes | None:
        if len(said) < 3:
            return None
        kinds = {kind & 0x0F for kind in said[2:]}
        found = self._list(b"\x01\x00") if kinds & {0x00, 0x03} or 0x10 in said[2:] else None
        if found is None or found == b"\x00":
            if said[0] == FOR_EVER:
                raise Endless
            self.busy_s = PERIOD_S * said[0] * said[1]
            return b"\x00"
        kind = 0x20 if self._targets[1].ats is not None else 0x10
        return bytes([1, kind, len(found) - 1]) + found[1:]

    def _let_go(self, said: bytes) -> bytes | None:
        if len(said) != 1:
            return None
        self.busy_s = RELEASE_S
        card = self._targets.get(self._current)
        if card is not None and said[0] in (0, self._current):
            self.radio.let_go(card)
            self._current = 0
        return b"\x00" if self._targets or said[0] == 0 else bytes([_CONTEXT])

    def _release(self, said: bytes) -> bytes | None:
        answer = self._let_go(said)
        if answer == b"\x00":
            for number in [said[0]] if said[0] else list(self._targets):
                self._targets.pop(number, None)
        return answer

    def _select(self, said: bytes) -> bytes | None:
        if len(said) != 1:
            return None
        self.busy_s = FOUND_S
        return bytes([_FINE if self._switch_to(said[0]) else _CONTEXT])

    def _switch_to(self, number: int) -> bool:
        card = self._targets.get(number)
        if card is None:
            return False
        if self._current != number:
            if self._current:
                self.radio.let_go(self._targets[self._current])
            self._registers.update({_TX_MODE: _CRC, _RX_MODE: _CRC})
            self._current = number if self.radio.select_again(card) else 0
            return self._current == number
        return True

    def _forget_targets(self) -> None:
        self._targets.clear()
        self._current = 0
        self._sent = self._rest = b""

    # Talking to a card

    def _exchange(self, said: bytes) -> bytes | None:
        if not said:
            return None
        number, data = said[0] & ~_MORE, said[1:]
        self.busy_s = EXCHANGE_S
        if not data and self._rest:
            return self._tell_piece()
        if not self._switch_to(number):
            return bytes([_CONTEXT])
        if said[0] & _MORE:
            self._sent += data
            return b"\x00"
        data, self._sent = self._sent + data, b""
        card = self._targets[number]
        if card.ats is None:
            return self._mifare(data)
        answer = self.radio.exchange_apdu(card, data)
        if answer is None:
            return bytes([_TIMEOUT])
        self._rest = answer
        return self._tell_piece()

    def _tell_piece(self) -> bytes:
        part, self._rest = self._rest[: self.piece], self._rest[self.piece :]
        return bytes([_MORE if self._rest else _FINE]) + part

    def _mifare(self, data: bytes) -> bytes:
        """A command to a card without ATS; login and 16-byte write are the chip's own work."""
        if data[:1] in (_AUTH_A, _AUTH_B):
            return bytes([self._login(data)])
        frames = [data[:2], data[2:]] if data[:1] == _CLASSIC_WRITE else [data]
        answer = b""
        for frame in frames:
            heard = self.radio.send(with_crc_a(frame))
            if heard is None:
                return bytes([_TIMEOUT])
            if heard.last_bits == 4 and heard.data[0] & 0x0F == _ACK:
                continue
            if heard.last_bits == 4:
                return bytes([_FINE, heard.data[0]]) if self.tells_nak else bytes([_FORMAT])
            said = without_crc_a(heard.data)
            if said is None:
                return bytes([_BROKEN])
            answer = said
        return bytes([_FINE]) + answer

    def _login(self, data: bytes) -> int:
        if len(data) != 12:
            return _FORMAT
        tags = self.radio.tags if self.radio.is_on else []
        opened = [tag.authenticate(data[0], data[1], data[2:8], data[8:]) for tag in tags]
        return _FINE if any(opened) else _LOGIN

    def _thru(self, said: bytes) -> bytes:
        """A frame to whoever is selected, with or without CRC as the registers say."""
        self.busy_s = EXCHANGE_S
        frame = with_crc_a(said) if self._registers.get(_TX_MODE, 0) & _CRC else said
        heard = self.radio.send(frame)
        if heard is None:
            return bytes([_TIMEOUT])
        if not self._registers.get(_RX_MODE, 0) & _CRC:
            return b"\x00" + heard.data
        answer = without_crc_a(heard.data)
        return bytes([_BROKEN]) if answer is None or heard.last_bits else b"\x00" + answer

    def _jump(self, _said: bytes) -> bytes:
        return bytes([_TIMEOUT])  # there never is a peer


def _describe(number: int, card: Selected) -> bytes:
    head = bytes([number, card.atqa[1], card.atqa[0], card.sak, len(card.uid)])
    return head + card.uid + (card.ats or b"")


def _cascaded(uid: bytes) -> bytes:
    """The UID as InListPassiveTarget takes it: with its cascade tags."""
    parts = b""
    while len(uid) > 4:
        parts += b"\x88" + uid[:3]
        uid = uid[3:]
    return parts + uid
