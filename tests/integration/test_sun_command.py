"""`valet-server sun`: what a link is worth now, and that asking changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server import cards
from server.master_key import KeyFileError, load_master_key
from server.sun_command import sun
from tests.claim_cards import OTHER_UID, ClaimCard, enrolled, set_status
from tests.driver_phone import dump
from tests.opening import Opening
from tests.visit_story import Story, settings

pytest_plugins = ("tests.story_stage",)


@pytest.fixture
def story(opening: Opening, tmp_path: Path) -> Iterator[Story]:
    """A story that has begun, on each database."""
    config = settings(tmp_path, opening.url)
    story = opening.go_on(config, load_master_key(config.key_file))
    yield story
    story.database.close()


def ask(story: Story, url: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(sun, [url], obj=story.config)


def told(result: Result) -> dict[str, object]:
    """What the command printed. It is the last line: a server that another test has just ended may
    still log here, where all share one standard output."""
    fact: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return fact


def verdict(story: Story, url: str) -> tuple[int, object]:
    """Exit status and verdict."""
    result = ask(story, url)
    return result.exit_code, told(result)["verdict"]


def test_a_fresh_link_is_told_with_what_the_cloud_knows_of_the_card(story: Story) -> None:
    card = ClaimCard(story.key)
    enrolled(story, card)
    url = card.read(3)
    before = dump(story.database)

    result = ask(story, url)

    assert result.exit_code == 0
    assert told(result) == {
        "uid": card.uid,
        "tag": card.tag,
        "counter": 3,
        "mac": "ok",
        "mode": "aes",
        "kind": "claim",
        "label": "C900",
        "status": "active",
        "last_counter": None,
        "verdict": "fresh",
    }
    assert dump(story.database) == before
    assert told(ask(story, url)) == told(result)


def test_why_a_link_would_not_be_taken_is_said(story: Story) -> None:
    card, stranger = ClaimCard(story.key), ClaimCard(story.key, OTHER_UID)
    enrolled(story, card)
    url = card.read(3)
    assert verdict(story, stranger.read()) == (1, "not_enrolled")
    assert verdict(story, url[:-2] + ("00" if url[-2:] != "00" else "11")) == (1, "wrong")
    set_status(story, card, "lost")
    assert verdict(story, url) == (1, "lost")
    set_status(story, card, "active")
    story.database.write(lambda session: cards.lift(session, card.tag, 3, story.now))
    assert verdict(story, url) == (1, "stale")
    assert verdict(story, card.read()) == (0, "fresh")


def test_a_published_link_of_a_factory_card_is_not_ours(story: Story) -> None:
    # NXP AN12196, page 12.
    url = "https://x.test/?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086"
    result = ask(story, url)
    fact = told(result)
    assert (result.exit_code, fact["mac"], fact["label"]) == (1, "wrong", None)


def test_what_is_no_such_link_is_said_in_a_line(story: Story) -> None:
    result = ask(story, "https://valet.test/t")
    assert result.exit_code == 2
    assert "no query" in result.stderr


def test_no_master_key_is_made_by_asking(story: Story) -> None:
    story.config.key_file.unlink()
    result = ask(story, ClaimCard(story.key).read())
    assert result.exit_code == 1
    assert isinstance(result.exception, KeyFileError)
    assert "no master key" in str(result.exception)
    assert not story.config.key_file.exists()
