"""An MFRC522 at the level of its registers: what a driver does with it over SPI is what it does
with the chip.

Modelled are the registers that drivers touch, the commands, the FIFO, the timer by its formula,
the CRC coprocessor, MFAuthent, partial bytes and collisions, the antenna bits, SoftReset,
PowerDown and the reset line. Crypto1 is transparent: with MFCrypto1On set the chip enciphers, and
so the model passes clear frames to a tag that is authenticated. Time comes from the clock it is
given, and nothing happens between two accesses that is not made up for at the second.

Sources: data sheet MFRC522 chapters 8 to 10 as public drivers quote it, and what the package
`mfrc522` 0.0.7 and miguelbalboa/rfid rely on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reader_agent.cards.crc_a import crc_a
from reader_agent.drivers.rc522_map import (
    ANTENNA,
    COLL_POS_NOT_VALID,
    COLLISION,
    COMMAND_BITS,
    CRC_ERROR,
    CRC_IRQ,
    CRYPTO1_ON,
    FIFO_BYTES,
    FLUSH,
    IDLE_IRQ,
    LAST_BITS,
    OVERFLOW,
    PARITY_ERROR,
    POWER_DOWN,
    RECEIVER_OFF,
    RX_IRQ,
    START_SEND,
    TIMER_AUTO,
    TIMER_IRQ,
    TX_IRQ,
    VALUES_AFTER_COLL,
    WRITE_ERROR,
    Command,
    Reg,
    timer_ns,
)
from reader_agent.emulators.mfrc522_registers import VERSION_2_0, RegisterFile
from reader_agent.emulators.mfrc522_rf import Air, CollisionCount, Echo

BIT_NS = 9_440
"""One bit at 106 kBd: 128 periods of the carrier."""
FRAME_DELAY_NS = 86_400
"""From the last bit of the reader to the first of the tag: 1172 periods."""
WAKE_NS = 38_000
AUTHENT_NS = 1_500_000
"""The four frames of MFAuthent and the tag's thinking."""

_CRC_PRESETS = (0x0000, 0x6363, 0xA671, 0xFFFF)
_CRC_READY, _CRC_OK, _TIMER_RUNS = 0x20, 0x40, 0x08  # Status1
_CRC_ON = 0x80  # TxMode, RxMode
_START_NOW, _STOP_NOW = 0x40, 0x80  # Control


@dataclass(slots=True)
class _Due:
    at_ns: int
    act: Callable[[], None]


