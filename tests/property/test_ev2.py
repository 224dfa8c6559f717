"""What holds for the secure messaging of NTAG 424 DNA, and for signatures, whatever comes."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.cards.conversation import GONE, Card, CardError, converse
from reader_agent.cards.curve import SECP128R1, SECP224R1, Curve
from reader_agent.cards.ev2 import (
    SealError,
    Session,
    answer_challenge,
    check_answer,
    open_welcome,
    pad,
    seal_challenge,
    seal_welcome,
    session_keys,
    unpad,
)
from reader_agent.cards.originality import check
from reader_agent.cards.personalise import personalise
from schemas.card_keys import CardKeys

KEYS = st.binary(min_size=16, max_size=16)
CARD_KEYS = CardKeys(tuple(bytes([slot + 1]) * 16 for slot in range(5)), "https://valet.example/t")
CARD = Card(bytes.fromhex("04C767F2066180"), b"\x44\x03", 0x20)
COMMANDS = st.tuples(st.integers(0, 255), st.binary(max_size=8), st.binary(max_size=64))
LIKELY_ANSWERS = st.builds(
    lambda body, status: body + status,
    st.one_of(st.binary(max_size=40), st.sampled_from([bytes(8), bytes(16), bytes(32)])),
    st.sampled_from([b"\x90\x00", b"\x91\x00", b"\x91\xaf", b"\x91\xae", b"\x91\x1e", b""]),
)


@given(KEYS, KEYS, KEYS, st.binary(min_size=4, max_size=4), st.lists(COMMANDS, max_size=5))
def test_both_ends_of_a_session_understand_each_other(
    key: bytes,
    rnd_a: bytes,
    rnd_b: bytes,
    ti: bytes,
    commands: list[tuple[int, bytes, bytes]],
) -> None:
    seen_b, proof = answer_challenge(key, rnd_a, seal_challenge(key, rnd_b))
    assert seen_b == rnd_b
    assert check_answer(key, rnd_b, proof) == rnd_a
    assert open_welcome(key, rnd_a, seal_welcome(key, ti, rnd_a)) == ti
    reader = Session(session_keys(key, rnd_a, rnd_b), ti)
    card = Session(session_keys(key, rnd_a, rnd_b), ti)
    for ins, header, data in commands:
        apdu = reader.seal_command(ins, header, data)
        assert card.open_command(ins, apdu[5:-1], len(header)) == data
        assert reader.open_answer(card.seal_answer(0x00, data)[:-2]) == data
    assert reader.counter == card.counter == len(commands)


@given(KEYS, st.binary(max_size=80), st.integers(0, 255), st.integers(0, 20))
def test_no_sealed_bytes_ever_raise_anything_but_a_broken_seal(
    key: bytes, body: bytes, ins: int, header_bytes: int
) -> None:
    session = Session(session_keys(key, key, key), bytes(4))
    with contextlib.suppress(SealError):
        session.open_command(ins, body, header_bytes)
    with contextlib.suppress(SealError):
        session.open_answer(body)


@given(st.binary(max_size=80))
def test_padding_is_undone(data: bytes) -> None:
    assert unpad(pad(data)) == data


@given(st.lists(LIKELY_ANSWERS, max_size=40))
def test_no_answers_of_a_card_make_personalising_it_raise_anything_but_a_card_error(
    answers: list[bytes],
) -> None:
    left = list(answers)

    def send(apdu: bytes) -> bytes:
        assert len(apdu) <= 61
        if not left:
            raise CardError(GONE)
        return left.pop(0)

    with contextlib.suppress(CardError):
        converse(personalise(CARD, CARD_KEYS), send)


@given(st.sampled_from([0x00, 0x20]), st.binary(max_size=60))
def test_no_signature_ever_raises_or_holds_by_chance(sak: int, signature: bytes) -> None:
    answer = signature + (b"\x91\x90" if sak else b"")
    assert converse(check(Card(CARD.uid, b"\x44\x00", sak)), lambda _command: answer) is False


@given(st.sampled_from([SECP128R1, SECP224R1]), st.integers(0, 2**16), st.integers(0, 2**16))
def test_points_add_up(curve: Curve, one: int, other: int) -> None:
    total = curve.add(curve.times(one, curve.base), curve.times(other, curve.base))
    assert total == curve.times(one + other, curve.base)
