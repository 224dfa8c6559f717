"""Any cards in the field of an RC522: each is found under its own UID, and no other one is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reader_agent.drivers.rc522_iso14443a import MOST_CARDS, inventory
from reader_agent.emulators.mfrc522_rf import CollisionCount, Echo
from tests.rc522_stage import Stage

# Few values, so that UIDs share their beginnings; 88 first would be a cascade tag.
BYTES = st.sampled_from([0x04, 0x05, 0x44, 0x80, 0xFF, 0x00])


def uids(length: int) -> st.SearchStrategy[bytes]:
    return st.lists(BYTES, min_size=length, max_size=length).map(bytes)


CARDS = st.lists(
    st.one_of(uids(4), uids(7), uids(10)), min_size=1, max_size=MOST_CARDS, unique=True
)


@given(cards=CARDS)
@settings(deadline=None)
def test_every_card_is_found_and_found_again(cards: list[bytes]) -> None:
    stage = Stage()
    assert stage.chip.set_up()
    for uid in cards:
        stage.put(f"nfca:{uid.hex().upper()}")
    found = [card.uid for card in inventory(stage.chip)]
    assert sorted(found) == sorted(cards)
    assert sorted(card.uid for card in inventory(stage.chip, found)) == sorted(cards)


@given(cards=CARDS)
@settings(deadline=None)
def test_with_the_other_way_of_counting_no_card_is_made_up(cards: list[bytes]) -> None:
    stage = Stage()
    stage.emulator.chip.collision_count = CollisionCount.FRAME
    assert stage.chip.set_up()
    for uid in cards:
        stage.put(f"nfca:{uid.hex().upper()}")
    found = [card.uid for card in inventory(stage.chip)]
    assert set(found) <= set(cards)
    assert len(cards) > 2 or sorted(found) == sorted(cards)


@given(st.lists(st.one_of(st.none(), st.binary(min_size=1, max_size=64)), max_size=80))
@settings(deadline=None)
def test_no_card_is_made_of_noise(answers: list[bytes | None]) -> None:
    stage = Stage()
    assert stage.chip.set_up()
    rest = iter(answers)

    def noise(_frame: bytes, _last_bits: int, *, enciphered: bool) -> Echo | None:
        data = next(rest, None)
        return None if data is None else Echo(int.from_bytes(data, "little"), len(data) * 8)

    stage.emulator.air.exchange = noise  # type: ignore[method-assign, assignment]
    stage.session.turn()
    assert stage.arrivals == []
