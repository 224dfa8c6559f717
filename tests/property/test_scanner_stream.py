"""What holds for the scanner's parser whatever comes over the wire."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.drivers.gm65 import ACK, LONGEST_ANSWER, encode_answer
from reader_agent.drivers.scanner import LONGEST_LINE, Scan, ScannerParser
from schemas.tag_ids import parse_tag_id

SILENCE_NS = 100_000_000
LETTERS = st.characters(exclude_categories=["Cc", "Cs"])
TEXTS = st.text(LETTERS, min_size=1, max_size=40).filter(lambda text: not text.startswith("]"))
ENDS = st.sampled_from([b"\r", b"\n", b"\r\n"])
AIMS = st.sampled_from([b"", b"", b"]Q1", b"]E0"])
LINES = st.builds(lambda text, end: text.encode() + end, TEXTS, ENDS)
FRAMED = st.builds(lambda text, end: b"\x02" + text.encode() + b"\x03" + end, TEXTS, ENDS)
ANSWERS = st.one_of(st.just(ACK), st.binary(min_size=1, max_size=4).map(encode_answer))
# Noise that is made of what answers are made of finds more than noise of any bytes.
LIKELY_BYTES = st.sampled_from(b"\x02\x02\x00\x00\x01\x03\x0d\x0a31]Qx\xff")
NOISE = st.one_of(st.binary(max_size=40), st.lists(LIKELY_BYTES, max_size=40).map(bytes))
STREAMS = st.lists(st.one_of(LINES, FRAMED, ANSWERS, NOISE), max_size=12).map(b"".join)


def feed_in_chunks(stream: bytes, cuts: list[int]) -> tuple[list[Scan], list[bytes], list[str]]:
    """The scans, the answers and the drops of a stream that is followed by a pause."""
    answers: list[bytes] = []
    drops: list[str] = []
    parser = ScannerParser(answers.append, drops.append)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    scans: list[Scan] = []
    for mono_ns, (begin, end) in enumerate(pairwise(edges)):
        scans += parser.feed(stream[begin:end], mono_ns)
        assert len(parser._pending) < LONGEST_ANSWER
        assert len(parser._line) <= LONGEST_LINE
    scans += parser.tick(len(edges) + SILENCE_NS)
    assert parser._pending == b""
    assert parser._line == b""
    return scans, answers, drops


@given(STREAMS, st.lists(st.integers(0), max_size=20))
def test_chunks_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert feed_in_chunks(stream, cuts) == feed_in_chunks(stream, [])


@given(STREAMS)
def test_one_byte_at_a_time_makes_no_difference(stream: bytes) -> None:
    assert feed_in_chunks(stream, list(range(len(stream)))) == feed_in_chunks(stream, [])


@given(STREAMS)
def test_every_text_is_short_printable_and_stands_in_the_stream(stream: bytes) -> None:
    scans, answers, _ = feed_in_chunks(stream, [])
    rest = stream
    for answer in answers:
        rest = rest.replace(answer, b"", 1)
    for scan in scans:
        assert 1 <= len(scan.raw) <= LONGEST_LINE
        assert scan.raw in rest
        assert scan.text.encode() in scan.raw
        assert not re.search(r"[\x00-\x03\r\n\x7f]", scan.text)
        assert parse_tag_id(scan.tag) == scan.tag


@given(STREAMS)
def test_every_answer_stands_in_the_stream_as_a_whole(stream: bytes) -> None:
    for answer in feed_in_chunks(stream, [])[1]:
        assert answer in stream
        assert answer == encode_answer(answer[4:-2]) or answer[-2:] == ACK[-2:]


@given(NOISE, TEXTS, AIMS, ENDS, st.integers(0, 40))
def test_a_text_is_found_behind_any_noise_and_with_an_ack_anywhere_in_it(
    noise: bytes, text: str, aim: bytes, end: bytes, at: int
) -> None:
    code = aim + text.encode()
    stream = noise + b"\r" + code[:at] + ACK + code[at:] + end
    if feed_in_chunks(noise + b"\r" + ACK, [])[1][-1:] != [ACK]:
        return  # The noise ends with the beginning of a longer answer.
    scans, answers, _ = feed_in_chunks(stream, [])
    assert scans[-1].text == text
    assert answers[-1] == ACK


@given(st.lists(TEXTS, max_size=8), ENDS)
def test_texts_one_behind_the_other_are_all_found(sent: list[str], end: bytes) -> None:
    stream = b"".join(text.encode() + end for text in sent)
    assert [scan.text for scan in feed_in_chunks(stream, [])[0]] == sent


@given(
    st.binary(min_size=513, max_size=3000).map(lambda noise: re.sub(rb"[\x02\r\n]", b"x", noise))
)
def test_what_is_too_long_is_dropped_whole_and_once(noise: bytes) -> None:
    scans, _, drops = feed_in_chunks(noise + b"\rafter\r", [])
    assert [scan.text for scan in scans] == ["after"]
    assert drops == ["line_too_long"]


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=20))
def test_no_bytes_and_no_pause_ever_raise(chunks: list[tuple[bytes, bool]]) -> None:
    parser = ScannerParser()
    for turn, (data, pause) in enumerate(chunks):
        parser.feed(data, turn * 1_000_000)
        if pause:
            parser.tick(turn * 1_000_000_000)
