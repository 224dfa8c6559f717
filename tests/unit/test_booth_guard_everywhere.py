"""Every route of the touchscreen: what it tells the browser, and whom it answers at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.routing import Rule

from tests.booth_evening import ANA, Evening
from tests.browser_rules import faults_of

ROOT = Path(__file__).resolve().parents[2]
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    # Another program's page on this machine.
    {"Origin": "http://localhost:9999"},
    # A name of an attacker that was made to point here (DNS rebinding).
    {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
)
STREAM = "/watch"


def routes(screen: FlaskClient, *methods: str) -> Iterator[tuple[Rule, str, str]]:
    """Every rule with an address of it, for each of these methods; without the endless stream."""
    for rule, method in product(screen.application.url_map.iter_rules(), methods):
        if method in (rule.methods or ()) and rule.rule != STREAM:
            parts = ("x" * 8 if dynamic else text for dynamic, text in rule._trace)
            yield rule, "".join(parts).partition("|")[2], method


def test_every_answer_hardens_the_browser_and_no_page_holds_inline_script(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    found, pages = {}, 0
    with capture_logs():
        for rule, address, method in routes(screen, "GET", "POST"):
            answer = screen.open(address, method=method)
            if evening.booth.actor() is None:
                evening.tap(ANA)
            faults = faults_of(answer)
            if faults:
                found[f"{method} {rule.rule}"] = faults
            pages += answer.status_code == 200 and answer.mimetype == "text/html"
    assert found == {}
    assert pages > 15


@pytest.mark.parametrize("headers", FOREIGN)
def test_no_route_takes_what_another_page_sends(
    screen: FlaskClient, evening: Evening, headers: dict[str, str]
) -> None:
    evening.tap(ANA)
    asked = 0
    with capture_logs():
        for rule, address, method in routes(screen, *UNSAFE):
            answer = screen.open(address, method=method, headers=headers)
            assert answer.status_code == 403, rule.rule
            asked += 1
    assert asked > 40
    assert evening.booth.actor() is not None


def test_no_route_answers_under_a_name_that_is_not_this_machine(screen: FlaskClient) -> None:
    for rule, address, method in routes(screen, "GET"):
        answer = screen.open(address, method=method, headers={"Host": "evil.example"})
        assert answer.status_code == 403, rule.rule


def test_no_template_holds_inline_script_style_or_a_handler() -> None:
    inline = re.compile(
        r"<(?:script|style)(?![^>]*(?:\bsrc=|\bnonce=))|\son[a-z]+\s*=\s*[\"']|\sstyle\s*=\s*[\"']|"
        r"javascript:",
        re.IGNORECASE,
    )
    templates = [*ROOT.glob("booth_ui/templates/*.html"), *ROOT.glob("server/templates/**/*.html")]
    found = {
        str(path.relative_to(ROOT)): match.group()
        for path in templates
        if (match := inline.search(path.read_text(encoding="utf-8")))
    }
    assert len(templates) > 60
    assert found == {}
