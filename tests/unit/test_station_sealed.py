"""On a station's card lies no plate and no phone that its database alone gives away."""

from __future__ import annotations

from pathlib import Path

import pytest

from reader_agent.record_box import RecordBox, open_doc, open_text, seal_doc, seal_text
from reader_agent.sign_in.pin_box import FILE_NAME
from tests.booth_evening import ANA, KEYS, Evening

PLATE, PHONE = "SX7788", "61234567"


def on_the_card(evening: Evening) -> bytes:
    """Every byte of the booth's database and of its log."""
    folder = evening.booth._config.data_dir
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*sqlite3*")))


def test_neither_what_is_typed_nor_what_was_received_lies_there_in_plain(
    evening: Evening,
) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    evening.booth.edit_draft(plate=PLATE, phone=PHONE)
    assert evening.booth.reception.draft is not None
    card = on_the_card(evening)
    assert PLATE.encode() not in card
    assert PHONE.encode() not in card
    assert b"visit.received" not in card

    evening.booth.edit_draft(plate=None, phone=None)
    visit_id = evening.received(1, plate=PLATE)
    evening.meet()
    card = on_the_card(evening)
    assert b"visit.received" in card
    for secret in (PLATE, PHONE):
        assert secret.encode() not in card
    assert evening.booth.card(visit_id).plate == PLATE


def test_after_a_restart_all_is_known_and_under_another_key_the_cloud_tells_it_again(
    evening: Evening,
) -> None:
    visit_id = evening.received(1, plate=PLATE)
    evening.meet()
    evening.reopen()
    assert evening.booth.card(visit_id).plate == PLATE

    evening.booth._config.data_dir.joinpath(FILE_NAME).write_bytes(b"\x01" * 32)
    evening.reopen()
    evening.meet()
    assert evening.booth.card(visit_id).plate == PLATE


def test_what_an_agent_of_before_wrote_in_plain_is_read(tmp_path: Path) -> None:
    box = RecordBox(tmp_path, None)
    assert open_text(box, "ref", "AB1234") == "AB1234"
    assert open_doc(box, "visit\n1", '{"plate": "AB1234"}') == {"plate": "AB1234"}
    assert seal_text(None, "ref", "AB1234") == "AB1234"
    assert open_text(None, "ref", "AB1234") == "AB1234"


def test_a_sealed_text_opens_for_its_owner_and_key_only(tmp_path: Path) -> None:
    box = RecordBox(tmp_path, None)
    sealed = seal_text(box, "ref", "AB1234")
    assert "AB1234" not in sealed
    assert open_text(box, "ref", sealed) == "AB1234"
    assert open_text(box, "other", sealed) is None
    assert open_text(box, "ref", "~no base64!") is None
    (tmp_path / "other").mkdir()
    assert open_text(RecordBox(tmp_path / "other", None), "ref", sealed) is None
    doc = seal_doc(box, "visit\n1", {"plate": "AB1234"})
    assert open_doc(box, "visit\n1", doc) == {"plate": "AB1234"}
    with pytest.raises(ValueError, match="another key"):
        open_doc(box, "visit\n2", doc)
