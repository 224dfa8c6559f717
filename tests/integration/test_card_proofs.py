"""What the card said at the booth is verified where the keys are, once, with every event kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from server import cards
from server.cards import Reading
from server.database import Database
from server.ingest import Batch
from server.models import CardReadRow, CardRow
from server.reports.card_alarms import card_alarms, cards_of, see
from tests.claim_cards import (
    OTHER_UID,
    ClaimCard,
    count_of,
    enrolled,
    hand_over_with,
    receive_with,
    verdicts,
)
from tests.cloud_kit import CloudKit
from tests.opening import Opening
from tests.visit_story import MANAGER, Story, settings

pytest_plugins = ("tests.story_stage",)


@pytest.fixture
def story(opening: Opening, tmp_path: Path) -> Iterator[Story]:
    """A story that has begun, on each database."""
    story = opening.go_on(settings(tmp_path, opening.url))
    yield story
    story.database.close()


@pytest.fixture
def card(story: Story) -> ClaimCard:
    """A secure claim card that the district knows."""
    card = ClaimCard(story.key)
    enrolled(story, card)
    return card


def alarms(story: Story) -> list[tuple[str, str, str | None]]:
    """What waits for a person: source, verdict, ticket."""
    found = story.database.read(card_alarms)
    return [(line.source, line.verdict, line.visit_code) for line in found]


def test_a_card_that_proves_itself_at_issue_and_hand_over_alarms_nobody(
    story: Story, card: ClaimCard
) -> None:
    visit = receive_with(story, card, url=card.read())
    assert count_of(story, card) == 1
    visit.request("bolivar").take("bolivar").ready()
    hand_over_with(visit, card.read(4))

    assert count_of(story, card) == 5
    assert verdicts(story, "issue") == verdicts(story, "hand_over") == ["proved"]
    assert alarms(story) == []
    assert visit.row().state == "handed_over"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (None, "not_proved"),
        ("https://valet.test/t", "not_ours"),
        ("https://valet.test/t?picc_data=EF963FF7828658A599F3041510671E88&cmac=00", "not_ours"),
    ],
)
def test_a_secure_card_that_does_not_prove_itself_waits_for_a_person(
    story: Story, card: ClaimCard, said: str | None, verdict: str
) -> None:
    visit = receive_with(story, card, url=said)
    visit.request("bolivar").take("bolivar").ready()
    hand_over_with(visit, said)

    assert sorted(alarms(story)) == [
        ("hand_over", verdict, visit.code),
        ("issue", verdict, visit.code),
    ]
    assert count_of(story, card) is None
    # What has happened has happened.
    assert visit.row().state == "handed_over"


def test_a_copy_that_says_what_another_card_says_is_not_ours(story: Story, card: ClaimCard) -> None:
    other = ClaimCard(story.key, OTHER_UID)
    enrolled(story, other, "C901")
    visit = receive_with(story, card, url=other.read())

    assert alarms(story) == [("issue", "not_ours", visit.code)]
    assert count_of(story, other) is None


def test_an_event_that_comes_late_is_stale_and_no_alarm(story: Story, card: ClaimCard) -> None:
    story.cut("herrera")
    visit = receive_with(story, card, url=card.read())
    story.database.write(lambda session: cards.lift(session, card.tag, 7, story.now))
    story.join("herrera")

    assert verdicts(story) == ["stale"]
    assert count_of(story, card) == 7
    assert alarms(story) == []
    lines = story.database.read(lambda session: cards_of(session, visit.id))
    assert [(line.verdict, line.place_id) for line in lines] == [("stale", "herrera")]


def test_a_plain_tag_needs_no_proof_but_one_it_gives_counts(story: Story) -> None:
    plain = ClaimCard(story.key)
    enrolled(story, plain, secure=False)
    receive_with(story, plain)
    assert verdicts(story) == []

    receive_with(story, ClaimCard(story.key, OTHER_UID), "francia", url="https://shop.test/x")
    assert verdicts(story) == []

    proving = ClaimCard(story.key, "04777777777777")
    receive_with(story, proving, "bolivar", url=proving.read())
    assert verdicts(story) == ["proved"]


def test_a_hand_over_against_the_code_asks_for_no_card(story: Story, card: ClaimCard) -> None:
    visit = receive_with(story, card, url=card.read())
    visit.request("bolivar").take("bolivar").ready().hand_over()

    assert verdicts(story) == ["proved"]
    assert alarms(story) == []


def test_an_event_that_comes_again_is_not_verified_again(story: Story, card: ClaimCard) -> None:
    story.cut("herrera")
    receive_with(story, card, url=card.read())
    journal = story.journals["herrera"]
    batch = Batch(
        station_id=journal.station_id,
        place_id="herrera",
        journal_id=journal.id,
        boot_id="boot-herrera",
        mono_ns=10**15,
        guests=tuple(journal.guests),
        lines=tuple(journal.lines),
    )
    kit = CloudKit(story.database, story.config)
    for _ in range(3):
        kit.take(batch, story.now)

    assert verdicts(story) == ["proved"]
    assert kit.one(CardRow).last_counter == 1
    assert kit.rebuilt() == []
    assert verdicts(story) == ["proved"]


def test_a_person_looks_at_an_alarm_once(story: Story, card: ClaimCard) -> None:
    visit = receive_with(story, card)
    (alarm,) = story.database.read(card_alarms)
    assert (alarm.tag_label, alarm.place_id, alarm.actor) == ("C900", "herrera", "Ana Ríos")

    story.database.write(lambda session: see(session, alarm.id, MANAGER, story.now))

    assert alarms(story) == []
    (line,) = story.database.read(lambda session: cards_of(session, visit.id))
    assert (line.is_alarming, line.seen_by) == (True, "Luis Mora")
    with pytest.raises(Exception, match="wrong_state"):
        story.database.write(lambda session: see(session, alarm.id, MANAGER, story.now))


def test_readings_are_forgotten_after_their_time(story: Story, card: ClaimCard) -> None:
    receive_with(story, card, url=card.read())
    config = replace(story.config, card_reads_keep_s=3600)
    later = story.now + timedelta(seconds=3601)
    reading = Reading(cards.TAP, cards.PROVED, card.tag, 9)
    story.database.write(lambda session: cards.keep(session, config, reading, later))

    (kept,) = CloudKit(story.database, config).rows(CardReadRow)
    assert (kept.source, kept.at) == ("tap", later)
    assert count_of(story, card) == 1


def test_of_many_who_bring_one_counter_at_once_one_wins(story: Story) -> None:
    barrier = threading.Barrier(6)
    won: list[bool] = []
    faults: list[Exception] = []

    def lift() -> None:
        database = Database(story.config.database_url)

        def work(session: Session) -> bool:
            return cards.lift(session, "nfca:04A1B2C3D4E5F6", 3, story.now)

        barrier.wait()
        try:
            won.append(database.write(work))
        except Exception as error:  # noqa: BLE001 - shown below
            faults.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=lift) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert sorted(won) == [False] * 5 + [True]


def test_a_counter_only_rises(story: Story, card: ClaimCard) -> None:
    def lift(counter: int) -> bool:
        return story.database.write(
            lambda session: cards.lift(session, card.tag, counter, story.now)
        )

    assert [lift(counter) for counter in (0, 0, 5, 4, 5, 6, 0xFFFFFF, 1)] == [
        *(True, False, True, False, False, True, True),
        False,
    ]
    assert count_of(story, card) == 0xFFFFFF
