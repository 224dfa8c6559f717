"""The radio of the emulated MFRC522: frames, collisions, Crypto1, and what no tag hears."""

from __future__ import annotations

import pytest

from reader_agent.drivers.rc522_map import Command, Reg
from reader_agent.emulators.mfrc522_rf import CollisionCount
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.spec import make_tag
from tests.mfrc522_host import ERR_IRQ, IDLE_IRQ, RX_IRQ, TIMER_IRQ, TX_IRQ, Host


def test_an_answer_takes_its_time_and_stops_the_timer() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.send("26", last_bits=7)
    host.clock.advance(0.00008)
    assert host.read(Reg.COM_IRQ) == TX_IRQ
    host.clock.advance(0.00042)
    assert host.read(Reg.COM_IRQ) == TX_IRQ | RX_IRQ
    assert host.read_fifo() == b"\x04\x00"
    assert host.read(Reg.CONTROL) & 0x07 == 0
    assert host.read(Reg.COMMAND) == Command.TRANSCEIVE
    host.clock.advance(1)
    assert host.read(Reg.COM_IRQ) == TX_IRQ | RX_IRQ


def test_an_idle_that_the_host_writes_raises_no_flag_and_cancels_what_was_going_on() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.send("26", last_bits=7)
    host.write(Reg.COMMAND, Command.IDLE)
    host.clock.advance(0.01)
    assert host.read(Reg.COM_IRQ) == 0
    assert host.read(Reg.FIFO_LEVEL) == 0


def test_transmit_sends_and_ends_without_listening() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.write(Reg.COM_IRQ, 0x7F)
    host.write(Reg.BIT_FRAMING, 7)
    host.write(Reg.FIFO_DATA, 0x26)
    host.write(Reg.COMMAND, Command.TRANSMIT)
    host.clock.advance(0.01)
    assert host.read(Reg.COM_IRQ) & (TX_IRQ | IDLE_IRQ | RX_IRQ) == TX_IRQ | IDLE_IRQ
    assert host.exchange("9320") == bytes.fromhex("3D99C72340"), "the tag has heard it"


def test_no_tag_answers_while_the_antenna_is_off_and_it_forgets_where_it_was() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.exchange("26", last_bits=7)
    host.write(Reg.TX_CONTROL, 0x80)
    assert host.exchange("9320") == b""
    host.write(Reg.TX_CONTROL, 0x83)
    assert host.exchange("9320") == b""
    assert host.exchange("26", last_bits=7) == b"\x04\x00"


def test_the_receiver_can_be_off() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.write(Reg.FIFO_DATA, 0x26)
    host.write(Reg.BIT_FRAMING, 7)
    host.write(Reg.COMMAND, 0x20 | Command.TRANSCEIVE)
    host.write(Reg.BIT_FRAMING, 0x87)
    host.clock.advance(0.01)
    assert host.read(Reg.FIFO_LEVEL) == 0


def test_a_start_bit_left_over_sends_with_the_command_and_cuts_as_before() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.exchange("26", last_bits=7)
    host.write(Reg.COMMAND, Command.IDLE)
    host.write(Reg.FIFO_DATA, 0x93, 0x20)
    host.write(Reg.COMMAND, Command.TRANSCEIVE)
    assert host.read(Reg.FIFO_LEVEL) == 0, "gone, with seven bits of its last byte"
    host.clock.advance(0.01)
    assert host.read(Reg.FIFO_LEVEL) == 0


def test_four_bits_are_one_byte_and_a_count() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.select()
    assert host.exchange("E050BCA5") == b"\x04", "a Classic's NAK to RATS"
    assert host.read(Reg.CONTROL) & 0x07 == 4


def test_the_first_bits_of_an_answer_are_moved_by_rx_align() -> None:
    # Two bits of 6A 6D EE 36 are known, and the other 38 come back behind two zeros.
    host = Host("nfca:6A6DEE36")
    host.set_up()
    host.exchange("26", last_bits=7)
    assert host.exchange("932202", last_bits=2, align=2) == bytes.fromhex("686DEE36DF")
    assert host.read(Reg.CONTROL) & 0x07 == 0


def test_a_collision_is_told_with_its_place_and_the_bits_after_it_are_zeros() -> None:
    host = Host("nfca:0F00F011", "nfca:0F04F011")
    host.set_up()
    host.exchange("26", last_bits=7)
    assert host.exchange("9320") == bytes.fromhex("0F00000000")
    assert host.read(Reg.ERROR) == 0x08
    assert host.read(Reg.COLL) == 11
    assert host.read(Reg.COM_IRQ) & ERR_IRQ


def test_with_values_after_collision_the_bits_are_mixed() -> None:
    host = Host("nfca:0F00F011", "nfca:0F04F011")
    host.set_up()
    host.write(Reg.COLL, 0x80)
    host.exchange("26", last_bits=7)
    assert host.exchange("9320")[:4] == bytes.fromhex("0F04F011")
    assert host.read(Reg.COLL) == 0x80 | 11


