"""The emulated MFRC522, register by register."""

from __future__ import annotations

import pytest

from reader_agent.drivers.rc522_map import Command, Reg, timer_ns
from tests.mfrc522_host import ERR_IRQ, IDLE_IRQ, LO_ALERT_IRQ, RX_IRQ, TIMER_IRQ, TX_IRQ, Host


def test_after_power_on_the_registers_have_their_reset_values() -> None:
    host = Host()
    expected = {
        Reg.COMMAND: 0x20, Reg.COM_I_EN: 0x80, Reg.COM_IRQ: 0x14, Reg.DIV_IRQ: 0x00,
        Reg.ERROR: 0x00, Reg.STATUS1: 0x21, Reg.STATUS2: 0x00, Reg.FIFO_LEVEL: 0x00,
        Reg.CONTROL: 0x10, Reg.BIT_FRAMING: 0x00, Reg.COLL: 0xA0, Reg.MODE: 0x3F,
        Reg.TX_MODE: 0x00, Reg.RX_MODE: 0x00, Reg.TX_CONTROL: 0x80, Reg.TX_ASK: 0x00,
        Reg.CRC_RESULT_H: 0xFF, Reg.CRC_RESULT_L: 0xFF, Reg.MOD_WIDTH: 0x26, Reg.RF_CFG: 0x48,
        Reg.T_MODE: 0x00, Reg.T_RELOAD_L: 0x00, Reg.VERSION: 0x92,
    }  # fmt: skip
    assert {reg: host.read(reg) for reg in expected} == expected


def test_a_write_to_an_interrupt_register_sets_or_clears_the_marked_bits() -> None:
    host = Host()
    host.write(Reg.COM_IRQ, 0x80 | RX_IRQ)
    assert host.read(Reg.COM_IRQ) == 0x14 | RX_IRQ
    host.write(Reg.COM_IRQ, RX_IRQ | 0x10)
    assert host.read(Reg.COM_IRQ) == 0x04
    host.write(Reg.DIV_IRQ, 0x80 | 0x14)
    host.write(Reg.DIV_IRQ, 0x10)
    assert host.read(Reg.DIV_IRQ) == 0x04


def test_what_is_the_chips_alone_cannot_be_written() -> None:
    host = Host()
    for reg in (Reg.ERROR, Reg.VERSION, Reg.CRC_RESULT_H, Reg.STATUS1, Reg.T_COUNTER_L):
        before = host.read(reg)
        host.write(reg, ~before & 0xFF)
        assert host.read(reg) == before
    host.write(Reg.STATUS2, 0xFF)
    assert host.read(Reg.STATUS2) == 0xF7, "Crypto1 cannot be switched on by hand"
    host.write(Reg.COLL, 0x7F)
    assert host.read(Reg.COLL) == 0x20


def test_the_fifo_holds_64_bytes_and_says_when_there_were_more() -> None:
    host = Host()
    host.write(Reg.FIFO_DATA, *range(64))
    assert (host.read(Reg.FIFO_LEVEL), host.read(Reg.ERROR)) == (64, 0)
    assert host.read(Reg.STATUS1) & 0x03 == 0x02, "HiAlert"
    host.write(Reg.FIFO_DATA, 0xAA)
    assert host.read(Reg.ERROR) == 0x10
    assert host.read(Reg.COM_IRQ) & (ERR_IRQ | 0x08) == ERR_IRQ | 0x08
    assert host.read_fifo() == bytes(range(64))
    assert host.read(Reg.FIFO_DATA) == 0
    host.write(Reg.FIFO_DATA, 1, 2)
    host.write(Reg.FIFO_LEVEL, 0x80)
    assert (host.read(Reg.FIFO_LEVEL), host.read(Reg.ERROR)) == (0, 0)


def test_an_alert_is_an_event_and_no_state() -> None:
    host = Host()
    host.write(Reg.COM_IRQ, 0x7F)
    host.write(Reg.FIFO_DATA, *range(9))
    assert host.read(Reg.STATUS1) & 0x01 == 0
    assert host.read(Reg.COM_IRQ) & LO_ALERT_IRQ == 0
    host.read(Reg.FIFO_DATA)
    assert host.read(Reg.COM_IRQ) & LO_ALERT_IRQ


def test_an_enabled_flag_shows_in_status_1() -> None:
    host = Host()
    host.write(Reg.COM_I_EN, 0x80)
    assert host.read(Reg.STATUS1) & 0x10 == 0
    host.write(Reg.COM_I_EN, 0x90)
    assert host.read(Reg.STATUS1) & 0x10


def test_one_transfer_may_read_several_registers() -> None:
    host = Host()
    sent = bytes([Reg.VERSION << 1 | 0x80, Reg.TX_CONTROL << 1 | 0x80, Reg.MODE << 1 | 0x80, 0])
    assert host.chip.transfer(sent) == bytes([0, 0x92, 0x80, 0x3F])


