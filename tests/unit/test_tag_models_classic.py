"""The MIFARE Classic model: sectors, keys, access conditions."""

from __future__ import annotations

import pytest

from reader_agent.emulators.tags.classic import (
    KEY_A,
    KEY_B,
    TRANSPORT_KEY,
    MifareClassic,
    trailer_of,
)
from reader_agent.emulators.tags.model import ACK, Nibble

UID = bytes.fromhex("3D99C723")
NAK = Nibble(0x4)
OTHER_KEY = bytes.fromhex("A0A1A2A3A4A5")
DATA = bytes(range(16))


def opened(tag: MifareClassic, block: int, command: int = KEY_A) -> MifareClassic:
    assert tag.authenticate(command, block, TRANSPORT_KEY)
    return tag


def read(tag: MifareClassic, block: int) -> object:
    return tag.command(bytes([0x30, block]))


def write(tag: MifareClassic, block: int, data: bytes) -> list[object]:
    return [tag.command(bytes([0xA0, block])), tag.command(data)]


def trailer(c1: int, c2: int, c3: int, key_b: bytes = TRANSPORT_KEY) -> bytes:
    """A trailer with these access nibbles: bit 0 to 2 the data blocks, bit 3 the trailer."""
    bits = bytes([(c2 ^ 15) << 4 | c1 ^ 15, c1 << 4 | c3 ^ 15, c3 << 4 | c2, 0x69])
    return TRANSPORT_KEY + bits + key_b


def test_block_0_tells_the_uid_its_check_byte_sak_and_atqa() -> None:
    tag = opened(MifareClassic(UID), 0)
    assert read(tag, 0) == bytes.fromhex("3D99C723 40 08 0400").ljust(16, b"\x00")


def test_what_is_written_stays_when_it_leaves_the_field() -> None:
    tag = opened(MifareClassic(UID), 8)
    assert write(tag, 8, DATA) == [ACK, ACK]
    tag.field_off()
    assert read(tag, 8) == NAK
    assert read(opened(tag, 8), 8) == DATA


def test_nothing_is_told_before_a_key_was_given() -> None:
    tag = MifareClassic(UID)
    assert read(tag, 8) == NAK
    assert tag.command(bytes([0xA0, 8])) == NAK


def test_a_sector_that_was_not_opened_is_silent_and_closes_the_other() -> None:
    tag = opened(MifareClassic(UID), 8)
    assert read(tag, 12) is None
    assert read(tag, 8) == NAK


def test_a_wrong_key_closes_what_was_open() -> None:
    tag = opened(MifareClassic(UID), 8)
    assert not tag.authenticate(KEY_A, 8, OTHER_KEY)
    assert read(tag, 8) == NAK


@pytest.mark.parametrize(("command", "block"), [(0x62, 8), (KEY_A, 64), (KEY_B, 255)])
def test_there_is_no_third_key_and_no_block_64(command: int, block: int) -> None:
    assert not MifareClassic(UID).authenticate(command, block, TRANSPORT_KEY)


def test_key_a_is_never_told_and_key_b_only_where_it_is_no_key() -> None:
    tag = opened(MifareClassic(UID), 11)
    assert read(tag, 11) == bytes(6) + bytes.fromhex("FF078069") + TRANSPORT_KEY


def test_block_0_is_never_written() -> None:
    tag = opened(MifareClassic(UID), 0)
    assert tag.command(b"\xa0\x00") == NAK


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"\x00"])
def test_a_block_is_written_whole_or_not(data: bytes) -> None:
    tag = opened(MifareClassic(UID), 8)
    assert write(tag, 8, data) == [ACK, NAK]
    assert read(opened(tag, 8), 8) == bytes(16)


def test_an_unknown_command_is_refused_and_closes_the_sector() -> None:
    tag = opened(MifareClassic(UID), 8)
    assert tag.command(b"\xc1\x08") == NAK
    assert read(tag, 8) == NAK


def test_new_keys_hold_from_the_next_authentication_on() -> None:
    tag = opened(MifareClassic(UID), 8)
    new = OTHER_KEY + bytes.fromhex("FF078069") + TRANSPORT_KEY
    assert write(tag, 11, new) == [ACK, ACK]
    assert not tag.authenticate(KEY_A, 8, TRANSPORT_KEY)
    assert tag.authenticate(KEY_A, 8, OTHER_KEY)
    assert tag.authenticate(KEY_A, 12, TRANSPORT_KEY)


def test_a_key_b_that_can_be_read_opens_nothing() -> None:
    tag = opened(MifareClassic(UID), 8, KEY_B)
    assert read(tag, 8) == NAK


