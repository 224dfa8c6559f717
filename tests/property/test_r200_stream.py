"""What holds for the UHF parser whatever comes over the wire."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.drivers.r200 import (
    LONGEST_FRAME,
    Command,
    Frame,
    Kind,
    Pair,
    R200Parser,
    encode,
    encode_tag,
    gen2_crc,
    tag_read,
)

SILENCE_NS = 50_000_000
PAIRS = st.sampled_from(Pair)
# EPCs made of the bytes that begin and end frames, and of any others.
EPC_BYTES = st.one_of(st.integers(0, 255), st.sampled_from(b"\xbb\x7e\xaa\xdd\x02\x22"))
EPCS = st.integers(1, 31).flatmap(
    lambda words: st.lists(EPC_BYTES, min_size=2 * words, max_size=2 * words)
)
TAGS = EPCS.map(lambda epc: f"epc:{bytes(epc).hex().upper()}")
RSSI = st.integers(-128, 127)
NOTICES = st.builds(
    lambda pair, command, tag, rssi: encode(pair, Kind.NOTICE, command, encode_tag(tag, rssi)),
    PAIRS,
    st.sampled_from([Command.POLL, Command.POLL_MANY]),
    TAGS,
    RSSI,
)
ANSWERS = st.builds(
    lambda pair, command, data: encode(pair, Kind.ANSWER, command, data),
    PAIRS,
    st.sampled_from(Command),
    st.binary(max_size=8),
)
FRAMES = st.one_of(NOTICES, ANSWERS)
# Noise that is made of what frames are made of finds more than noise of any bytes.
LIKELY_BYTES = st.sampled_from(b"\xbb\xbb\xaa\x7e\xdd\x00\x01\x02\x03\x22\x27\x28\xff\x11")
NOISE = st.one_of(st.binary(max_size=60), st.lists(LIKELY_BYTES, max_size=60).map(bytes))
CUT_FRAMES = st.builds(lambda frame, cut: frame[: cut % len(frame)], FRAMES, st.integers(0))
STREAMS = st.lists(st.one_of(FRAMES, CUT_FRAMES, NOISE), max_size=12).map(b"".join)

ENDS = {0xBB: 0x7E, 0xAA: 0xDD}


def is_frame(raw: bytes) -> bool:
    """The book's definition, without any limit of ours."""
    return (
        len(raw) >= 7
        and ENDS.get(raw[0]) == raw[-1]
        and raw[1] in (0, 1, 2)
        and int.from_bytes(raw[3:5], "big") == len(raw) - 7
        and sum(raw[1:-2]) & 0xFF == raw[-2]
    )


def feed_in_chunks(stream: bytes, cuts: list[int]) -> list[Frame]:
    parser = R200Parser()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    frames: list[Frame] = []
    for mono_ns, (begin, end) in enumerate(pairwise(edges)):
        frames += parser.feed(stream[begin:end], mono_ns)
        assert len(parser._pending) < LONGEST_FRAME
    return frames + parser.tick(len(edges) + SILENCE_NS)


@given(STREAMS)
def test_every_frame_that_is_found_is_one_and_none_overlap(stream: bytes) -> None:
    at = 0
    for frame in feed_in_chunks(stream, []):
        assert is_frame(frame.raw)
        at = stream.index(frame.raw, at) + len(frame.raw)


@given(STREAMS)
def test_no_tag_is_made_from_what_its_two_checksums_do_not_hold_for(stream: bytes) -> None:
    for frame in feed_in_chunks(stream, []):
        read = tag_read(frame)
        if read is not None:
            epc = bytes.fromhex(read.tag[4:])
            assert len(epc) == 2 * (frame.data[1] >> 3) == len(frame.data) - 5
            assert frame.data[3:-2] == epc
            assert gen2_crc(frame.data[1:-2]).to_bytes(2, "big") == frame.data[-2:]


@given(STREAMS, st.lists(st.integers(0), max_size=20))
def test_chunks_make_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert feed_in_chunks(stream, cuts) == feed_in_chunks(stream, [])


@given(STREAMS)
def test_one_byte_at_a_time_makes_no_difference(stream: bytes) -> None:
    assert feed_in_chunks(stream, list(range(len(stream)))) == feed_in_chunks(stream, [])


@given(st.lists(FRAMES, max_size=12))
def test_frames_without_noise_are_all_found_at_once(sent: list[bytes]) -> None:
    found = [frame.raw for frame in R200Parser().feed(b"".join(sent), 0)]
    assert found == sent


def is_harmless(noise: bytes) -> bool:
    """Whether no frame begins in it: then it cannot swallow the frame behind it."""
    return 0xBB not in noise and 0xAA not in noise


@given(NOISE.filter(is_harmless), FRAMES, NOISE.filter(is_harmless), FRAMES)
def test_a_good_frame_is_found_in_noise_without_headers(
    before: bytes, first: bytes, between: bytes, second: bytes
) -> None:
    stream = before + first + between + second
    found = [frame.raw for frame in R200Parser().feed(stream, 0)]
    assert found == [first, second]


@given(st.lists(st.integers(0, 255), max_size=60).map(bytes), NOTICES, NOTICES)
def test_a_good_tag_is_found_in_any_noise_unless_the_noise_is_a_frame_around_it(
    noise: bytes, first: bytes, second: bytes
) -> None:
    stream = noise + first + second
    found = feed_in_chunks(stream, [])
    swallowed = [frame for frame in found if frame.raw not in (first, second)]
    # A checksum is eight bits wide: now and then noise is a frame. It must then really be one.
    assert swallowed or [frame.raw for frame in found] == [first, second]
    assert all(is_frame(frame.raw) for frame in swallowed)


@given(CUT_FRAMES, NOTICES, NOTICES)
def test_a_cut_frame_hides_nothing_behind_it(cut: bytes, first: bytes, second: bytes) -> None:
    found = [frame.raw for frame in feed_in_chunks(cut + first + second, [])]
    # By chance the cut frame and the beginning of the next have a right checksum together.
    others = [raw for raw in found if raw not in (first, second)]
    assert others or found == [first, second]
    assert all(is_frame(raw) for raw in others)


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=20))
def test_no_bytes_and_no_silence_ever_raise(chunks: list[tuple[bytes, bool]]) -> None:
    parser = R200Parser()
    for turn, (data, silence) in enumerate(chunks):
        found = parser.feed(data, turn * 1_000_000)
        if silence:
            found += parser.tick(turn * 1_000_000_000)
        for frame in found:
            tag_read(frame)


@given(PAIRS, TAGS, RSSI)
def test_what_is_encoded_is_read_back(pair: Pair, tag: str, rssi_dbm: int) -> None:
    raw = encode(pair, Kind.NOTICE, Command.POLL, encode_tag(tag, rssi_dbm))
    (frame,) = R200Parser().feed(raw, 0)
    read = tag_read(frame)
    assert read is not None
    assert (read.tag, read.rssi_dbm, frame.pair) == (tag, rssi_dbm, pair)
