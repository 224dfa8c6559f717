"""One command after another on a PN532's line, and all that can happen to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from reader_agent.drivers.pn532_frame import ACK, ERROR, FROM_CHIP, FROM_HOST, NACK, encode
from reader_agent.drivers.pn532_orders import (
    Answer,
    ChipError,
    Command,
    Dialog,
    Found,
    Line,
    Lost,
    Order,
    Pause,
    Speed,
)
from reader_agent.drivers.pn532_session import Action, PN532Session

MS = 1_000_000
LIST = bytes.fromhex("4A0200")
SENT = encode(FROM_HOST, LIST)
NOBODY = encode(FROM_CHIP, bytes.fromhex("4B00"))
ONE = encode(FROM_CHIP, bytes.fromhex("4B01010044000704416D412B0289"))
VERSION = encode(FROM_CHIP, bytes.fromhex("0332010607"))


class Told:
    """A conversation of given orders that keeps what came of each, and then rests."""

    def __init__(self, *orders: Order) -> None:
        self._orders = orders
        self.results: list[Answer | str] = []

    def run(self) -> Dialog[None]:
        for order in self._orders:
            try:
                answer = yield order
            except ChipError as error:
                self.results.append(error.code)
            else:
                self.results.append(answer)
        while True:
            yield Pause(60_000)

    @property
    def said(self) -> list[str]:
        """The data of the answers in hex, and the codes of the errors."""
        return [each if isinstance(each, str) else each.data.hex() for each in self.results]


def begun(*orders: Order) -> tuple[Told, PN532Session, list[Action]]:
    told = Told(*orders)
    session = PN532Session(told.run)
    return told, session, session.begin(0)


def test_a_command_is_sent_acknowledged_and_answered() -> None:
    told, session, sent = begun(Command(LIST))
    assert sent == [SENT]
    assert session.feed(ACK, 1) == []
    assert session.feed(NOBODY, 2 * MS) == []
    assert told.results == [Answer(2 * MS, b"\x00", NOBODY[1:-1])]


def test_an_answer_in_one_burst_or_byte_by_byte_is_the_same() -> None:
    whole, session, _ = begun(Command(LIST))
    session.feed(ACK + ONE, 0)
    parts, session, _ = begun(Command(LIST))
    for byte in ACK + ONE:
        session.feed(bytes([byte]), 0)
    assert whole.results == parts.results
    assert len(whole.results) == 1


def test_the_preamble_stands_before_the_frame() -> None:
    _, _, sent = begun(Command(LIST, preamble=b"\x55\x55\x00"))
    assert sent == [b"\x55\x55\x00" + SENT]


def test_a_command_without_its_ack_is_stopped_and_sent_again_and_then_given_up() -> None:
    told, session, _ = begun(Command(LIST, ack_ms=100, sends=2))
    assert session.tick(99 * MS) == []
    assert session.tick(100 * MS) == [ACK, SENT]
    assert session.tick(199 * MS) == []
    assert session.tick(200 * MS) == [ACK]
    assert told.said == ["chip_silent"]


def test_a_command_without_its_answer_is_stopped_and_sent_again_and_then_given_up() -> None:
    told, session, _ = begun(Command(LIST, wait_ms=500, ack_ms=100, sends=2))
    session.feed(ACK, 50 * MS)
    assert session.tick(549 * MS) == []
    assert session.tick(550 * MS) == [ACK, SENT]
    session.feed(ACK, 560 * MS)
    assert session.tick(1060 * MS) == [ACK]
    assert told.said == ["chip_silent"]


def test_a_command_that_must_not_be_done_twice_is_sent_once() -> None:
    told, session, _ = begun(Command(LIST, sends=1))
    assert session.tick(250 * MS) == [ACK]
    assert told.said == ["chip_silent"]


def test_an_answer_whose_ack_was_lost_is_taken_when_it_is_too_late_for_the_ack() -> None:
    told, session, _ = begun(Command(LIST, ack_ms=100, sends=1))
    session.feed(ONE, 20 * MS)
    assert told.said == []
    assert session.tick(100 * MS) == []
    assert told.said == [ONE[7:-2].hex()]


def test_an_answer_before_the_ack_belongs_to_the_session_before() -> None:
    told, session, _ = begun(Command(LIST))
    session.feed(ONE + ACK + NOBODY, 20 * MS)
    assert told.said == ["00"]


def test_an_answer_before_the_ack_is_none_also_if_no_other_follows() -> None:
    told, session, _ = begun(Command(LIST, wait_ms=100, sends=1))
    session.feed(ONE + ACK, 20 * MS)
    session.tick(120 * MS)
    assert told.said == ["chip_silent"]


def test_an_answer_to_another_command_is_dropped() -> None:
    told, session, _ = begun(Command(LIST))
    session.feed(ACK + VERSION, 1)
    session.feed(NOBODY, 2)
    assert told.said == ["00"]


@pytest.mark.parametrize("refusal", [NACK, ACK + ERROR, ERROR], ids=["nack", "error", "no ack"])
def test_a_command_that_was_not_understood_is_sent_again_also_if_only_once_is_allowed(
    refusal: bytes,
) -> None:
    told, session, _ = begun(Command(LIST, sends=1))
    assert session.feed(refusal, 1) == [SENT]
    session.feed(ACK + NOBODY, 2)
    assert told.said == ["00"]


def test_a_command_that_is_never_understood_is_given_up() -> None:
    told, session, _ = begun(Command(LIST))
    for _ in range(2):
        assert session.feed(ACK + ERROR, 1) == [SENT]
    assert session.feed(ACK + ERROR, 1) == []
    assert told.said == ["chip_refused"]


def damage_checksum() -> bytes:
    return ONE[:-2] + bytes([ONE[-2] ^ 1, 0])


def lose_the_end() -> bytes:
    return ONE[:-4]


@pytest.mark.parametrize("damaged", [damage_checksum, lose_the_end])
def test_a_damaged_answer_is_asked_for_again(damaged: Callable[[], bytes]) -> None:
    told, session, _ = begun(Command(LIST, sends=1))
    asked = session.feed(ACK + damaged(), 1) + session.tick(60 * MS)
    assert asked == [NACK]
    session.feed(ONE, 61 * MS)
    assert told.said == [ONE[7:-2].hex()]


def test_a_damaged_answer_is_asked_for_twice_and_then_the_command_is_given_up() -> None:
    told, session, _ = begun(Command(LIST, wait_ms=100, sends=1))
    session.feed(ACK, 0)
    assert session.feed(damage_checksum(), 10 * MS) == [NACK]
    assert session.feed(damage_checksum(), 20 * MS) == [NACK]
    assert session.feed(damage_checksum(), 30 * MS) == []
    assert session.tick(120 * MS) == [ACK]
    assert told.said == ["chip_silent"]


def test_stray_bytes_after_the_ack_do_not_make_us_ask_again() -> None:
    _, session, _ = begun(Command(LIST))
    assert session.feed(ACK + bytes.fromhex("1C0000FF42FE"), 0) == []
    assert session.tick(60 * MS) == []


def test_a_late_ack_after_the_second_sending_is_an_ack() -> None:
    told, session, _ = begun(Command(LIST, ack_ms=100))
    session.tick(100 * MS)
    session.feed(ACK + NOBODY, 110 * MS)
    session.feed(ACK + NOBODY, 120 * MS)
    assert told.said == ["00"]


def test_a_pause_drops_what_comes() -> None:
    told, session, sent = begun(Pause(50), Command(LIST))
    assert sent == []
    assert session.feed(ACK + ONE, 10 * MS) == []
    assert session.tick(49 * MS) == []
    assert session.tick(50 * MS) == [SENT]
    assert told.results == [Answer(50 * MS)]


def test_orders_to_the_line_and_news_go_out_in_their_order() -> None:
    _, _, sent = begun(Line(ACK), Speed(921600), Found("PN532 v1.6"), Lost(), Command(LIST))
    assert sent == [ACK, 921600, Found("PN532 v1.6"), Lost(), SENT]


def test_a_new_line_begins_anew_without_what_was_left_of_the_old_one() -> None:
    told, session, _ = begun(Command(LIST))
    session.feed(ACK + ONE[:9], 1)
    assert session.begin(2) == [SENT]
    session.feed(ONE[9:], 3)
    session.feed(ACK + NOBODY, 4)
    assert told.said == ["00"]


def test_without_a_line_nothing_happens() -> None:
    told, session, _ = begun(Command(LIST))
    session.end()
    session.end()
    assert session.feed(ACK + NOBODY, 1) == []
    assert session.tick(10_000 * MS) == []
    assert told.said == []


def test_a_conversation_that_breaks_is_begun_anew_after_a_while() -> None:
    begins = 0

    def watch() -> Dialog[None]:
        nonlocal begins
        begins += 1
        yield Command(LIST)
        raise RuntimeError("a fault of ours")

    session = PN532Session(watch)
    session.begin(0)
    with capture_logs() as logs:
        assert session.feed(ACK + NOBODY, 1) == []
    assert [entry["event"] for entry in logs] == ["reader.session_failed"]
    assert session.tick(4_999 * MS) == []
    assert session.tick(5_001 * MS) == [SENT]
    assert begins == 2
