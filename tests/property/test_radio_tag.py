"""Tags in the field: nothing a reader sends breaks them, and every UID is found by its protocol."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from reader_agent.cards.crc_a import crc_a, with_crc_a, without_crc_a
from reader_agent.emulators.tags.block_protocol import BlockProtocol
from reader_agent.emulators.tags.classic import MifareClassic
from reader_agent.emulators.tags.desfire import Desfire
from reader_agent.emulators.tags.iso14443a import RadioTag, State, collide
from reader_agent.emulators.tags.model import TagModel
from reader_agent.emulators.tags.ntag424 import Ntag424
from reader_agent.emulators.tags.ntag424_personal import personal_card
from reader_agent.emulators.tags.type2_tag import NTAG213, NTAG216, ULTRALIGHT, Type2Tag

SEVEN = bytes.fromhex("04958CAA5C5E80")
REQA, WUPA = b"\x26", b"\x52"
ROUNDS = 32
"""A reader that follows the standard needs no more of them for one level."""

ANY_TAG = st.sampled_from(
    [
        lambda: MifareClassic(SEVEN[:4]),
        lambda: MifareClassic(SEVEN, blocks=256),
        lambda: Type2Tag(SEVEN, ULTRALIGHT),
        lambda: Type2Tag(SEVEN, NTAG213, url="https://valet.example/t"),
        lambda: Type2Tag(SEVEN, NTAG216),
        lambda: Ntag424(SEVEN),
        lambda: personal_card(SEVEN, "https://valet.example/t", [bytes(16)] * 5),
        lambda: Desfire(SEVEN),
    ]
)
NOISE = st.tuples(st.binary(max_size=40), st.integers(0, 7))
COMMANDS = st.one_of(
    st.binary(min_size=1, max_size=24),
    st.tuples(
        st.sampled_from([0x30, 0x3A, 0xA0, 0xA2, 0x1B, 0x39, 0x3C]), st.binary(max_size=6)
    ).map(lambda command: bytes([command[0]]) + command[1]),
    st.sampled_from([b"\x50\x00", b"\xe0\x50", b"\xe0\x81", b"\xc2", b"\xf2\x01", b"\xb2"]),
)
UIDS = st.one_of(
    st.binary(min_size=4, max_size=4).filter(lambda uid: uid[0] != 0x88),
    st.binary(min_size=7, max_size=7).filter(lambda uid: uid[3] != 0x88),
)


def level_of(uid: bytes, level: int) -> bytes:
    if len(uid) == 4:
        return uid
    return b"\x88" + uid[:3] if level == 0 else uid[3:]


def find(tags: list[RadioTag], wake: bytes = REQA) -> bytes | None:
    """One UID, as a reader finds it: collision by collision, each bit chosen as 1."""
    if not collide(tag.exchange(wake, 7) for tag in tags).data:
        return None
    uid = b""
    for level in range(2):
        known, count = 0, 0
        for _ in range(ROUNDS + 1):
            nvb = (2 + count // 8) << 4 | count % 8
            frame = bytes([0x93 + 2 * level, nvb]) + known.to_bytes(5, "little")[: (count + 7) // 8]
            heard = collide(tag.exchange(frame, count % 8) for tag in tags)
            bits = int.from_bytes(heard.data, "little")
            if heard.collision_bit is None:
                known |= bits << count
                break
            place = count + heard.collision_bit - 1
            known |= (bits & ((1 << heard.collision_bit - 1) - 1)) << count | 1 << place
            count = place + 1
        part = known.to_bytes(5, "little")
        sel = with_crc_a(bytes([0x93 + 2 * level, 0x70]) + part)
        sak = without_crc_a(collide(tag.exchange(sel) for tag in tags).data)
        assert sak is not None
        if not sak[0] & 0x04:
            return uid + part[:4]
        uid += part[1:4]
    return None


def model_of(uid: bytes) -> TagModel:
    return MifareClassic(uid) if len(uid) == 4 else Type2Tag(uid)


@given(st.binary(max_size=64))
def test_a_frame_with_its_crc_is_taken_and_crc_over_crc_is_zero(data: bytes) -> None:
    frame = with_crc_a(data)
    assert crc_a(frame) == b"\x00\x00"
    assert without_crc_a(frame) == (data or None)


@settings(max_examples=150)
@given(ANY_TAG, st.lists(st.one_of(NOISE, COMMANDS.map(lambda data: (with_crc_a(data), 0)))))
def test_nothing_that_is_sent_breaks_a_tag(
    make: Callable[[], TagModel], frames: list[tuple[bytes, int]]
) -> None:
    tag = RadioTag(make())
    for frame, last_bits in frames:
        tag.exchange(frame, last_bits)
    tag.field_off()
    assert find([tag]) == tag.model.uid


@settings(max_examples=150)
@given(ANY_TAG, st.lists(COMMANDS, max_size=12))
def test_nothing_that_is_said_to_a_selected_tag_breaks_it(
    make: Callable[[], TagModel], commands: list[bytes]
) -> None:
    tag = RadioTag(make())
    for command in commands:
        if tag.state is not State.PROTOCOL:
            find([tag], WUPA)
        answer = tag.exchange(with_crc_a(command))
        if answer is not None and answer.last_bits == 0:
            assert without_crc_a(answer.data) is not None
    tag.field_off()
    assert find([tag]) == tag.model.uid


@given(UIDS)
def test_any_uid_is_found(uid: bytes) -> None:
    assert find([RadioTag(model_of(uid))]) == uid


@given(st.lists(UIDS, min_size=2, max_size=4, unique=True))
def test_all_of_several_tags_are_found_one_after_the_other(uids: list[bytes]) -> None:
    tags = [RadioTag(model_of(uid)) for uid in uids]
    found = []
    for _ in uids:
        uid = find(tags)
        assert uid is not None
        found.append(uid)
        for tag in tags:
            tag.exchange(with_crc_a(b"\x50\x00"))
    assert sorted(found) == sorted(uids)
    assert find(tags) is None


@given(
    st.binary(min_size=1, max_size=300),
    st.binary(min_size=1, max_size=300),
    st.sampled_from([16, 24, 64, 256]),
    st.data(),
)
def test_commands_and_answers_of_any_length_come_through_a_line_that_loses_blocks(
    command: bytes, answer: bytes, size: int, data: st.DataObject
) -> None:
    heard: list[bytes] = []

    def apdu(said: bytes) -> bytes:
        heard.append(said)
        return answer

    card = BlockProtocol(apdu, to_reader=size, to_card=size)
    is_lost = st.lists(st.booleans(), max_size=2)

    def exchange(block: bytes, number: int) -> bytes:
        """As rules 4 to 8 of the standard tell a reader."""
        losses = data.draw(is_lost)
        reply = card.receive(block) if True not in losses[:1] else None
        if reply is not None and True not in losses[1:2]:
            return reply
        nak = card.receive(bytes([0xB2 | number]))
        assert nak is not None
        if nak[0] & 0xF6 == 0xA2 and nak[0] & 1 != number:
            again = card.receive(block)
            assert again is not None
            return again
        return nak

    number, told, reply = 0, b"", b""
    pieces = [command[at : at + size - 3] for at in range(0, len(command), size - 3)]
    for index, piece in enumerate(pieces):
        chaining = 0x10 if index < len(pieces) - 1 else 0
        reply = exchange(bytes([0x02 | chaining | number]) + piece, number)
        number ^= 1
        assert (reply[0] & 0xF6 == 0xA2) is bool(chaining)
    while True:
        assert len(reply) + 2 <= size
        told += reply[1:]
        if not reply[0] & 0x10:
            break
        reply = exchange(bytes([0xA2 | number]), number)
        number ^= 1
    assert heard == [command]
    assert told == answer