# C1 C2 C3 of a data block, and what key A and key B may then do: data sheet table 8.
DATA_RIGHTS = [
    (0b000, "rw", "rw"),
    (0b010, "r", "r"),
    (0b100, "r", "rw"),
    (0b110, "r", "rw"),
    (0b001, "r", "r"),
    (0b011, "", "rw"),
    (0b101, "", "r"),
    (0b111, "", ""),
]


@pytest.mark.parametrize(("bits", "key_a", "key_b"), DATA_RIGHTS)
@pytest.mark.parametrize("group", [0, 1, 2])
def test_data_blocks_obey_their_access_bits(bits: int, key_a: str, key_b: str, group: int) -> None:
    c1, c2, c3 = ((bits >> shift & 1) << group for shift in (2, 1, 0))
    # The trailer condition 011 keeps key B secret, so that it is a key.
    content = {11: trailer(c1, c2 | 0x8, c3 | 0x8)}
    for command, may in ((KEY_A, key_a), (KEY_B, key_b)):
        tag = MifareClassic(UID, content)
        block = 8 + group
        assert read(opened(tag, block, command), block) == (bytes(16) if "r" in may else NAK)
        opened(tag, block, command)
        assert tag.command(bytes([0xA0, block])) == (ACK if "w" in may else NAK)


def test_access_bits_that_contradict_their_copies_kill_the_sector() -> None:
    broken = bytearray(trailer(0, 0, 8))
    broken[6] ^= 0x01
    tag = opened(MifareClassic(UID, {11: bytes(broken)}), 8)
    for block in (8, 11):
        assert read(opened(tag, 8), block) == NAK
    assert not isinstance(read(opened(tag, 12), 12), Nibble)


def test_a_trailer_that_only_key_b_may_change() -> None:
    content = {11: trailer(0, 8, 8, OTHER_KEY)}
    tag = opened(MifareClassic(UID, content), 8)
    assert tag.command(b"\xa0\x0b") == NAK
    assert tag.authenticate(KEY_B, 8, OTHER_KEY)
    assert write(tag, 11, trailer(0, 0, 8)) == [ACK, ACK]
    assert read(opened(tag, 11), 11) == bytes(6) + bytes.fromhex("FF078069") + TRANSPORT_KEY


def test_a_4k_has_sectors_of_16_blocks_from_128_on() -> None:
    assert [trailer_of(block) for block in (0, 3, 127, 128, 143, 255)] == [3, 3, 127, 143, 143, 255]
    tag = opened(MifareClassic(UID, blocks=256), 128)
    assert tag.sak == 0x18
    assert write(tag, 142, DATA) == [ACK, ACK]
    assert read(tag, 142) == DATA
    assert read(tag, 144) is None


def test_a_group_of_a_large_sector_is_five_blocks() -> None:
    content = {143: trailer(2, 8 | 2, 8 | 2)}
    for block, is_open in ((132, True), (133, False), (137, False), (138, True)):
        tag = opened(MifareClassic(UID, content, blocks=256), block)
        assert (read(tag, block) != NAK) is is_open


# C1 C2 C3 of a trailer: who may write the keys, and who the access bits; data sheet table 7.
TRAILER_RIGHTS = [
    (0b000, "a", ""),
    (0b010, "", ""),
    (0b100, "b", ""),
    (0b110, "", ""),
    (0b001, "a", "a"),
    (0b011, "b", "b"),
    (0b101, "", "b"),
    (0b111, "", ""),
]


@pytest.mark.parametrize(("bits", "keys", "access"), TRAILER_RIGHTS)
def test_trailers_obey_their_access_bits(bits: int, keys: str, access: str) -> None:
    c1, c2, c3 = ((bits >> shift & 1) << 3 for shift in (2, 1, 0))
    old = trailer(c1, c2, c3)
    new = OTHER_KEY + trailer(7, 0, 8)[6:10] + OTHER_KEY
    for command, name in ((KEY_A, "a"), (KEY_B, "b")):
        tag = opened(MifareClassic(UID, {11: old}), 8, command)
        may = name in keys or name in access
        assert tag.command(b"\xa0\x0b") == (ACK if may else NAK)
        if may:
            assert tag.command(new) == ACK
        after = bytes(tag.blocks[11])
        assert (after[:6], after[10:]) == (
            (OTHER_KEY,) * 2 if name in keys else (TRANSPORT_KEY,) * 2
        )
        assert after[6:10] == (new if name in access else old)[6:10]


@pytest.mark.parametrize("bits", [0b100, 0b110, 0b011, 0b101, 0b111])
def test_a_secret_key_b_is_not_told(bits: int) -> None:
    c1, c2, c3 = ((bits >> shift & 1) << 3 for shift in (2, 1, 0))
    for command in (KEY_A, KEY_B):
        tag = opened(MifareClassic(UID, {11: trailer(c1, c2, c3)}), 8, command)
        assert read(tag, 11) == bytes(6) + trailer(c1, c2, c3)[6:10] + bytes(6)