@pytest.mark.parametrize(
    ("count", "place"), [(CollisionCount.LEVEL, 11), (CollisionCount.FRAME, 7)]
)
def test_a_later_collision_is_counted_from_the_uid_or_from_the_frame(
    count: CollisionCount, place: int
) -> None:
    host = Host("nfca:0F00F011", "nfca:0F04F011", count=count)
    host.set_up()
    host.exchange("26", last_bits=7)
    host.exchange("93240F", last_bits=4, align=4)
    assert host.read(Reg.COLL) == place


def test_a_collision_in_the_last_bit_of_a_uid_reads_as_place_0() -> None:
    host = Host("nfca:00000000", "nfca:00000080")
    host.set_up()
    host.exchange("26", last_bits=7)
    host.exchange("9320")
    assert host.read(Reg.COLL) == 0


def test_a_collision_behind_the_uid_has_no_place() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.air.put(RadioTag(make_tag({"model": "ntag215", "uid": "04E20B66100289"})))
    for tag in host.air.tags:
        tag.exchange(b"\x26", 7)
    host.exchange("9320")
    assert host.read(Reg.ERROR) & 0x08


def test_authentication_switches_crypto1_on_and_ends_by_itself() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.select()
    host.authenticate()
    assert host.read(Reg.STATUS2) & 0x08
    assert host.read(Reg.COM_IRQ) & (IDLE_IRQ | TIMER_IRQ) == IDLE_IRQ
    assert host.read(Reg.COMMAND) == Command.IDLE
    assert len(host.exchange("300426EE")) == 18


def test_a_wrong_key_shows_as_a_timeout_only() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.select()
    host.authenticate(bytes(6))
    assert host.read(Reg.STATUS2) & 0x08 == 0
    assert host.read(Reg.COM_IRQ) & (IDLE_IRQ | TIMER_IRQ) == TIMER_IRQ
    assert host.read(Reg.COMMAND) == Command.MF_AUTHENT
    assert host.exchange("26", last_bits=7) == b"\x04\x00", "the tag went back to the beginning"


def test_with_crypto1_on_one_side_only_nothing_is_understood() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.select()
    host.authenticate()
    host.write(Reg.STATUS2, 0x00)
    assert host.exchange("300426EE") == b""
    host.select()
    host.authenticate()
    assert host.exchange("52", last_bits=7) == b""
    assert host.exchange("52", last_bits=7) == b"", "the tag is there, and hears noise"
    host.write(Reg.STATUS2, 0x00)
    assert host.exchange("52", last_bits=7) == b"\x04\x00"


def test_authentication_needs_twelve_bytes_and_a_field() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.select()
    host.write(Reg.FIFO_DATA, 0x60, 4)
    host.write(Reg.COMMAND, Command.MF_AUTHENT)
    host.clock.advance(0.02)
    assert host.read(Reg.STATUS2) == 0


def test_writing_into_a_fifo_that_the_radio_uses_is_an_error() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.send("26", last_bits=7)
    host.write(Reg.FIFO_DATA, 0x00)
    assert host.read(Reg.ERROR) == 0x80


def test_the_chip_can_add_and_check_the_crc_itself() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.exchange("26", last_bits=7)
    host.exchange("9320")
    host.write(Reg.TX_MODE, 0x80)
    host.write(Reg.RX_MODE, 0x80)
    assert host.exchange("93703D99C72340") == b"\x08"
    assert host.read(Reg.STATUS1) & 0x40
    host.air.spoiled_crc = 1
    host.write(Reg.TX_MODE, 0x00)
    host.write(Reg.RX_MODE, 0x00)
    host.exchange("52", last_bits=7)
    host.exchange("52", last_bits=7)
    host.write(Reg.TX_MODE, 0x80)
    host.write(Reg.RX_MODE, 0x80)
    host.exchange("93703D99C72340")
    assert host.read(Reg.ERROR) == 0x04


def test_an_answer_longer_than_the_fifo_overflows_it() -> None:
    host = Host()
    host.set_up()
    host.air.put(RadioTag(make_tag({"model": "ntag215", "uid": "04E20B66100289"})))
    host.exchange("26", last_bits=7)
    host.exchange("93708804E20B651F17")
    host.exchange("957066100289FDDD1A")
    host.write(Reg.TX_MODE, 0x80)
    assert len(host.exchange("3A0413")) == 64, "of FAST_READ's 16 pages and their CRC"
    assert host.read(Reg.ERROR) & 0x10


def test_a_chip_that_hangs_does_nothing_until_it_is_reset() -> None:
    host = Host("nfca:3D99C723")
    host.set_up()
    host.chip.is_hung = True
    host.send("26", last_bits=7)
    host.clock.advance(1)
    assert host.read(Reg.COM_IRQ) == 0
    host.write(Reg.COMMAND, Command.SOFT_RESET)
    host.set_up()
    assert host.exchange("26", last_bits=7) == b"\x04\x00"
