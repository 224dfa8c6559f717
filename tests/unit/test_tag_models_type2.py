"""The Type 2 models: memory, wrap-around, locks, password, counter, and the link they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.emulators.tags.model import ACK, Nibble
from reader_agent.emulators.tags.type2_tag import (
    NTAG213,
    NTAG215,
    NTAG216,
    ULTRALIGHT,
    Chip,
    Type2Tag,
)

SIGNATURES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "ntag424.json").read_text(encoding="utf-8")
)["signatures"]
UID = bytes.fromhex("04416D412B0289")
NAK = Nibble(0x0)
LOCKED_OUT = Nibble(0x4)
NTAGS = [NTAG213, NTAG215, NTAG216]
CHIPS = [*NTAGS, ULTRALIGHT]
PASSWORD = b"\xff\xff\xff\xff"
LINK = "https://valet.example/t"
LINK_TLV = bytes.fromhex("0314d10110550476616c65742e6578616d706c652f74fe")

every_chip = pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: f"{chip.pages}-pages")
every_ntag = pytest.mark.parametrize("chip", NTAGS, ids=lambda chip: f"{chip.pages}-pages")


def read(tag: Type2Tag, page: int) -> object:
    return tag.command(bytes([0x30, page]))


def write(tag: Type2Tag, page: int, data: str) -> object:
    return tag.command(bytes([0xA2, page]) + bytes.fromhex(data))


def config(tag: Type2Tag) -> int:
    assert tag.chip.lock_page is not None
    return tag.chip.lock_page + 1


def configured(chip: Chip, auth0: int, access: int) -> Type2Tag:
    tag = Type2Tag(UID, chip)
    assert write(tag, config(tag), f"040000{auth0:02x}") == ACK
    assert write(tag, config(tag) + 1, f"{access:02x}050000") == ACK
    tag.select()
    return tag


@every_chip
def test_the_first_pages_hold_the_uid_with_its_check_bytes(chip: Chip) -> None:
    first = read(Type2Tag(UID, chip), 0)
    assert isinstance(first, bytes)
    bcc0, bcc1 = 0x88 ^ 0x04 ^ 0x41 ^ 0x6D, 0x41 ^ 0x2B ^ 0x02 ^ 0x89
    assert first == UID[:3] + bytes([bcc0]) + UID[3:] + bytes([bcc1, 0x48, 0, 0]) + chip.cc


@every_ntag
def test_the_version_tells_the_chip(chip: Chip) -> None:
    versions = {45: "0004040201000f03", 135: "0004040201001103", 231: "0004040201001303"}
    reply = Type2Tag(UID, chip).command(b"\x60")
    assert isinstance(reply, bytes)
    assert reply.hex() == versions[chip.pages]


@every_chip
def test_reading_wraps_to_page_0_at_the_end(chip: Chip) -> None:
    tag = Type2Tag(UID, chip)
    last, start = read(tag, chip.pages - 1), read(tag, 0)
    assert isinstance(last, bytes)
    assert isinstance(start, bytes)
    assert last[4:] == start[:12]
    assert read(tag, chip.pages) == NAK


@every_ntag
def test_the_configuration_is_as_from_the_factory(chip: Chip) -> None:
    tag = Type2Tag(UID, chip)
    reply = tag.command(bytes([0x3A, config(tag) - 1, chip.pages - 1]))
    assert isinstance(reply, bytes)
    assert reply.hex() == "000000bd040000ff000500000000000000000000"


@every_ntag
def test_fast_read_gives_the_pages_asked_for_and_no_wrap(chip: Chip) -> None:
    tag = Type2Tag(UID, chip, url=LINK)
    pages = [read(tag, page) for page in range(chip.pages)]
    whole = b"".join(page[:4] for page in pages if isinstance(page, bytes))
    assert tag.command(bytes([0x3A, 0, chip.pages - 1])) == whole
    assert tag.command(bytes([0x3A, 4, 4])) == whole[16:20]
    assert tag.command(bytes([0x3A, 4, chip.pages])) == NAK
    assert tag.command(bytes([0x3A, 5, 4])) == NAK


@every_chip
def test_a_link_is_where_phones_look_for_it(chip: Chip) -> None:
    tag = Type2Tag(UID, chip, url=LINK)
    at = 21 if chip is NTAG213 else 16
    assert bytes(tag.memory[at : at + len(LINK_TLV)]) == LINK_TLV
    assert bytes(tag.memory[16:21]) == bytes.fromhex("0103A00C34") or chip is not NTAG213


def test_a_message_of_255_bytes_has_a_long_length() -> None:
    link = LINK + "/" + "a" * 300
    tag = Type2Tag(UID, NTAG216, url=link)
    message = len(link) - len("https://") + 1 + 7
    assert bytes(tag.memory[16:20]) == b"\x03\xff" + message.to_bytes(2, "big")
    assert bytes(tag.memory[20:27]) == bytes.fromhex("c101") + (message - 7).to_bytes(4) + b"U"


@every_chip
def test_a_link_that_is_too_long_is_not_stored(chip: Chip) -> None:
    room = (chip.first_page_after_user - 4) * 4
    with pytest.raises(ValueError, match="too long"):
        Type2Tag(UID, chip, url="https://a.b/" + "c" * room)


@every_chip
def test_user_pages_are_written_and_kept(chip: Chip) -> None:
    tag = Type2Tag(UID, chip)
    last = chip.first_page_after_user - 1
    assert write(tag, last, "01020304") == ACK
    tag.field_off()
    reply = read(tag, last)
    assert isinstance(reply, bytes)
    assert reply[:4] == b"\x01\x02\x03\x04"


@every_chip
@pytest.mark.parametrize("page", [0, 1, 255])
def test_the_uid_and_what_is_not_there_are_not_written(chip: Chip, page: int) -> None:
    assert write(Type2Tag(UID, chip), page, "01020304") == NAK


def test_the_old_write_command_writes_the_first_four_of_16_bytes() -> None:
    tag = Type2Tag(UID, ULTRALIGHT)
    assert tag.command(b"\xa0\x05") == ACK
    assert tag.command(bytes(range(1, 17))) == ACK
    reply = read(tag, 5)
    assert isinstance(reply, bytes)
    assert reply[:8] == b"\x01\x02\x03\x04\x00\x00\x00\x00"
    assert tag.command(b"\xa0\x01") == NAK
    assert tag.command(b"\xa0\x05") == ACK
    assert tag.command(b"\x01\x02\x03\x04") is None


@pytest.mark.parametrize("command", ["1a00", "60", "3c00", "3a0004", "3902", "1bffffffff", ""])
def test_an_ultralight_is_silent_to_what_it_does_not_know(command: str) -> None:
    assert Type2Tag(UID, ULTRALIGHT).command(bytes.fromhex(command)) is None


@pytest.mark.parametrize("command", ["1a00", "30", "300000", "6000", "a20401", "c104", "e050"])
def test_an_ntag_is_silent_to_what_it_does_not_know(command: str) -> None:
    assert Type2Tag(UID).command(bytes.fromhex(command)) is None


# Lock bits


def test_one_time_bits_are_only_ever_set() -> None:
    tag = Type2Tag(UID, ULTRALIGHT)
    assert write(tag, 3, "0000000f") == ACK
    assert write(tag, 3, "00000000") == ACK
    assert bytes(tag.memory[12:16]) == bytes.fromhex("E110060F")


@pytest.mark.parametrize("page", range(3, 16))
def test_a_static_lock_bit_locks_its_page_for_good(page: int) -> None:
    tag = Type2Tag(UID)
    locks = (1 << page).to_bytes(2, "little").hex()
    assert write(tag, 2, "ffff" + locks) == ACK
    assert write(tag, page, "01020304") == NAK
    assert write(tag, 2, "00000000") == ACK
    assert write(tag, page, "01020304") == NAK
    other = 4 if page != 4 else 5
    assert write(tag, other, "01020304") == ACK
    assert bytes(tag.memory[8:10]) == Type2Tag(UID).memory[8:10]


@pytest.mark.parametrize(
    ("freeze", "pages"), [(0x01, [3]), (0x02, range(4, 10)), (0x04, range(10, 16))]
)
def test_a_frozen_lock_bit_is_not_set_any_more(freeze: int, pages: list[int]) -> None:
    tag = Type2Tag(UID)
    assert write(tag, 2, f"0000{freeze:02x}00") == ACK
    assert write(tag, 2, "0000f8ff") == ACK
    locked = [page for page in range(3, 16) if write(tag, page, "00000000") == NAK]
    assert locked == [page for page in range(3, 16) if page not in pages]


@pytest.mark.parametrize(
    ("chip", "bit", "first", "last"),
    [
        (NTAG213, 0, 16, 17),
        (NTAG213, 11, 38, 39),
        (NTAG215, 0, 16, 31),
        (NTAG215, 7, 128, 129),
        (NTAG216, 13, 224, 225),
    ],
)
def test_a_dynamic_lock_bit_locks_its_pages(chip: Chip, bit: int, first: int, last: int) -> None:
    tag = Type2Tag(UID, chip)
    assert chip.lock_page is not None
    locks = (1 << bit).to_bytes(3, "little").hex()
    assert write(tag, chip.lock_page, locks + "00") == ACK
    locked = [page for page in range(4, chip.lock_page) if write(tag, page, "00000000") == NAK]
    assert locked == list(range(first, last + 1))
    assert tag.memory[chip.lock_page * 4 + 3] == 0xBD


@every_ntag
def test_a_locked_configuration_stays(chip: Chip) -> None:
    tag = configured(chip, 0xFF, 0x40)
    assert write(tag, config(tag), "04000004") == NAK
    assert write(tag, config(tag) + 1, "00050000") == NAK
    assert write(tag, config(tag) + 2, "01020304") == ACK


# Password


@every_ntag
def test_the_right_password_gives_pack_and_opens_what_is_protected(chip: Chip) -> None:
    tag = configured(chip, auth0=6, access=0x00)
    assert write(tag, 5, "01020304") == ACK
    assert write(tag, 6, "01020304") == NAK
    assert tag.command(b"\x1b" + PASSWORD) == b"\x00\x00"
    assert write(tag, 6, "01020304") == ACK
    tag.select()
    assert write(tag, 6, "05060708") == NAK
    assert isinstance(read(tag, 6), bytes)


@every_ntag
def test_protected_reading_ends_before_the_first_protected_page(chip: Chip) -> None:
    tag = configured(chip, auth0=6, access=0x80)
    wrapped, start = read(tag, 5), read(tag, 0)
    assert isinstance(wrapped, bytes)
    assert isinstance(start, bytes)
    assert wrapped[4:] == start[:12]
    assert read(tag, 6) == NAK
    assert tag.command(b"\x3a\x00\x05") == start + wrapped[:0] + bytes(tag.memory[16:24])
    assert tag.command(b"\x3a\x00\x06") == NAK
    assert tag.command(b"\x1b" + PASSWORD) == b"\x00\x00"
    assert isinstance(read(tag, 6), bytes)


@every_ntag
def test_a_changed_password_and_pack_are_never_read(chip: Chip) -> None:
    tag = Type2Tag(UID, chip)
    assert write(tag, config(tag) + 2, "70617373") == ACK
    assert write(tag, config(tag) + 3, "abcd0000") == ACK
    assert tag.command(b"\x1bpass") == b"\xab\xcd"
    shown = read(tag, config(tag) + 2)
    assert isinstance(shown, bytes)
    assert shown[:8] == bytes(8)


def test_a_new_limit_holds_after_the_next_selection() -> None:
    tag = Type2Tag(UID)
    assert write(tag, config(tag), "04000004") == ACK
    assert write(tag, 4, "01020304") == ACK
    tag.select()
    assert write(tag, 4, "01020304") == NAK


def test_too_many_wrong_passwords_lock_out_the_right_one_for_good() -> None:
    tag = configured(NTAG215, auth0=4, access=0x03)
    for _ in range(3):
        assert tag.command(b"\x1bwhat") == NAK
    assert tag.command(b"\x1b" + PASSWORD) == LOCKED_OUT
    tag.field_off()
    assert tag.command(b"\x1b" + PASSWORD) == LOCKED_OUT


def test_the_right_password_in_time_forgives_the_wrong_ones() -> None:
    tag = configured(NTAG215, auth0=4, access=0x03)
    for _ in range(4):
        assert tag.command(b"\x1bwhat") == NAK
        assert tag.command(b"\x1bwhat") == NAK
        assert tag.command(b"\x1b" + PASSWORD) == b"\x00\x00"


def test_without_a_limit_wrong_passwords_are_only_refused() -> None:
    tag = configured(NTAG215, auth0=4, access=0x00)
    assert {tag.command(b"\x1bwhat") for _ in range(20)} == {NAK}
    assert tag.command(b"\x1b" + PASSWORD) == b"\x00\x00"


# Counter and signature


def test_the_counter_counts_fields_in_which_it_was_read() -> None:
    tag = Type2Tag(UID, NTAG213, counter=9)
    assert tag.command(b"\x39\x02") == NAK
    assert write(tag, config(tag) + 1, "10050000") == ACK
    tag.field_off()
    assert tag.command(b"\x39\x02") == b"\x09\x00\x00"
    for expected in (10, 11):
        read(tag, 4)
        tag.command(b"\x3a\x04\x06")
        tag.select()
        read(tag, 4)
        assert tag.command(b"\x39\x02") == expected.to_bytes(3, "little")
        tag.field_off()
    assert tag.command(b"\x39\x00") == NAK


def test_a_protected_counter_needs_the_password() -> None:
    tag = configured(NTAG213, auth0=0xFF, access=0x18)
    assert tag.command(b"\x39\x02") == NAK
    assert tag.command(b"\x1b" + PASSWORD) == b"\x00\x00"
    assert tag.command(b"\x39\x02") == bytes(3)


def test_the_counter_ends_at_its_top() -> None:
    tag = Type2Tag(UID, NTAG213, counter=0xFFFFFF)
    assert write(tag, config(tag) + 1, "10050000") == ACK
    tag.field_off()
    read(tag, 4)
    assert tag.command(b"\x39\x02") == b"\xff\xff\xff"


@pytest.mark.parametrize(
    "fact",
    [fact for fact in SIGNATURES if fact["chips"] == "NTAG21x"],
    ids=lambda fact: str(fact["uid"]),
)
def test_published_chips_have_their_published_signature(fact: dict[str, Any]) -> None:
    tag = Type2Tag(bytes.fromhex(fact["uid"]))
    assert tag.command(b"\x3c\x00") == bytes.fromhex(fact["signature"])


def test_no_other_chip_passes_for_original() -> None:
    assert Type2Tag(UID).command(b"\x3c\x00") == bytes(32)
    assert Type2Tag(UID, signature=b"s" * 32).command(b"\x3c\x00") == b"s" * 32
    assert Type2Tag(UID).command(b"\x3c\x01") == NAK