class MFRC522:
    """The chip. `air` is what its antenna reaches; `mono_ns` is the clock.

    `trace` takes every register access, as `W0D=07` or `R04=41`, where it is a list.
    """

    def __init__(
        self,
        air: Air,
        mono_ns: Callable[[], int],
        *,
        version: int = VERSION_2_0,
        collision_count: CollisionCount = CollisionCount.LEVEL,
    ) -> None:
        self.air = air
        self.trace: list[str] | None = None
        self.registers = RegisterFile(version)
        self.is_hung = False
        """A chip that stores what is written and does nothing any more, until it is reset."""
        self._mono_ns = mono_ns
        self.collision_count = collision_count
        self._due: list[_Due] = []
        self._timer_end_ns: int | None = None
        self._starts_at_once = False
        self._crc = 0
        self._crc_ok = False
        self._awake_ns = 0
        self._reset_line_high = True

    # The outside: the bus and the reset line.

    def transfer(self, data: bytes) -> bytes:
        """One SPI transfer: as many bytes come back as go out."""
        if not self._reset_line_high or not data:
            return bytes(len(data))
        if data[0] & 0x80:
            answers = [self.read(byte >> 1 & 0x3F) if byte & 0x80 else 0 for byte in data[:-1]]
            return bytes([0, *answers])
        for value in data[1:]:
            self.write(data[0] >> 1 & 0x3F, value)
        return bytes(len(data))

    def set_reset_line(self, *, high: bool) -> None:
        """The NRSTPD pin: low is a hard power-down, and the rising edge resets everything."""
        if high and not self._reset_line_high:
            self.reset()
        if not high:
            self.air.field_off()
        self._reset_line_high = high

    def reset(self) -> None:
        """Every register back to its reset value, also behind the host's back."""
        self._due.clear()
        self._timer_end_ns = None
        self._starts_at_once = False
        self.is_hung = False
        self.air.field_off()
        self.registers.reset()
        self._awake_ns = self._mono_ns() + WAKE_NS

    def read(self, reg: int) -> int:
        """Read one register, as the bus does."""
        self._catch_up()
        value = self._read(reg)
        if self.trace is not None:
            self.trace.append(f"R{reg:02X}={value:02X}")
        return value

    def write(self, reg: int, value: int) -> None:
        """Write one register, as the bus does."""
        self._catch_up()
        if self.trace is not None:
            self.trace.append(f"W{reg:02X}={value:02X}")
        self._write(reg, value)

    # Registers with a life of their own.

    def _read(self, reg: int) -> int:
        registers = self.registers
        match reg:
            case Reg.COMMAND:
                is_waking = self._mono_ns() < self._awake_ns
                return registers[reg] | (POWER_DOWN if is_waking else 0)
            case Reg.FIFO_DATA:
                return registers.pop()
            case Reg.FIFO_LEVEL:
                return registers.level
            case Reg.STATUS1:
                running = _TIMER_RUNS if self._timer_end_ns is not None else 0
                crc_ok = _CRC_OK if self._crc_ok else 0
                return _CRC_READY | crc_ok | running | registers.alerts()
            case Reg.T_COUNTER_H:
                return self._timer_count() >> 8
            case Reg.T_COUNTER_L:
                return self._timer_count() & 0xFF
        return registers[reg]

    def _write(self, reg: int, value: int) -> None:
        match reg:
            case Reg.COMMAND:
                self._command(value)
            case Reg.COM_IRQ | Reg.DIV_IRQ:
                self.registers.mark(reg, value)
            case Reg.FIFO_DATA:
                self._push(value)
            case Reg.FIFO_LEVEL:
                if value & FLUSH:
                    self.registers.flush()
            case Reg.CONTROL:
                self._turn_timer(value)
            case _:
                self._store(reg, value)

    def _store(self, reg: int, value: int) -> None:
        registers = self.registers
        before = registers[reg]
        if reg == Reg.STATUS2:
            # The host can clear this bit and not set it.
            value &= before | ~CRYPTO1_ON & 0xFF
        registers.store(reg, value)
        if reg == Reg.TX_CONTROL and before & ANTENNA and not value & ANTENNA:
            self.air.field_off()
        if reg == Reg.BIT_FRAMING:
            # The bit cannot be read back, but it stays: see `_begin`.
            self._starts_at_once = bool(value & START_SEND)
            if self._starts_at_once and self._running() == Command.TRANSCEIVE:
                self._send()

    def _turn_timer(self, value: int) -> None:
        if value & _STOP_NOW:
            self._timer_end_ns = None
        elif value & _START_NOW:
            self._start_timer(self._mono_ns())

    def _push(self, value: int) -> None:
        if self._due:
            # The radio is at work on this buffer.
            self.registers.flag(WRITE_ERROR)
        elif self._running() == Command.CALC_CRC:
            self._add_to_crc(bytes([value]))
        else:
            self.registers.push(value)

    # Commands.

    def _running(self) -> int:
        return self.registers[Reg.COMMAND] & COMMAND_BITS

    def _command(self, value: int) -> None:
        command = value & COMMAND_BITS
        if command == Command.SOFT_RESET:
            self.reset()
            return
        was_down = self.registers[Reg.COMMAND] & POWER_DOWN
        if command == Command.NO_CHANGE:
            command = self._running()
            self.registers[Reg.COMMAND] = value & ~COMMAND_BITS & 0xFF | command
            self._power(was_down=bool(was_down), down=bool(value & POWER_DOWN))
            return
        self._due.clear()
        self.registers[Reg.COMMAND] = value & (POWER_DOWN | RECEIVER_OFF | COMMAND_BITS)
        self._power(was_down=bool(was_down), down=bool(value & POWER_DOWN))
        if value & POWER_DOWN or self.is_hung:
            return
        if command != Command.IDLE:
            self.registers[Reg.ERROR] = 0
        self._begin(command)

    def _power(self, *, was_down: bool, down: bool) -> None:
        if down and not was_down:
            self._due.clear()
            self._timer_end_ns = None
            self.air.field_off()
        if was_down and not down:
            self._awake_ns = self._mono_ns() + WAKE_NS

    def _begin(self, command: int) -> None:
        match command:
            case Command.CALC_CRC:
                self._crc = _CRC_PRESETS[self.registers[Reg.MODE] & 0x03]
                self._add_to_crc(self.registers.take_all())
            case Command.MF_AUTHENT:
                self._authenticate()
            case Command.TRANSMIT:
                self._send()
            case Command.TRANSCEIVE if self._starts_at_once:
                self._send()
            case Command.MEM | Command.RANDOM_ID:
                self._end_command()

    def _end_command(self) -> None:
        self.registers[Reg.COMMAND] &= ~COMMAND_BITS & 0xFF
        self.registers.raise_irqs(IDLE_IRQ)

    def _add_to_crc(self, data: bytes) -> None:
        self._crc = int.from_bytes(crc_a(data, self._crc), "little")
        self.registers[Reg.CRC_RESULT_H] = self._crc >> 8
        self.registers[Reg.CRC_RESULT_L] = self._crc & 0xFF
        self.registers[Reg.DIV_IRQ] |= CRC_IRQ

    def _authenticate(self) -> None:
        data = self.registers.take_all()
        end_ns = self._mono_ns() + AUTHENT_NS
        if self.registers[Reg.T_MODE] & TIMER_AUTO:
            self._start_timer(self._mono_ns())
        if len(data) < 12 or not self._has_field():
            return
        if self.air.authenticate(data[0], data[1], data[2:8], data[8:12]):
            self._due.append(_Due(end_ns, self._authenticated))

    def _authenticated(self) -> None:
        self._timer_end_ns = None
        self.registers[Reg.STATUS2] |= CRYPTO1_ON
        self._end_command()

    # The radio.

    def _has_field(self) -> bool:
        return bool(self.registers[Reg.TX_CONTROL] & ANTENNA)

    def _send(self) -> None:
        registers = self.registers
        frame = registers.take_all()
        last_bits = registers[Reg.BIT_FRAMING] & LAST_BITS
        if not frame or self.is_hung:
            return
        if registers[Reg.TX_MODE] & _CRC_ON:
            frame += crc_a(frame)
        bits = len(frame) * 8 - (8 - last_bits if last_bits else 0)
        sent_ns = self._mono_ns() + bits * BIT_NS
        self._due.append(_Due(sent_ns, lambda: self._sent(sent_ns)))
        echo = self._echo_of(frame, last_bits)
        if echo is not None:
            begin_ns = sent_ns + FRAME_DELAY_NS + echo.delay_ns
            self._due.append(_Due(begin_ns, self._hears))
            self._due.append(_Due(begin_ns + echo.bits * BIT_NS, lambda: self._receive(echo)))

    def _echo_of(self, frame: bytes, last_bits: int) -> Echo | None:
        if not self._has_field():
            return None
        enciphered = bool(self.registers[Reg.STATUS2] & CRYPTO1_ON)
        echo = self.air.exchange(frame, last_bits, enciphered=enciphered)
        is_deaf = self.registers[Reg.COMMAND] & RECEIVER_OFF or self._running() == Command.TRANSMIT
        return None if is_deaf else echo

    def _sent(self, sent_ns: int) -> None:
        self.registers.raise_irqs(TX_IRQ)
        if self.registers[Reg.T_MODE] & TIMER_AUTO:
            self._start_timer(sent_ns)
        if self._running() == Command.TRANSMIT:
            self._end_command()

    def _hears(self) -> None:
        """The first bits of an answer stop the timer."""
        self._timer_end_ns = None

    def _receive(self, echo: Echo) -> None:
        registers = self.registers
        align = registers[Reg.BIT_FRAMING] >> 4 & LAST_BITS
        stream, bits = self._after_collision(echo, align), echo.bits
        data = (stream << align).to_bytes((align + bits + 7) // 8, "little")
        if registers[Reg.RX_MODE] & _CRC_ON and bits % 8 == 0:
            self._crc_ok = crc_a(data[:-2]) == data[-2:]
            registers.flag(0 if self._crc_ok else CRC_ERROR)
            data = data[:-2]
        if len(data) > FIFO_BYTES:
            registers.flag(OVERFLOW)
        for byte in data[:FIFO_BYTES]:
            registers.push(byte)
        registers[Reg.CONTROL] = registers[Reg.CONTROL] & ~LAST_BITS & 0xFF | (align + bits) % 8
        registers.flag(PARITY_ERROR if echo.is_noisy else 0)
        registers.raise_irqs(RX_IRQ)

    def _after_collision(self, echo: Echo, align: int) -> int:
        """The bits that go into the FIFO; says where they collided."""
        coll = self.registers[Reg.COLL] & VALUES_AFTER_COLL
        if echo.collision is None:
            self.registers[Reg.COLL] = coll | COLL_POS_NOT_VALID
            return echo.stream
        position = echo.collision + 1
        if self.collision_count is CollisionCount.LEVEL:
            position += self.air.known_bits
        has_position = position <= 32
        self.registers[Reg.COLL] = coll | (position % 32 if has_position else COLL_POS_NOT_VALID)
        self.registers.flag(COLLISION)
        return echo.stream if coll else echo.stream & ((1 << echo.collision) - 1)

    # Time.

    def _start_timer(self, from_ns: int) -> None:
        self._timer_end_ns = from_ns + timer_ns(self._prescaler(), self._reload())

    def _prescaler(self) -> int:
        return (self.registers[Reg.T_MODE] & 0x0F) << 8 | self.registers[Reg.T_PRESCALER]

    def _reload(self) -> int:
        return self.registers[Reg.T_RELOAD_H] << 8 | self.registers[Reg.T_RELOAD_L]

    def _timer_count(self) -> int:
        if self._timer_end_ns is None:
            return 0
        left_ns = self._timer_end_ns - self._mono_ns()
        return min(left_ns // timer_ns(self._prescaler(), 0), self._reload())

    def _catch_up(self) -> None:
        """Let happen what has become due since the last access, in its order."""
        now_ns = self._mono_ns()
        while True:
            first = min(self._due, key=lambda due: due.at_ns, default=None)
            ring_ns = self._timer_end_ns
            if (
                ring_ns is not None
                and ring_ns <= now_ns
                and (first is None or ring_ns < first.at_ns)
            ):
                self._timer_end_ns = None
                self.registers.raise_irqs(TIMER_IRQ)
            elif first is not None and first.at_ns <= now_ns:
                self._due.remove(first)
                first.act()
            else:
                return
