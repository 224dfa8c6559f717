"""What is said to a UHF module, against a module of ten lines."""

from __future__ import annotations

import pytest

from reader_agent.drivers.port_watch import READER_REFUSED, READER_SILENT
from reader_agent.drivers.r200 import Command, Error, Frame, Kind, Pair, R200Parser, Region, encode
from reader_agent.drivers.r200_dialog import (
    ANSWER_NS,
    GREETINGS,
    MOST_POLLS,
    PAUSE_NS,
    QUIET_NS,
    ROUND_NS,
    R200Dialog,
    Wish,
)

NAME = b"\x00M100 26dBm V1.0"
S = 1_000_000_000


class Module:
    """Answers at once; `settings` is what it has, `takes` whether it can be changed."""

    def __init__(self, wish: Wish, pair: Pair = Pair.BB) -> None:
        self.pair = pair
        self.region, self.power_cdbm = 1, 2600
        self.takes = True
        self.deaf = False
        self.mute: set[Command] = set()
        self.told: list[str] = []
        self.now_ns = 0
        self._inbox: list[bytes] = []
        self.dialog = R200Dialog(wish, self._inbox.append)

    def begin(self) -> list[str]:
        self.dialog.begin(self.now_ns)
        return self.run()

    def wait(self, duration_ns: int) -> list[str]:
        """Let time pass in small steps; return what was said to the module meanwhile."""
        end_ns = self.now_ns + duration_ns
        said = []
        while self.now_ns < end_ns:
            self.now_ns = min(end_ns, self.now_ns + ANSWER_NS // 3)
            self.dialog.tick(self.now_ns)
            said += self.run()
        return said

    def run(self) -> list[str]:
        before = len(self.told)
        while self._inbox:
            (frame,) = R200Parser().feed(self._inbox.pop(0), 0)
            self.told.append(f"{frame.pair} {Command(frame.command).name} {frame.data.hex()}")
            if frame.pair is self.pair and not self.deaf and frame.command not in self.mute:
                self._answer(frame)
        return self.told[before:]

    def say(self, command: int, data: bytes, kind: Kind = Kind.ANSWER) -> None:
        (frame,) = R200Parser().feed(encode(self.pair, kind, command, data), 0)
        self.dialog.heard(frame, self.now_ns)

    def _answer(self, frame: Frame) -> None:
        match frame.command:
            case Command.INFO:
                self.say(Command.INFO, NAME)
            case Command.GET_REGION:
                self.say(Command.GET_REGION, bytes([self.region]))
            case Command.GET_POWER:
                self.say(Command.GET_POWER, self.power_cdbm.to_bytes(2, "big"))
            case Command.SET_REGION if self.takes:
                self.region = frame.data[0]
                self.say(Command.SET_REGION, b"\0")
            case Command.SET_POWER if self.takes:
                self.power_cdbm = int.from_bytes(frame.data, "big")
                self.say(Command.SET_POWER, b"\0")
            case Command.SET_REGION | Command.SET_POWER:
                self.say(Command.ERROR, bytes([Error.COMMAND]))
            case Command.STOP:
                self.say(Command.STOP, b"\0")


USUAL = ["bb STOP ", "bb INFO 00", "bb GET_REGION ", "bb GET_POWER "]
POLL = "bb POLL_MANY 222710"


def test_a_module_is_stopped_asked_and_set_to_polling() -> None:
    module = Module(Wish())
    assert module.begin() == [*USUAL, POLL]
    assert module.dialog.chip == "M100 26dBm V1.0, region china_900, 26 dBm"
    assert module.dialog.fault is None


def test_a_module_with_the_other_pair_is_found() -> None:
    module = Module(Wish(), Pair.AA)
    assert module.begin() == ["bb STOP "]
    assert module.wait(ANSWER_NS) == [
        "aa STOP ",
        "aa INFO 00",
        "aa GET_REGION ",
        "aa GET_POWER ",
        "aa POLL_MANY 222710",
    ]
    assert module.dialog.fault is None


def test_a_module_that_polls_already_shows_its_pair_before_it_is_asked() -> None:
    module = Module(Wish(), Pair.AA)
    module.dialog.begin(0)
    module.say(Command.ERROR, bytes([Error.INVENTORY]))
    module.wait(ANSWER_NS)
    assert "aa POLL_MANY 222710" in module.told


def test_reports_of_polling_are_no_answers() -> None:
    module = Module(Wish())
    module.deaf = True
    module.begin()
    for code in (Error.INVENTORY, Error.FHSS):
        module.say(Command.ERROR, bytes([code]))
    module.say(Command.POLL, bytes(7), Kind.NOTICE)
    assert module.run() == []


def test_region_and_power_are_set_where_they_differ_and_read_back_before_anything_is_sent() -> None:
    module = Module(Wish(Region.US, 20))
    assert module.begin() == [
        *USUAL,
        "bb SET_REGION 02",
        "bb SET_POWER 07d0",
        "bb GET_REGION ",
        "bb GET_POWER ",
        POLL,
    ]
    assert module.dialog.chip == "M100 26dBm V1.0, region us, 20 dBm"


def test_settings_that_are_right_already_are_not_written_again() -> None:
    module = Module(Wish(Region.CHINA_900, 26))
    assert module.begin() == [*USUAL, POLL]


@pytest.mark.parametrize("wish", [Wish(region=Region.US), Wish(power_dbm=20)])
def test_a_module_that_does_not_take_a_setting_never_transmits(wish: Wish) -> None:
    module = Module(wish)
    module.takes = False
    module.begin()
    module.wait(2 * ROUND_NS)
    assert POLL not in module.told
    assert module.dialog.fault == READER_REFUSED
    module.takes = True
    module.wait(ROUND_NS)
    assert module.told[-1] == POLL
    assert module.dialog.fault is None


@pytest.mark.parametrize("mute", [Command.GET_REGION, Command.GET_POWER])
def test_a_setting_that_cannot_be_read_back_counts_as_not_taken(mute: Command) -> None:
    module = Module(Wish(Region.US, 20))
    module.mute = {mute}
    module.begin()
    module.wait(5 * S)
    assert POLL not in module.told
    assert module.dialog.fault == READER_REFUSED


def test_without_wishes_a_module_that_tells_little_is_good_enough() -> None:
    module = Module(Wish())
    module.mute = {Command.INFO, Command.GET_REGION, Command.GET_POWER}
    module.begin()
    module.wait(5 * S)
    assert POLL in module.told
    assert module.dialog.fault is None
    assert module.dialog.chip == "UHF module"


def test_a_radio_that_is_off_is_asked_and_does_not_poll() -> None:
    module = Module(Wish(radio=False))
    assert module.begin() == USUAL
    assert module.wait(ROUND_NS - 1) == []
    assert module.wait(S) == USUAL


def test_a_module_that_does_not_answer_is_silent_and_is_asked_on_with_both_pairs() -> None:
    module = Module(Wish())
    module.deaf = True
    module.begin()
    module.wait(GREETINGS * ANSWER_NS)
    assert module.told == ["bb STOP ", "aa STOP ", "bb STOP ", "aa STOP "]
    assert module.dialog.fault == READER_SILENT
    module.wait(PAUSE_NS + ANSWER_NS)
    assert len(module.told) > GREETINGS
    module.deaf = False
    module.wait(PAUSE_NS + GREETINGS * ANSWER_NS)
    assert module.told[-1] == POLL
    assert module.dialog.fault is None


def test_a_lost_answer_is_asked_for_again() -> None:
    module = Module(Wish())
    module.mute = {Command.INFO}
    module.begin()
    assert module.wait(ANSWER_NS) == ["bb INFO 00"]
    module.mute = set()
    assert module.wait(ANSWER_NS) == ["bb INFO 00", "bb GET_REGION ", "bb GET_POWER ", POLL]


def test_a_polling_module_is_asked_every_30_s() -> None:
    module = Module(Wish())
    module.begin()
    said = []
    for _ in range(40):
        module.say(Command.ERROR, bytes([Error.INVENTORY]))
        said += module.wait(S)
    assert said == [*USUAL, POLL]


def test_a_polling_module_that_falls_silent_is_asked_early_and_then_reported() -> None:
    module = Module(Wish())
    module.begin()
    module.say(Command.ERROR, bytes([Error.INVENTORY]))
    module.deaf = True
    assert module.wait(QUIET_NS - 1) == []
    module.wait((GREETINGS + 1) * ANSWER_NS)
    assert module.dialog.fault == READER_SILENT
    assert module.dialog.chip is None


def test_polling_is_begun_anew_before_its_rounds_run_out() -> None:
    module = Module(Wish())
    module.begin()
    for _ in range(MOST_POLLS):
        module.say(Command.ERROR, bytes([Error.INVENTORY]))
    assert module.wait(1) == [*USUAL, POLL]
    assert module.wait(1) == []


def test_a_module_that_comes_back_with_another_region_is_set_right_again() -> None:
    module = Module(Wish(region=Region.US))
    module.begin()
    module.region = 1
    module.wait(ROUND_NS)
    assert module.region == Region.US


def test_at_the_end_it_is_stopped_whatever_was_going_on() -> None:
    module = Module(Wish())
    module.deaf = True
    module.begin()
    module.dialog.end()
    assert module.run() in (["aa STOP "], ["bb STOP "])
    module = Module(Wish())
    module.begin()
    module.dialog.end()
    assert module.run() == ["bb STOP "]


def test_commands_that_we_hear_ourselves_say_are_no_sign_of_life() -> None:
    module = Module(Wish())
    module.deaf = True
    module.begin()
    module.say(Command.STOP, b"", Kind.COMMAND)
    assert module.run() == []


def test_a_name_with_control_characters_is_shown_without_them() -> None:
    module = Module(Wish())
    module.mute = {Command.INFO}
    module.begin()
    module.say(Command.INFO, b"\x00M1\x1b00\xff\r\n" + b"x" * 50)
    module.run()
    assert module.dialog.chip is not None
    assert module.dialog.chip.startswith("M100xxx")
    assert len(module.dialog.chip) < 70
