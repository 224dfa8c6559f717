"""What holds for the 125 kHz parser whatever comes over the wire."""

from __future__ import annotations

import re
from functools import reduce
from itertools import pairwise
from operator import xor

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.drivers.em125 import EM125Parser, Frame, Framing, encode_em125

TAGS = st.integers(0, 2**40 - 1).map(lambda number: f"em4100:{number:010X}")
FRAMES = st.builds(encode_em125, TAGS, st.sampled_from(Framing))
# Noise that is made of what frames are made of finds more than noise of any bytes.
LIKELY_BYTES = st.sampled_from(b"\x02\x02\x02\x03\x0d\x0a019AFaf\x00\xff")
NOISE = st.one_of(st.binary(max_size=40), st.lists(LIKELY_BYTES, max_size=40).map(bytes))
CUT_FRAMES = st.builds(lambda frame, cut: frame[: cut % len(frame)], FRAMES, st.integers(0))
STREAMS = st.lists(st.one_of(FRAMES, CUT_FRAMES, NOISE), max_size=12).map(b"".join)

FRAME = re.compile(
    rb"\x02([0-9A-Fa-f]{10})(?:(?P<raw>.)|(?P<hex>[0-9A-Fa-f]{2})(?:\r\n)?)\x03", re.DOTALL
)


def frames_by_the_book(stream: bytes) -> list[bytes]:
    """Another reading of the same rule, which needs the whole stream at once."""
    found = []
    at = 0
    while (match := FRAME.search(stream, at)) is not None:
        checksum = match["raw"] or bytes.fromhex(match["hex"].decode())
        good = reduce(xor, bytes.fromhex(match[1].decode())) == checksum[0]
        at = match.end() if good else match.start() + 1
        found += [match[0]] if good else []
    return found


def feed_in_chunks(stream: bytes, cuts: list[int]) -> list[Frame]:
    parser = EM125Parser()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    frames: list[Frame] = []
    for mono_ns, (begin, end) in enumerate(pairwise(edges)):
        frames += parser.feed(stream[begin:end], mono_ns)
        assert len(parser._pending) < 16
    return frames


@given(STREAMS)
def test_the_parser_finds_what_the_book_says_and_nothing_else(stream: bytes) -> None:
    found = [frame.raw for frame in EM125Parser().feed(stream, 0)]
    assert found == frames_by_the_book(stream)


@given(STREAMS, st.lists(st.integers(0), max_size=20))
def test_chunks_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert feed_in_chunks(stream, cuts) == EM125Parser().feed(stream, 0)


@given(STREAMS)
def test_one_byte_at_a_time_makes_no_difference(stream: bytes) -> None:
    assert feed_in_chunks(stream, list(range(len(stream)))) == EM125Parser().feed(stream, 0)


@given(NOISE, FRAMES, NOISE, FRAMES, NOISE)
def test_a_good_frame_is_found_in_any_noise(
    before: bytes, first: bytes, between: bytes, second: bytes, after: bytes
) -> None:
    stream = before + first + between + second + after
    found = [frame.raw for frame in EM125Parser().feed(stream, 0)]
    assert first in found
    assert second in found


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=20))
def test_no_bytes_and_no_silence_ever_raise(chunks: list[tuple[bytes, bool]]) -> None:
    parser = EM125Parser()
    for turn, (data, silence) in enumerate(chunks):
        parser.feed(data, turn * 1_000_000)
        if silence:
            parser.tick(turn * 1_000_000_000)


@given(TAGS, st.sampled_from(Framing))
def test_what_is_encoded_is_read_back(tag: str, framing: Framing) -> None:
    raw = encode_em125(tag, framing)
    assert EM125Parser().feed(raw, 0) == [Frame(tag, framing, raw)]
    assert EM125Parser(framing).feed(raw, 0) == [Frame(tag, framing, raw)]
