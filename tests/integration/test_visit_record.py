"""The record of a visit, on both databases: what is in it, and how it is taken home."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete, update

from schemas.problems import Refusal
from server.models import (
    DaySpanRow,
    EventRow,
)
from server.verify_record import Check
from tests.ledger_kit import (
    CLOSING,
    DAY,
    close,
    event,
    journal_of,
    line_of,
    published,
    record_of,
    spoil,
)
from tests.visit_story import Story

pytest_plugins = ("tests.ledger_stage",)


def test_the_record_of_a_visit_holds_and_shows_no_other_car(story: Story) -> None:
    visit, other = story.receive("herrera"), story.receive("herrera", plate="CD5678")
    other.take("lote-norte", by="teo")
    visit.play_whole()
    before = record_of(story, visit)
    assert before["roots"] == []
    assert {each["proof"] for each in before["events"]} == {None}
    assert Check(before).wrong == []
    assert len(Check(before).waiting) == 7
    close(story, CLOSING + DAY)
    record = record_of(story, visit)
    check = Check(record)
    assert (check.wrong, check.waiting) == ([], [])
    text = json.dumps(record)
    for secret in (other.id, other.code, other.key_tag, "CD5678", "AB1234", "61234567"):
        assert secret not in text
    assert [json.loads(each["line"])["step"] for each in record["events"]] == list(range(1, 8))
    assert [each["place"] for each in record["events"]][:2] == ["Plaza Herrera", "Plaza Herrera"]
    assert record["visit"]["code"] == visit.code


def test_a_visit_that_is_not_over_has_no_record(story: Story) -> None:
    visit = story.receive("herrera")
    with pytest.raises(Refusal, match="wrong_state"):
        record_of(story, visit)


def test_a_record_from_a_spoiled_database_does_not_hold(story: Story) -> None:
    visit = story.receive("herrera")
    visit.play_whole()
    close(story)
    journal_id = journal_of(story, "herrera")
    line = line_of(story, journal_id, 2).replace(b'"actor":"rosa"', b'"actor":"rosb"')
    spoil(story, update(EventRow).where(event(journal_id, 2)).values(line=line))
    assert any("the line was changed" in each for each in Check(record_of(story, visit)).wrong)
    spoil(story, update(EventRow).where(EventRow.type == "car.taken").values(line=b"\xff[]"))
    assert any("the line was changed" in each for each in Check(record_of(story, visit)).wrong)


def test_the_record_is_signed_by_the_key_that_is_published(story: Story) -> None:
    visit = story.receive("herrera")
    visit.play_whole()
    close(story)
    assert Check(record_of(story, visit), published(story)).wrong == []


def test_the_record_brings_the_day_before_to_follow(story: Story) -> None:
    close(story)
    story.now += DAY
    visit = story.receive("herrera")
    visit.play_whole()
    close(story, CLOSING + DAY)
    record = record_of(story, visit)
    assert [root["date"] for root in record["roots"]] == ["2026-11-20", "2026-11-21"]
    assert record["roots_url"].endswith("/v1/ledger/roots?after=2026-11-19")
    check = Check(record, published(story, "2026-11-20", "2026-11-21"))
    assert (check.wrong, check.waiting) == ([], [])


def test_where_a_closed_part_is_gone_there_is_no_proof_rather_than_a_wrong_one(
    story: Story,
) -> None:
    visit = story.receive("herrera")
    close(story)
    story.now += DAY
    visit.play_whole()
    # So that the leaf before this journal's is about no car.
    for place_id in ("bolivar", "lote-norte"):
        story.sign_on(place_id, "ana")
    close(story, CLOSING + DAY)
    spoil(story, delete(DaySpanRow).where(DaySpanRow.date == "2026-11-20"))
    proofs = [each["proof"] for each in record_of(story, visit)["events"]]
    assert [proof and proof["date"] for proof in proofs] == [None, *["2026-11-21"] * 6]
