"""What holds for links in the memory of tags, whatever lies there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.cards.conversation import REFUSED, Card, CardError, converse
from reader_agent.cards.look import look
from reader_agent.cards.ndef import encode_uri, type2_tlv, type4_file, uri_of

TYPE2 = Card(bytes(7), b"\x44\x00", 0x00)
TYPE4 = Card(bytes(7), b"\x44\x03", 0x20)
LINKS = st.builds(
    lambda scheme, rest: scheme + rest,
    st.sampled_from(["https://", "https://www.", "http://", "tel:", "urn:nfc:", "geo:"]),
    st.text(min_size=1, max_size=120).filter(str.isprintable),
)
LIKELY_BYTES = st.sampled_from(b"\x00\x01\x02\x03\x03\xfe\xff\xd1\x91\xc1U\x04h\x10")
MEMORY = st.one_of(st.binary(max_size=300), st.lists(LIKELY_BYTES, max_size=300).map(bytes))
BEFORE = st.lists(
    st.one_of(
        st.just(b"\x00"),
        st.builds(
            lambda kind, value: bytes([kind, len(value)]) + value,
            st.sampled_from([0x01, 0x02, 0xFD]),
            st.binary(max_size=20),
        ),
    ),
    max_size=5,
).map(b"".join)


def look_at_type2(memory: bytes) -> str | None:
    pages = (bytes(12) + memory).ljust(1024, b"\x00")

    def send(command: bytes) -> bytes:
        assert 3 <= command[1] <= 255
        return pages[command[1] * 4 :][:16].ljust(16, b"\x00")

    return converse(look(TYPE2), send)


def look_at_type4(container: bytes, file: bytes) -> str | None:
    selected = b""

    def send(apdu: bytes) -> bytes:
        nonlocal selected
        if apdu[1] == 0xA4:
            selected = container if apdu[5:7] == b"\xe1\x03" else file
            return b"\x90\x00"
        at, length = int.from_bytes(apdu[2:4]), apdu[4]
        assert 0 < length <= 48
        return selected[at : at + length] + b"\x90\x00"

    return converse(look(TYPE4), send)


@given(LINKS)
def test_what_is_written_is_read(link: str) -> None:
    assert uri_of(encode_uri(link)) == link


@given(st.binary(max_size=64))
def test_no_message_ever_raises(message: bytes) -> None:
    uri = uri_of(message)
    assert uri is None or (uri and uri.isprintable())


@given(LINKS, st.data())
def test_a_message_that_breaks_off_has_no_link(link: str, data: st.DataObject) -> None:
    message = encode_uri(link)
    cut = data.draw(st.integers(0, len(message) - 1))
    assert uri_of(message[:cut]) is None


@given(BEFORE, LINKS, st.binary(max_size=30))
def test_a_link_on_a_type_2_tag_is_found_behind_anything_lawful(
    before: bytes, link: str, after: bytes
) -> None:
    memory = b"\xe1\x10\x6d\x00" + before + type2_tlv(encode_uri(link)) + after
    assert look_at_type2(memory) == link


@given(st.binary(min_size=4, max_size=4) | st.just(b"\xe1\x10\x3e\x00"), MEMORY)
def test_no_memory_of_a_type_2_tag_ever_raises(cc: bytes, memory: bytes) -> None:
    look_at_type2(cc + memory)


@given(LINKS, st.integers(1, 0xFFFF), st.binary(max_size=30))
def test_a_link_on_a_type_4_tag_is_read_whatever_may_be_read_at_once(
    link: str, mle: int, after: bytes
) -> None:
    container = bytes.fromhex(f"000F20{mle:04X}00340406E10404000000")
    assert look_at_type4(container, type4_file(encode_uri(link)) + after) == link


@given(st.binary(max_size=20) | st.just(bytes.fromhex("000F20003B00340406E10404000000")), MEMORY)
def test_no_files_of_a_type_4_tag_ever_raise(container: bytes, file: bytes) -> None:
    look_at_type4(container, file)


@given(st.lists(st.binary(max_size=60), max_size=20), st.sampled_from([TYPE2, TYPE4]))
def test_no_answers_of_a_card_ever_raise(answers: list[bytes], card: Card) -> None:
    left = list(answers)

    def send(_command: bytes) -> bytes:
        if not left:
            raise CardError(REFUSED)
        return left.pop(0)

    converse(look(card), send)
