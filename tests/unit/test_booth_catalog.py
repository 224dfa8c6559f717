"""Every word of the touchscreen is in both languages, and every key in the catalog is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

import booth_ui
import reader_agent
import schemas
import server
from booth_ui import ticket_actions
from booth_ui.card_view import FACT_TYPES, HELD_REASONS, WHYS
from booth_ui.desk import TRANSLATIONS
from booth_ui.reader_words import FAMILIES, FAULTS
from booth_ui.screens.hand_over import REASONS
from booth_ui.screens.incident import ENDINGS
from booth_ui.screens.receive import COUNTRIES
from booth_ui.screens.receive import STEPS as RECEIVE_STEPS
from booth_ui.screens.resolve import REASONS as RESOLVE_REASONS
from booth_ui.screens.status import PROBLEMS
from booth_ui.screens.tags import REASONS as TAG_REASONS
from booth_ui.ticket_steps import STEPS
from booth_ui.viewer import CHOICES
from reader_agent import enrol_plan
from reader_agent.closing import STEPS as CLOSING_STEPS
from reader_agent.enrol_plan import ENROLL_KEYS
from reader_agent.incidents import DETAILS
from reader_agent.key_board import SAID as ALARM_KEYS
from reader_agent.key_check import SAID as CHECK_KEYS
from reader_agent.tag_office import GROUPS
from reader_agent.tap_rule import TAP_KEYS
from reader_agent.waiting import RUNGS
from schemas import states
from schemas.catalog import LANGUAGES, Catalog
from schemas.district import ROLES, TAG_LOST, TAG_STATUSES
from schemas.problems import HTTP_STATUS
from schemas.reception import COLOURS, DAMAGES, HANDLING, ZONES
from schemas.staff_pin import REASONS as PIN_REASONS

UI = Path(booth_ui.__file__).parent
SERVER = Path(server.__file__).parent
KEY = re.compile(r"""["']([a-z][a-z_]*\.[a-z][a-z_]*[a-z])["']""")
# Files of the cloud that answer a station.
DOORS = ("station_", "card_keys", "enrol", "photos", "ingest", "lines")
# What looks like a key and is none: file names and the names of routes.
NO_KEYS = {
    *("icons.html", "forms.html", "rows.html", "base.html"),
    *("booth.css", "booth.js", "board.js"),
}
# They have nothing to do with a screen; their dotted names are log lines and files.
NO_SCREENS = {"build_assets.py", "run.py"}
ENROLL_STEPS = set(enrol_plan.STEPS) - {enrol_plan.DONE}
ROUTES = {
    *("watch.watch", "watch.alive", "settings.change", "receive.keep_typing"),
    "board.board",
    *("lock.lock", "lock.choose_person", "lock.ask_pin", "lock.open_with_pin"),
    *("lock.ask_badge_owner", "lock.ask_first", "lock.take_first"),
}

# Keys that are put together from a name, one by one.
DYNAMIC = {
    *(f"nav.{name}" for name in ("queue", "search", "status", "keys", "shift")),
    *(f"mark.{name}" for name in RUNGS),
    *(f"why.{name}" for name in WHYS),
    *(f"role.{name}" for name in ROLES),
    *(f"delay.reason_{name}" for name in states.DELAY_REASONS),
    *(f"closing.step_{name}" for name in CLOSING_STEPS),
    *(f"closing.alone_{name}" for name in states.ALONE_REASONS),
    *(f"do.undo_{name.partition('.')[2]}" for name in states.UNDOABLE),
    *(f"incident.{part}{name}" for part in ("", "ask_", "next_") for name in states.INCIDENTS),
    *(f"detail.{name}" for names in DETAILS.values() for name in names),
    *(f"settled.{name}" for names in ENDINGS.values() for name in names),
    *CHECK_KEYS,
    *ALARM_KEYS,
    *(f"country.{name}" for name in COUNTRIES),
    *(f"zone.{name}" for name in ZONES),
    *(f"damage.{name}" for name in DAMAGES),
    *(f"colour.{name}" for name in COLOURS),
    *(f"handling.{name}" for name in HANDLING),
    *(f"settings.{name}" for name in CHOICES),
    *(f"settings.{name}_{value}" for name, values in CHOICES.items() for value in values),
    *(f"badge.storage_{name}" for name in ("full", "fault")),
    *(f"storage.{name}" for name in ("ok", "full", "fault")),
    *(f"station_problem.{name}" for name in (*PROBLEMS, "other")),
    *(f"reader.{name}" for name in ("waiting", "open", "lost")),
    *(f"reader_family.{name}" for name in FAMILIES),
    *(f"reader_fault.{name}" for name in (*FAULTS, "other")),
    *(f"language.{name}" for name in LANGUAGES),
    *(f"step.{name}" for name in STEPS),
    *(f"receive.step_{name}" for name in RECEIVE_STEPS),
    *(f"key_holder.{name}" for name in (states.HOOK, states.PERSON, states.GUEST)),
    *(f"where.{name}" for name in states.CAR),
    *(f"mark.{name}" for name in (*states.CAR_STATES, "late")),
    *(f"held.{name}" for name in (*HELD_REASONS, "out_of_order")),
    *(f"reason.{name}" for name in REASONS),
    *(f"pin_reason.{name}" for name in PIN_REASONS),
    *(f"resolve.reason_{name}" for name in RESOLVE_REASONS),
    *(f"ending.{name}" for name in (states.AT_BOOTH, states.READY, states.PARKED)),
    f"ending.{states.HANDED_OVER}",
    *(f"fact.{name.partition('.')[2]}" for name in FACT_TYPES),
    *(f"done.{name}" for name in ("take", "ready", "cancel_request", "call")),
    *(f"do.{name}_to" for name in ("take", "take_back")),
    *(f"tag_group.{name}" for name in (*GROUPS, TAG_LOST)),
    *(f"tag_kind.{name}" for name in GROUPS),
    *(f"tag_{part}.{status}" for part in ("status", "do", "then") for status in TAG_STATUSES),
    *(f"tag_reason.{name}" for names in TAG_REASONS.values() for name in names),
    *(f"done.tag_{status}" for status in TAG_STATUSES),
    *(f"enroll_{part}.{name}" for part in ("hint", "tap") for name in GROUPS),
    *(f"enroll.step_{name}" for name in ENROLL_STEPS),
    *ENROLL_KEYS,
    *TAP_KEYS,
}


def words_of(language: str) -> dict[str, str]:
    """The catalog as it is written, key to words."""
    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale=language, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalog if message.id}


