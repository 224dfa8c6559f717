"""The manager's words: both languages say the same things, and nothing is left unsaid."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from schemas import events, states
from schemas.catalog import LANGUAGES
from schemas.district import ROLES
from schemas.reception import RESTRICTING
from server import guest_looks, outbox, report_runs, report_schedules
from server.administration import closures, people, places, record, tariffs
from server.dispatch.plan import WHYS
from server.dispatch.scenario_file import SCENARIOS
from server.dispatch.what_if_answer import MEASURES
from server.dispatch.what_if_change import KINDS, RULES
from server.manager.day_csv import COLUMNS
from server.report_periods import SPANS
from server.reports.catalogue import REPORTS
from server.reports.today_now import DRIVING, GIVEN, IDLE, ON_THE_WAY
from server.sign_in.record import WAYS

DOMAINS = ("manager", "reports", "administration", "sign_in")
SERVER = Path(__file__).resolve().parents[2] / "server"
KEY = re.compile(r'"(manage\.(?!css"|js")[a-z_.]*[a-z_])"')


def words(language: str) -> dict[str, str]:
    """The catalogs of a language, by key."""
    known: dict[str, str] = {}
    for domain in DOMAINS:
        path = SERVER / "translations" / language / "LC_MESSAGES" / f"{domain}.po"
        with path.open("rb") as file:
            catalog = read_po(file)
        told = {str(message.id): str(message.string) for message in catalog if message.id}
        # Of a key in two catalogs nobody would know which words are shown.
        assert not known.keys() & told.keys(), domain
        known |= told
    return known


def open_places(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_with_the_same_places() -> None:
    spanish, english = words("es"), words("en")

    assert spanish.keys() == english.keys()
    for key, text in spanish.items():
        assert text, key
        assert open_places(text) == open_places(english[key]), key


def test_every_key_that_a_page_or_a_route_names_has_words() -> None:
    known = words("es")
    files = [*(SERVER / "templates" / "manager").rglob("*.html")]
    files += [*(SERVER / "manager").rglob("*.py"), *(SERVER / "reports").rglob("*.py")]
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
        ("look", guest_looks.SCREENS),
        ("doing", (DRIVING, ON_THE_WAY, GIVEN, IDLE)),
        ("scenario", SCENARIOS),
        ("what_if.rule", RULES),
        ("what_if.kind", KINDS),
        ("what_if.state", ("waiting", "running", "done", "failed")),
        ("what_if.fault", ("too_long", "broken")),
        ("what_if.sentence", ("less", "more", "same", "unclear")),
        ("what_if.measure", [key for key, _, _ in MEASURES]),
        ("month", [str(month) for month in range(1, 13)]),
        ("weekday", [str(day) for day in range(1, 8)]),
        ("report", REPORTS),
        ("report.about", REPORTS),
        ("run", report_runs.STATUSES),
        ("schedule", (report_schedules.ACTIVE, report_schedules.PAUSED, report_schedules.ENDED)),
        ("schedule.language", LANGUAGES),
        ("schedule.span", SPANS),
        ("admin.day", [str(day) for day in range(7)]),
        ("admin.role", ROLES),
        ("admin.licence", RESTRICTING),
        ("admin.language", LANGUAGES),
        ("admin.subject", record.KINDS),
        ("admin.action", record.ACTIONS),
        ("account.how", WAYS),
        ("admin.texts.of", outbox.TEMPLATES),
        ("admin.field", (*places.EDITED, *closures.EDITED, *people.EDITED, *tariffs.PRICES)),
        ("admin.field", ("is_archived", "is_temporary", "status", "label", "kind", "text")),
        ("admin.rule", (*places.EDITED, *closures.EDITED, *people.EDITED, *tariffs.PRICES)),
    ],
)
def test_every_name_that_the_language_knows_has_words(prefix: str, names: list[str]) -> None:
    assert {f"manage.{prefix}.{name}" for name in names} - words("es").keys() == set()
