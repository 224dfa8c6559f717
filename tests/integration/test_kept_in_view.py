"""What a manager has to see although no visit and no report tells of it: keys, and erased data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from schemas import events
from server.database import Database
from server.models import PurgeRow
from server.reports.purge_lines import purge_lines
from server.reports.seen_keys import SeenKey, seen_keys
from tests.manager_evening import Evening, signed_in
from tests.visit_story import EVENING, RUNNER, Story, key_tag, settings

pytest_plugins = ("tests.manager_stage",)


@pytest.fixture
def story(tmp_path: Path, database_url: str) -> Iterator[Story]:
    """An evening on each database."""
    story = Story(Database(database_url), settings(tmp_path, database_url))
    yield story
    story.database.close()


def see(story: Story, tag: str, place_id: str = "lote-norte", **more: object) -> None:
    """The lot notes a key."""
    story.tell(place_id, events.KEY_SEEN, RUNNER, None, {"tag": tag, **more})


def listed(story: Story) -> list[SeenKey]:
    """What a manager sees."""
    return story.database.read(lambda session: seen_keys(session, 100))


def test_a_key_whose_visit_was_open_then_has_found_it_however_late(story: Story) -> None:
    story.cut("herrera")
    visit = story.receive("herrera")
    visit.take("lote-norte")
    story.wait(minutes=5)
    see(story, visit.key_tag, stall="7", hook=3)
    (key,) = listed(story)
    assert (key.label, key.place_name, key.stall, key.hook) == ("K001", "Lote Norte", "7", 3)
    assert (key.actor_name, key.at, key.later_id) == ("Rosa Vega", story.now, None)

    story.join("herrera")
    assert listed(story) == []


def test_a_key_that_never_had_a_visit_stays_in_view_until_its_tag_is_used(story: Story) -> None:
    see(story, "em4100:0BFFFFFFFF")
    story.wait(minutes=1)
    see(story, key_tag(1), "lote-sur")
    story.wait(minutes=1)
    see(story, key_tag(1), "lote-norte")
    assert [(key.label, key.place_name) for key in listed(story)] == [
        ("K001", "Lote Norte"),
        (None, "Lote Norte"),
    ]

    story.wait(minutes=1)
    visit = story.receive("herrera")
    assert visit.key_tag == key_tag(1)
    assert [(key.label, key.later_code) for key in listed(story)] == [
        (None, None),
        ("K001", visit.code),
    ]


def test_a_key_after_its_car_was_given_back_belongs_to_nobody(story: Story) -> None:
    visit = story.receive("herrera")
    visit.play_whole()
    story.wait(minutes=1)
    see(story, visit.key_tag)
    assert [key.label for key in listed(story)] == ["K001"]


@pytest.mark.parametrize("_kind", ["sqlite"], indirect=True, scope="module")
@pytest.mark.parametrize("language", ["es", "en"])
def test_it_is_on_the_day_page_and_on_its_own(evening: Evening, language: str) -> None:
    client = signed_in(evening, language)
    words = {"es": "Llaves sin boleto", "en": "Keys without a ticket"}[language]
    assert 'id="seen-keys"' not in client.get("/manage/day").text
    see(evening.story, "em4100:0BFFFFFFFF", stall="<7>", hook=3)

    day = client.get("/manage/day").text
    assert words in day.split('id="seen-keys"')[1].split("</article>")[0]
    page = client.get("/manage/keys/unknown").text
    assert "&lt;7&gt;" in page
    assert "em4100:0BFFFFFFFF" in page
    assert "manage." not in re.sub(r'href="[^"]*"|/static/[^"]*', "", page)


def test_what_was_erased_in_time_is_told_day_by_day(story: Story) -> None:
    def erase(number: int, hours: int, visits: int) -> None:
        counts = {"guests": visits, "notes": 1, "texts": 2, "photos": 3}
        at = EVENING + timedelta(hours=hours)
        row = PurgeRow(
            id=f"{number:03d}", at=at, by="worker", keep_days=90, visits=visits, **counts
        )
        story.database.write(lambda session: session.add(row))

    for number, hours, visits in ((1, 0, 10), (2, 1, 5), (3, 12, 7)):
        erase(number, hours, visits)
    zone = ZoneInfo("America/Panama")
    lines, older = story.database.read(lambda session: purge_lines(session, zone, 10, ""))
    told = [(str(line.date), line.batches, line.visits, line.photos) for line in lines]
    assert told == [("2026-11-21", 1, 7, 3), ("2026-11-20", 2, 15, 6)]
    assert older is None
    lines, older = story.database.read(lambda session: purge_lines(session, zone, 2, ""))
    assert ([line.visits for line in lines], older) == ([7, 5], "002")
    lines, older = story.database.read(lambda session: purge_lines(session, zone, 2, "002"))
    assert ([line.visits for line in lines], older) == ([10], None)


@pytest.mark.parametrize("_kind", ["sqlite"], indirect=True, scope="module")
def test_its_page_says_the_rule_and_what_was_done(evening: Evening, client: FlaskClient) -> None:
    assert "Nothing has been erased" in client.get("/manage/admin/purges").text
    counts = {"guests": 4, "notes": 1, "texts": 2, "photos": 3}
    row = PurgeRow(id="1", at=EVENING, by="worker", keep_days=90, visits=4, **counts)
    evening.database.write(lambda session: session.add(row))
    page = client.get("/manage/admin/purges").text
    assert "Friday 20\u00a0Nov\u00a02026" in page
    assert "90 days" in page
    assert "/manage/admin/purges" in client.get("/manage/admin").text