def sources() -> Iterator[tuple[Path, str]]:
    """Every file of the touchscreen that may name a key."""
    for path in (*UI.rglob("*.py"), *(UI / "templates").glob("*.html")):
        if "node_modules" not in path.parts and path.name not in NO_SCREENS:
            yield path, path.read_text(encoding="utf-8")


def named_keys() -> set[str]:
    """The keys that stand in code and templates as they are."""
    found = {key for _, text in sources() for key in KEY.findall(text)}
    return {key for key in found - NO_KEYS - ROUTES if not key.endswith((".html", ".json"))}


@cache
def refusals_of(*folders: Path) -> set[str]:
    """Every code that some station code may refuse with."""
    found = set()
    for path in (file for folder in folders for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                found |= {
                    part.value
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return found & set(HTTP_STATUS)


@cache
def text_of_cloud(*, is_door: bool) -> str:
    """The cloud's code that stations speak with, or all the rest of it."""
    return "".join(
        path.read_text(encoding="utf-8")
        for path in SERVER.rglob("*.py")
        if is_door == (path.parent.name == "api" or path.name.startswith(DOORS))
    )


def places_in(words: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(words) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_is_used_has_words(language: str) -> None:
    words = words_of(language)

    assert (named_keys() | DYNAMIC) - set(words) == set()


def test_no_words_are_left_over() -> None:
    used = named_keys() | DYNAMIC | {f"problem.{code}" for code in HTTP_STATUS}

    assert set(words_of("es")) - used == set()


def test_both_languages_have_the_same_keys_and_the_same_places_in_their_words() -> None:
    spanish, english = words_of("es"), words_of("en")

    assert set(spanish) == set(english)
    different = {key for key in spanish if places_in(spanish[key]) != places_in(english[key])}
    assert different == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_words_are_empty(language: str) -> None:
    assert [key for key, words in words_of(language).items() if not words.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_station_refuses_is_said_in_words(language: str) -> None:
    schemas_folder = Path(schemas.__file__).parent
    codes = refusals_of(Path(reader_agent.__file__).parent, UI) | {
        code
        for name in ("plates.py", "phones.py")
        for code in re.findall(r'Refusal\("(\w+)"', (schemas_folder / name).read_text())
    }
    codes |= {"storage_full", "storage_fault", "landline_phone"}

    # What only the cloud's own pages refuse is said there.
    of_pages = {code for code in HTTP_STATUS if f'"{code}"' in text_of_cloud(is_door=False)}
    at_doors = {code for code in HTTP_STATUS if f'"{code}"' in text_of_cloud(is_door=True)}
    codes |= set(HTTP_STATUS) - (of_pages - at_doors)
    assert {code for code in codes if f"problem.{code}" not in words_of(language)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_of_a_tap_uses_only_what_the_station_gives(language: str) -> None:
    words = words_of(language)

    said = TAP_KEYS | ENROLL_KEYS | CHECK_KEYS | ALARM_KEYS
    assert {key for key, names in said.items() if places_in(words[key]) - set(names)} == set()


def test_a_problem_says_no_code_and_needs_no_values() -> None:
    problems = {key: text for key, text in words_of("es").items() if key.startswith("problem.")}

    with_places = {key for key, text in problems.items() if places_in(text)}
    assert with_places == {
        "problem.bad_code_left",
        "problem.pin_locked_min",
        "problem.tag_in_use_by",
        "problem.wrong_pin_left",
    }
    assert [key for key, text in problems.items() if "_" in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalog_gives_the_words_that_were_written(language: str) -> None:
    catalog = Catalog(TRANSLATIONS)

    assert catalog.text(language, "queue.receive") == words_of(language)["queue.receive"]


def test_templates_hold_no_words_of_their_own() -> None:
    letters = re.compile(r"[A-Za-zÁ-ÿ]{2,}")
    for path in (UI / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\{% block live %\}.*?\{% endblock %\}", " ", text)
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", text, flags=re.DOTALL)
        assert letters.findall(text) == [], path.name


def test_every_action_of_a_ticket_has_words() -> None:
    text = Path(ticket_actions.__file__).read_text(encoding="utf-8")

    labels = set(re.findall(r'"(do\.\w+)"', text))
    assert labels
    assert labels - set(words_of("es")) == set()