def test_the_coprocessor_computes_crc_a_until_it_is_told_to_stop() -> None:
    host = Host()
    host.set_up()
    host.write(Reg.FIFO_DATA, 0x50)
    host.write(Reg.COMMAND, Command.CALC_CRC)
    host.write(Reg.FIFO_DATA, 0x00)
    assert (host.read(Reg.CRC_RESULT_L), host.read(Reg.CRC_RESULT_H)) == (0x57, 0xCD)
    assert host.read(Reg.DIV_IRQ) == 0x04
    assert host.read(Reg.COMMAND) == Command.CALC_CRC
    host.write(Reg.COMMAND, Command.IDLE)
    host.write(Reg.FIFO_DATA, 0x12)
    assert host.read(Reg.CRC_RESULT_L) == 0x57
    assert host.read(Reg.FIFO_LEVEL) == 1


@pytest.mark.parametrize(("mode", "result"), [(0x3C, "0000"), (0x3F, "FFFF"), (0x3D, "6363")])
def test_the_coprocessor_begins_with_the_preset_of_the_mode(mode: int, result: str) -> None:
    host = Host()
    host.write(Reg.MODE, mode)
    host.write(Reg.COMMAND, Command.CALC_CRC)
    assert f"{host.read(Reg.CRC_RESULT_H):02X}{host.read(Reg.CRC_RESULT_L):02X}" == result


def test_the_timer_follows_its_formula() -> None:
    assert timer_ns(0xD3E, 30) == 15_502_286
    host = Host()
    host.set_up()
    host.send("26", last_bits=7)
    sent_s = 7 * 9.44e-6
    host.clock.advance(sent_s)
    assert host.read(Reg.COM_IRQ) == TX_IRQ
    assert host.read(Reg.STATUS1) & 0x08
    assert host.read(Reg.T_COUNTER_L) == 30
    host.clock.advance(0.015502)
    assert host.read(Reg.COM_IRQ) == TX_IRQ
    host.clock.advance(0.000001)
    assert host.read(Reg.COM_IRQ) == TX_IRQ | TIMER_IRQ
    assert host.read(Reg.STATUS1) & 0x08 == 0
    assert host.read(Reg.T_COUNTER_L) == 0
    assert host.read(Reg.COMMAND) == Command.TRANSCEIVE


def test_the_timer_can_be_started_and_stopped_by_hand() -> None:
    host = Host()
    host.set_up()
    host.write(Reg.COM_IRQ, 0x7F)
    host.write(Reg.CONTROL, 0x40)
    host.clock.advance(0.01)
    host.write(Reg.CONTROL, 0x80)
    host.clock.advance(0.01)
    assert host.read(Reg.COM_IRQ) == 0
    host.write(Reg.CONTROL, 0x40)
    host.clock.advance(0.016)
    assert host.read(Reg.COM_IRQ) == TIMER_IRQ


@pytest.mark.parametrize("command", [Command.MEM, Command.RANDOM_ID])
def test_a_command_that_ends_by_itself_raises_the_idle_flag(command: Command) -> None:
    host = Host()
    host.write(Reg.COM_IRQ, 0x7F)
    host.write(Reg.COMMAND, command)
    assert host.read(Reg.COM_IRQ) == IDLE_IRQ
    assert host.read(Reg.COMMAND) == Command.IDLE


def test_soft_reset_puts_everything_back_and_takes_a_moment() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.exchange("26", last_bits=7)
    host.write(Reg.COMMAND, Command.SOFT_RESET)
    assert host.read(Reg.COMMAND) == 0x30
    host.clock.advance(0.00004)
    assert host.read(Reg.COMMAND) == 0x20
    assert (host.read(Reg.T_MODE), host.read(Reg.TX_CONTROL)) == (0x00, 0x80)
    host.set_up()
    assert host.exchange("9320") == b"", "the tag lost its field"


def test_power_down_keeps_the_registers_and_drops_the_field() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.exchange("26", last_bits=7)
    host.write(Reg.COMMAND, 0x10 | Command.NO_CHANGE)
    assert host.read(Reg.COMMAND) & 0x10
    host.write(Reg.COMMAND, Command.NO_CHANGE)
    assert host.read(Reg.COMMAND) & 0x10, "it is waking up"
    host.clock.advance(0.001)
    assert host.read(Reg.COMMAND) & 0x1F == Command.TRANSCEIVE
    assert host.read(Reg.T_MODE) == 0x8D
    assert host.exchange("9320") == b""
    assert host.exchange("26", last_bits=7) == b"\x04\x00"


def test_a_low_reset_line_reads_as_zeros_and_its_rise_resets() -> None:
    host = Host()
    host.set_up()
    host.chip.set_reset_line(high=False)
    assert host.read(Reg.VERSION) == 0x00
    host.chip.set_reset_line(high=True)
    assert (host.read(Reg.VERSION), host.read(Reg.T_MODE)) == (0x92, 0x00)


def test_errors_are_forgotten_when_a_command_starts() -> None:
    host = Host()
    host.write(Reg.FIFO_DATA, *range(65))
    assert host.read(Reg.ERROR) == 0x10
    host.write(Reg.COMMAND, Command.CALC_CRC)
    assert host.read(Reg.ERROR) == 0


def test_every_access_can_be_traced() -> None:
    host = Host()
    trace: list[str] = []
    host.chip.trace = trace
    host.write(Reg.MODE, 0x3D)
    host.read(Reg.VERSION)
    assert trace == ["W11=3D", "R37=92"]
