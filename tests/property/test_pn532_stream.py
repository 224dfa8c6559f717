"""What holds for the PN532's parser whatever comes over the wire."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.drivers.pn532_frame import (
    ACK,
    ERROR,
    FROM_CHIP,
    MOST_BYTES,
    NACK,
    SILENCE_NS,
    Frame,
    Kind,
    PN532Parser,
    encode,
)

DATA = st.one_of(
    st.binary(min_size=1, max_size=20), st.binary(min_size=250, max_size=MOST_BYTES - 1)
)
FRAMES = st.one_of(st.builds(encode, st.just(FROM_CHIP), DATA), st.sampled_from([ACK, NACK, ERROR]))
# Noise that is made of what frames are made of finds more than noise of any bytes.
LIKELY_BYTES = st.sampled_from(b"\x00\x00\x00\xff\xff\xd5\xd4\x01\x02\xfe\x7f\x81\x4b\x20\xe0")
NOISE = st.one_of(st.binary(max_size=40), st.lists(LIKELY_BYTES, max_size=40).map(bytes))
QUIET_NOISE = NOISE.map(lambda noise: noise.replace(b"\xff", b""))
CUT_FRAMES = st.builds(lambda frame, cut: frame[: cut % len(frame)], FRAMES, st.integers(0))
STREAMS = st.lists(st.one_of(FRAMES, CUT_FRAMES, NOISE), max_size=10).map(b"".join)
MOST_HELD = MOST_BYTES + 7


def frame_at(stream: bytes, at: int) -> bytes | None:
    """Another reading of the same rule, which needs the whole stream at once."""
    length = stream[at + 2 : at + 4]
    begin = at + 4
    if length in (b"\x00\xff", b"\xff\x00"):
        return stream[at : at + 4]
    if length == b"\xff\xff":
        length, begin = stream[at + 4 : at + 7], at + 7
        if len(length) < 3:
            return None
    if len(length) < 2 or sum(length) % 256:
        return None
    count = int.from_bytes(length[:-1], "big")
    body = stream[begin : begin + count + 1]
    is_right = len(body) == count + 1 and sum(body) % 256 == 0 and 0 < count <= MOST_BYTES
    is_ours = body[:1] == bytes([FROM_CHIP]) and count > 1
    is_error = body == b"\x7f\x81"
    return stream[at : begin + count + 1] if is_right and (is_ours or is_error) else None


def frames_by_the_book(stream: bytes) -> list[bytes]:
    found = []
    at = stream.find(b"\x00\xff")
    while at >= 0:
        frame = frame_at(stream, at)
        found += [] if frame is None else [frame]
        at = stream.find(b"\x00\xff", at + len(frame or b"."))
    return found


def feed_in_chunks(stream: bytes, cuts: list[int]) -> list[Frame]:
    parser = PN532Parser(FROM_CHIP)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    frames: list[Frame] = []
    for mono_ns, (begin, end) in enumerate(pairwise(edges)):
        frames += parser.feed(stream[begin:end], mono_ns)
        assert len(parser._pending) <= MOST_HELD
    return frames + parser.tick(len(edges) + SILENCE_NS)


def whole(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.kind is not Kind.DAMAGED]


@given(STREAMS)
def test_the_parser_finds_what_the_book_says_and_nothing_else(stream: bytes) -> None:
    assert [frame.raw for frame in whole(feed_in_chunks(stream, []))] == frames_by_the_book(stream)


@given(STREAMS, st.lists(st.integers(0), max_size=20))
def test_chunks_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert feed_in_chunks(stream, cuts) == feed_in_chunks(stream, [])


@given(STREAMS)
def test_one_byte_at_a_time_makes_no_difference(stream: bytes) -> None:
    assert feed_in_chunks(stream, list(range(len(stream)))) == feed_in_chunks(stream, [])


@given(QUIET_NOISE, FRAMES, QUIET_NOISE, FRAMES, QUIET_NOISE)
def test_good_frames_inside_noise_without_a_start_code_are_found(
    before: bytes, first: bytes, between: bytes, second: bytes, after: bytes
) -> None:
    found = whole(feed_in_chunks(before + first + between + second + after, []))
    expected = [PN532Parser(FROM_CHIP).feed(frame, 0)[0] for frame in (first, second)]
    assert found == expected


@given(NOISE, FRAMES, NOISE, FRAMES, NOISE)
def test_a_good_frame_is_lost_only_to_one_whose_checksums_are_right_too(
    before: bytes, first: bytes, between: bytes, second: bytes, after: bytes
) -> None:
    stream = before + first + between + second + after
    found = whole(feed_in_chunks(stream, []))
    spans = []
    at = 0
    for each in found:
        at = stream.index(each.raw, at)
        spans.append((at, at + len(each.raw)))
        at += len(each.raw)
    for frame, at in ((first, len(before)), (second, len(before + first + between))):
        raw = PN532Parser(FROM_CHIP).feed(frame, 0)[0].raw
        begin = at + frame.index(raw)
        assert any(start < begin + len(raw) and begin < end for start, end in spans)


@given(st.binary(max_size=600))
def test_no_frame_is_made_from_noise_beyond_what_the_checksums_allow(noise: bytes) -> None:
    for frame in whole(feed_in_chunks(noise, [])):
        assert frame.raw in noise
        if frame.kind is Kind.DATA:
            assert frame.raw == encode(FROM_CHIP, frame.data)[1:-1] or frame.raw[2:4] == b"\xff\xff"


@given(STREAMS, st.lists(st.integers(0, 200_000_000), max_size=12))
def test_silence_at_any_moment_never_makes_it_raise(stream: bytes, gaps: list[int]) -> None:
    parser = PN532Parser(FROM_CHIP)
    mono_ns = at = 0
    step = max(1, len(stream) // max(1, len(gaps)))
    for gap in gaps:
        parser.feed(stream[at : at + step], mono_ns)
        at, mono_ns = at + step, mono_ns + gap
        parser.tick(mono_ns)
        assert len(parser._pending) <= MOST_HELD
