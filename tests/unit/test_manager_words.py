"""The manager's words: both languages say the same things, and nothing is left unsaid."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from schemas import events, states
from server import outbox
from server.dispatch.plan import WHYS
from server.manager.day_csv import COLUMNS

SERVER = Path(__file__).resolve().parents[2] / "server"
KEY = re.compile(r'"(manage\.[a-z_.]*[a-z_])"')


def words(language: str) -> dict[str, str]:
    """The catalog of a language, by key."""
    path = SERVER / "translations" / language / "LC_MESSAGES" / "manager.po"
    with path.open("rb") as file:
        catalog = read_po(file)
    return {str(message.id): str(message.string) for message in catalog if message.id}


def places(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_with_the_same_places() -> None:
    spanish, english = words("es"), words("en")

    assert spanish.keys() == english.keys()
    for key, text in spanish.items():
        assert text, key
        assert places(text) == places(english[key]), key


def test_every_key_that_a_page_or_a_route_names_has_words() -> None:
    known = words("es")
    files = [*(SERVER / "templates" / "manager").glob("*.html")]
    files += [*(SERVER / "manager").rglob("*.py")]
    named = {key for file in files for key in KEY.findall(file.read_text(encoding="utf-8"))}

    assert len(named) > 80
    assert named - known.keys() == set()


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("state", states.CAR_STATES),
        ("event", events.EVENT_TYPES),
        ("proof", states.PROOFS),
        ("template", outbox.TEMPLATES),
        ("status", outbox.STATUSES),
        ("move", states.MOVE_KINDS),
        ("source", ("wall", "anchored", "received")),
        ("key", (states.GUEST, states.HOOK, states.PERSON)),
        ("csv", COLUMNS),
        ("why", WHYS),
        ("month", [str(month) for month in range(1, 13)]),
        ("weekday", [str(day) for day in range(1, 8)]),
    ],
)
def test_every_name_that_the_language_knows_has_words(prefix: str, names: list[str]) -> None:
    assert {f"manage.{prefix}.{name}" for name in names} - words("es").keys() == set()
