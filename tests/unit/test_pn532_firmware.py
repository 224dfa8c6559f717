"""The emulated PN532 against what real ones said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cards.crc_a import with_crc_a
from reader_agent.drivers.pn532_chip import parse_targets
from reader_agent.drivers.pn532_frame import ACK, FROM_CHIP, encode
from reader_agent.emulators.pn532_firmware import Endless, Firmware
from reader_agent.emulators.pn532_radio import Radio
from reader_agent.emulators.tags.iso14443a import RadioTag
from reader_agent.emulators.tags.spec import make_tag

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "pn532.json").read_text(encoding="utf-8")
)
CAPTURED = {fact["name"]: bytes.fromhex(fact["hex"]) for fact in FACTS["frames"]}
TYPE2 = "nfca:04416D412B0289"
CLASSIC = "nfca:0257C180"
SECURE = {"model": "ntag424", "uid": "04112233445577"}
RX_MODE = "6303"


class Chip:
    """A chip that is ready, told and answering in hex."""

    def __init__(self, *specs: object) -> None:
        self.firmware = Firmware(Radio())
        for spec in specs:
            self.firmware.radio.tags.append(RadioTag(make_tag(spec)))
        self.tell("1401")
        self.tell("3205FF0101")

    def tell(self, command: str) -> str | None:
        """Return the data of its answer; None for the error frame."""
        answer = self.firmware.answer(bytes.fromhex(command))
        return None if answer is None else answer.hex().upper()


def in_one_burst(chip: Chip, command: str) -> bytes:
    """The whole answer on the line."""
    code = int(command[:2], 16) + 1
    said = chip.tell(command)
    assert said is not None
    return ACK + encode(FROM_CHIP, bytes([code]) + bytes.fromhex(said))


@pytest.mark.parametrize(
    ("on_it", "command", "name"),
    [
        ([], "1401", "its answer, ACK and all in one burst"),
        ([], "02", "its answer: PN532 v1.6"),
        ([], "4A0100", "its answer: no card"),
        ([TYPE2], "4A0100", "its answer: a Type 2 tag, UID of 7 bytes"),
        ([CLASSIC], "4A0100", "its answer: UID of 4 bytes, postamble missing"),
        ([], "4400", "InDeselect answered"),
    ],
)
def test_it_answers_byte_by_byte_what_a_real_chip_answered(
    on_it: list[object], command: str, name: str
) -> None:
    ours = in_one_burst(Chip(*on_it), command)
    captured = CAPTURED[name]
    assert ours in (captured, captured + b"\x00")


def test_a_classic_block_is_read_after_the_login_of_the_capture() -> None:
    chip = Chip("nfca:02F513BE")
    chip.tell("4A0100")
    login = CAPTURED["MIFARE login, key A, block 7"][6:-2].hex()
    assert in_one_burst(chip, login) == CAPTURED["its answer: it is open"]
    assert chip.tell("40013004") == "00" + "00" * 16


def test_a_classic_without_a_login_or_with_a_wrong_key_is_refused() -> None:
    chip = Chip("nfca:02F513BE")
    chip.tell("4A0100")
    assert chip.tell("40016007" + "00" * 6 + "02F513BE") == "14"
    chip.tell("4A0100")
    assert chip.tell("40013002") == "13"
    assert chip.tell("40016007") == "13"


def test_without_limits_a_search_waits_for_a_card_for_ever() -> None:
    chip = Chip()
    chip.tell("3205FF01FF")
    for command in ("4A0100", "60FF0110"):
        with pytest.raises(Endless):
            chip.tell(command)


def test_before_sam_configuration_the_radio_sleeps() -> None:
    firmware = Firmware(Radio())
    assert firmware.answer(b"\x02") == bytes.fromhex("32010607")
    with pytest.raises(Endless):
        firmware.answer(bytes.fromhex("4A0100"))


def test_an_active_card_misses_the_first_call_and_a_halted_one_misses_all() -> None:
    chip = Chip(TYPE2)
    chip.tell("3205FF0100")
    assert chip.tell("4A0100") != "00"
    assert chip.tell("4A0100") == "00"
    assert chip.tell("4A0100") != "00"
    assert chip.tell("5200") == "00"
    assert [chip.tell("4A0100") for _ in range(3)] == ["00"] * 3
    chip.tell("320100")
    assert chip.tell("4A0100") != "00"


def test_two_cards_are_found_at_once_and_each_is_talked_to() -> None:
    chip = Chip(TYPE2, SECURE)
    found = chip.tell("4A0200")
    assert found is not None
    number = {each.card.tag: each.number for each in parse_targets(bytes.fromhex(found))}
    type2, secure = f"{number[TYPE2]:02X}", f"{number['nfca:04112233445577']:02X}"
    for _ in range(2):
        page = chip.tell(f"40{type2}3000")
        assert page is not None
        assert page.startswith("0004416D")
        assert chip.tell(f"40{secure}00A4040007D276000085010100") == "009000"


@pytest.mark.parametrize("first", ["nfca:0102030405060708090A", "nfca:0257C180"])
def test_two_cards_that_agree_in_their_first_bits_are_told_apart(first: str) -> None:
    other = first[:-1] + ("B" if first[-1] == "A" else "1")
    chip = Chip(first, other)
    found = chip.tell("4A0200")
    assert found is not None
    assert {each.card.tag for each in parse_targets(bytes.fromhex(found))} == {first, other}


def test_a_card_that_asks_for_more_time_gets_it() -> None:
    chip = Chip(SECURE)
    chip.firmware.radio.tags[0].waits = 3
    chip.tell("4A0100")
    assert chip.tell("400100A4040007D276000085010100") == "009000"


def test_a_card_that_goes_in_the_middle_of_an_apdu_is_a_timeout() -> None:
    chip = Chip(SECURE)
    chip.tell("4A0100")
    chip.firmware.radio.tags.clear()
    assert chip.tell("4001" + "00" * 200) == "01"


def test_a_target_that_was_not_listed_is_out_of_context() -> None:
    chip = Chip(TYPE2)
    assert chip.tell("40013000") == "27"
    assert chip.tell("5401") == "27"
    assert chip.tell("5201") == "27"


def test_a_card_that_went_is_a_timeout() -> None:
    chip = Chip(TYPE2)
    chip.tell("4A0100")
    chip.firmware.radio.tags.clear()
    assert chip.tell("40013000") == "01"
    assert chip.tell("4230" + "00") == "01"
    assert chip.tell("0006") == "01"


def test_rats_is_sent_unless_it_was_switched_off() -> None:
    chip = Chip(SECURE)
    listed = chip.tell("4A0100")
    assert listed is not None
    assert listed.endswith("067777710280")
    assert chip.tell("0006") == "00"
    chip.tell("1200")
    chip.tell("320100")
    listed = chip.tell("4A0100")
    assert listed is not None
    assert listed.endswith("04112233445577")
    assert chip.tell("42E080") == "00067777710280"


def test_the_crc_of_a_raw_command_is_the_chips_work_unless_its_register_says_no() -> None:
    chip = Chip(TYPE2)
    chip.tell("4A0100")
    version = bytes.fromhex("0004040201001103")
    assert chip.tell("4260") == "00" + version.hex().upper()
    assert chip.tell("06" + RX_MODE) == "80"
    chip.tell("08" + RX_MODE + "00")
    assert chip.tell("4260") == "00" + with_crc_a(version).hex().upper()


def test_a_nak_is_a_broken_answer_unless_the_crc_is_switched_off() -> None:
    for rx_mode, said in (("80", "02"), ("00", "0000")):
        chip = Chip(TYPE2)
        chip.tell("4A0100")
        chip.tell("08" + RX_MODE + rx_mode)
        assert chip.tell("4230FF") == said


def test_a_write_is_acknowledged_without_data() -> None:
    chip = Chip(TYPE2)
    chip.tell("4A0100")
    assert chip.tell("4001A204" + "01020304") == "00"
    page = chip.tell("40013004")
    assert page is not None
    assert page.startswith("0001020304")


def test_a_classic_write_takes_both_its_frames_in_one_command() -> None:
    chip = Chip("nfca:02F513BE")
    chip.tell("4A0100")
    chip.tell("40016004FFFFFFFFFFFF02F513BE")
    assert chip.tell("4001A004" + "77" * 16) == "00"
    assert chip.tell("40013004") == "00" + "77" * 16


def test_a_long_command_and_a_long_answer_go_in_pieces() -> None:
    chip = Chip(SECURE)
    chip.firmware.piece = 1
    chip.tell("4A0100")
    select = "00A4040007D276000085010100"
    assert chip.tell("4041" + select[:10]) == "00"
    assert chip.tell("4001" + select[10:]) == "4090"
    assert chip.tell("4001") == "0000"


def test_in_auto_poll_finds_a_card_and_gives_up_after_its_turns() -> None:
    assert Chip(TYPE2).tell("60020110") == "0110" + "0C" + "010044000704416D412B0289"
    chip = Chip()
    assert chip.tell("60020110") == "00"
    assert chip.firmware.busy_s == pytest.approx(0.3)


def test_the_speed_changes_when_the_host_has_acknowledged() -> None:
    chip = Chip()
    assert chip.tell("1007") == ""
    assert chip.firmware.baud == 115200
    chip.firmware.change_baud()
    assert chip.firmware.baud == 921600


@pytest.mark.parametrize(
    "command",
    [
        "77",
        "1009",
        "10",
        "12",
        "14",
        "1409",
        "32",
        "40",
        "44",
        "4A",
        "4A0300",
        "52",
        "54",
        "60",
        "0009",
    ],
)
def test_what_it_does_not_understand_is_the_error_frame(command: str) -> None:
    assert Chip().tell(command) is None


def test_small_things_are_answered() -> None:
    chip = Chip(TYPE2)
    assert chip.tell("00" + "00" + "AABB") == "00AABB"
    assert chip.tell("0001") == "00"
    assert chip.tell("0C") is not None
    assert chip.tell("0E8000") == ""
    assert chip.tell("04") == "00000000"
    chip.tell("4A0100")
    assert chip.tell("04") == "0001010100001000"
    assert chip.tell("5601") == "01"
    assert chip.tell("16F0") == "00"
    assert chip.firmware.is_asleep


def test_power_brings_everything_back_to_where_it_was() -> None:
    chip = Chip(TYPE2)
    chip.tell("4A0100")
    chip.tell("1007")
    chip.firmware.change_baud()
    chip.firmware.reset()
    assert chip.firmware.baud == 115200
    with pytest.raises(Endless):
        chip.tell("40013000")


def test_the_times_are_those_that_were_measured() -> None:
    chip = Chip()
    for command, busy_s in (("320101", 0.0057), ("5200", 0.0023), ("02", 0.0002)):
        chip.tell(command)
        assert chip.firmware.busy_s == busy_s
