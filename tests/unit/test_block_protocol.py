"""The card's end of ISO/IEC 14443-4: blocks, chaining, what is said again, and waiting."""

from __future__ import annotations

import pytest

from reader_agent.emulators.tags.block_protocol import BlockProtocol, frame_size

# github.com/nfcpy/nfcpy tests/test_tag_tt4.py: an NDEF message is read from a Type 4 tag.
PUBLISHED = [
    ("0200a4040007d276000085010100", "029000"),
    ("0300a4000c02e103", "039000"),
    ("0200b0000002", "02000f9000"),
    ("0300b000020d", "0320003b00340406e104004080009000"),
    ("0200a4000c02e104", "029000"),
    ("0300b0000002", "03000e9000"),
    ("0200b000020e", "02d1010a55036e666370792e6f72679000"),
]


class Listener:
    """Answers each command with what it is told to, and remembers the commands."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.heard: list[bytes] = []

    def apdu(self, command: bytes) -> bytes:
        self.heard.append(command)
        return self.answers.pop(0)


def blocks(listener: Listener, **settings: int) -> BlockProtocol:
    sizes = {"to_reader": 64, "to_card": 128, **settings}
    return BlockProtocol(listener.apdu, **sizes)  # type: ignore[arg-type]


def say(card: BlockProtocol, block: str) -> str | None:
    answer = card.receive(bytes.fromhex(block))
    return None if answer is None else answer.hex()


def test_the_published_reading_of_a_type_4_tag() -> None:
    listener = Listener(*(bytes.fromhex(answer)[1:] for _, answer in PUBLISHED))
    card = blocks(listener)
    assert [say(card, block) for block, _ in PUBLISHED] == [answer for _, answer in PUBLISHED]
    assert listener.heard == [bytes.fromhex(block)[1:] for block, _ in PUBLISHED]


def test_a_block_that_got_lost_on_its_way_back_is_said_again() -> None:
    listener = Listener(b"one", b"two")
    card = blocks(listener)
    first = say(card, "02aa")
    assert say(card, "b2") == first
    assert say(card, "b2") == first
    assert say(card, "03bb") == "03" + b"two".hex()
    assert say(card, "b3") == "03" + b"two".hex()
    assert listener.heard == [b"\xaa", b"\xbb"]


def test_a_block_that_never_arrived_is_asked_for() -> None:
    listener = Listener(b"one", b"two")
    card = blocks(listener)
    assert say(card, "b2") == "a3"
    assert say(card, "02aa") == "02" + b"one".hex()
    assert say(card, "b3") == "a2"
    assert say(card, "03bb") == "03" + b"two".hex()


def test_before_its_first_block_it_has_nothing_to_say_again() -> None:
    assert say(blocks(Listener()), "b3") is None


def test_a_chained_command_is_put_together() -> None:
    listener = Listener(b"ok")
    card = blocks(listener)
    assert say(card, "12aa") == "a2"
    assert say(card, "b2") == "a2"
    assert say(card, "13bb") == "a3"
    assert listener.heard == []
    assert say(card, "02cc") == "02" + b"ok".hex()
    assert listener.heard == [b"\xaa\xbb\xcc"]


@pytest.mark.parametrize("to_reader", [16, 32, 64])
def test_a_long_answer_comes_in_pieces_that_the_reader_can_hold(to_reader: int) -> None:
    whole = bytes(range(200))
    card = blocks(Listener(whole), to_reader=to_reader)
    block = card.receive(b"\x02\xaa")
    told, number = b"", 0
    while True:
        assert block is not None
        assert len(block) + 2 <= to_reader
        assert block[0] & 0x01 == number
        told += block[1:]
        if not block[0] & 0x10:
            break
        number ^= 1
        block = card.receive(bytes([0xA2 | number]))
    assert told == whole


def test_a_piece_that_got_lost_is_said_again() -> None:
    card = blocks(Listener(bytes(range(30))), to_reader=16)
    first = say(card, "02aa")
    assert say(card, "b2") == first
    assert say(card, "a2") == first
    second = say(card, "a3")
    assert second is not None
    assert second.startswith("13")
    assert say(card, "b3") == second


def test_the_last_piece_is_not_continued() -> None:
    card = blocks(Listener(b"short"))
    say(card, "02aa")
    assert say(card, "a3") is None


def test_a_new_command_ends_an_answer_in_pieces() -> None:
    card = blocks(Listener(bytes(range(30)), b"new"), to_reader=16)
    say(card, "02aa")
    assert say(card, "03bb") == "03" + b"new".hex()
    assert say(card, "a2") is None


@pytest.mark.parametrize("waits", [1, 3])
def test_a_card_that_needs_time_asks_for_it_before_each_answer(waits: int) -> None:
    listener = Listener(b"one", b"two")
    card = blocks(listener, waits=waits)
    for command, number in (("02aa", 0), ("03bb", 1)):
        answer = say(card, command)
        for _ in range(waits):
            assert answer == "f201"
            assert say(card, f"b{2 + number}") == "f201"
            assert say(card, f"a{3 - number}") is None
            answer = say(card, "f201")
        assert answer == f"0{2 + number}" + listener_said(number)
    assert listener.heard == [b"\xaa", b"\xbb"]


def listener_said(number: int) -> str:
    return (b"one", b"two")[number].hex()


def test_time_that_nobody_asked_for_is_not_granted() -> None:
    card = blocks(Listener(b"one"))
    assert say(card, "f201") is None
    say(card, "02aa")
    assert say(card, "f201") is None


def test_deselect_is_answered_and_ends_it() -> None:
    card = blocks(Listener())
    assert not card.is_over
    assert say(card, "c2") == "c2"
    assert card.is_over


@pytest.mark.parametrize("block", ["", "00aa", "06aa", "22", "42", "82", "a6", "c3", "e2", "ff"])
def test_what_is_no_block_is_not_answered(block: str) -> None:
    listener = Listener()
    assert say(blocks(listener), block) is None
    assert listener.heard == []


def test_a_card_with_a_number_answers_to_it_and_to_no_other() -> None:
    card = blocks(Listener(b"one"), cid=5)
    assert say(card, "02aa") is None
    assert say(card, "0a04aa") is None
    assert say(card, "0a05aa") == "0a05" + b"one".hex()
    assert say(card, "ca05") == "ca05"


def test_card_zero_answers_with_and_without_a_number() -> None:
    card = blocks(Listener(b"one", b"two"))
    assert say(card, "0a00aa") == "0a00" + b"one".hex()
    assert say(card, "03bb") == "03" + b"two".hex()
    assert say(card, "0b01cc") is None
    assert say(card, "0b") is None


def test_a_number_takes_a_byte_of_the_frame() -> None:
    card = blocks(Listener(bytes(30)), to_reader=16, cid=1)
    answer = card.receive(b"\x0a\x01\xaa")
    assert answer is not None
    assert len(answer) + 2 == 16


def test_a_card_that_knows_no_numbers_ignores_blocks_with_one() -> None:
    card = BlockProtocol(Listener().apdu, to_reader=64, to_card=64, knows_cid=False)
    assert card.receive(b"\x0a\x00\xaa") is None


@pytest.mark.parametrize(("code", "size"), [(0, 16), (5, 64), (7, 128), (8, 256), (15, 256)])
def test_frame_sizes(code: int, size: int) -> None:
    assert frame_size(code) == size
