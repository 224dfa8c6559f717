"""Whatever is lost between an RC522 and a card, no APDU is answered wrongly or done twice."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from reader_agent.cards.conversation import CardError
from reader_agent.drivers.rc522_chip import Received
from reader_agent.drivers.rc522_iso_dep import AnswerToSelect, IsoDep, activate
from tests.iso_dep_card import EchoCard, LossyLine

FATES = st.lists(st.sampled_from(["fine", "fine", "lost", "mute", "bent"]), max_size=60)


@given(
    fates=FATES,
    sent=st.integers(1, 150),
    length=st.integers(0, 150),
    waits=st.integers(0, 3),
    frame_code=st.integers(0, 8),
)
def test_an_apdu_is_answered_rightly_or_not_at_all_and_done_once(
    fates: list[str], sent: int, length: int, waits: int, frame_code: int
) -> None:
    card = EchoCard(bytes([2, frame_code]), length)
    line = LossyLine(card, iter(["fine", *fates]), waits)
    assert activate(line.exchange) == card.ats
    dep = IsoDep(line.exchange, card.ats or b"")
    asked = []
    for turn in range(3):
        apdu = bytes((turn * 7 + place) % 256 for place in range(sent))
        asked.append(apdu)
        try:
            assert dep.transceive(apdu) == card.answer_to(apdu)
        except CardError:
            break
    assert card.heard in (asked, asked[:-1])


@given(st.lists(st.one_of(st.none(), st.binary(max_size=64)), max_size=40), st.binary(max_size=20))
def test_no_bytes_from_a_card_raise_anything_but_a_card_error(
    answers: list[bytes | None], ats: bytes
) -> None:
    rest = iter(answers)

    def exchange(frame: bytes, wait_s: float) -> Received | None:
        assert len(frame) <= 64
        assert 0 < wait_s < 5.1
        data = next(rest, None)
        return None if data is None else Received(data)

    AnswerToSelect.read(ats)
    activate(exchange)
    dep = IsoDep(exchange, ats)
    with suppress(CardError):
        dep.transceive(b"\x00\xb0\x00\x00\x02")
    dep.deselect()
