"""SECURITY.md: every requirement of ASVS 5.0 level 2 once, and every test that it names exists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from server.config import PREFIX, Config

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
REQUIREMENTS = ROOT / "tests" / "data" / "asvs_5_0_0_levels_1_and_2.txt"
NUMBER = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


def wanted() -> set[str]:
    """The requirements of the standard's levels 1 and 2."""
    found = set()
    for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"([0-9]+\.[0-9]+)\.([0-9]+)-([0-9]+)", line):
            first, last = int(match[2]), int(match[3])
            found |= {f"{match[1]}.{number}" for number in range(first, last + 1)}
    return found


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its own first two."""
    below = PAGE.partition(f"\n{heading}\n")[2]
    table = [line for line in re.split(r"\n#+ ", below)[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


HELD = rows("## OWASP ASVS 5.0.0, level 2")
NOT_HERE = rows("### What does not apply")


def test_every_requirement_of_the_two_levels_is_there_once_and_no_other() -> None:
    # As many as the standard has: 70 of level 1, 183 of level 2.
    assert len(wanted()) == 253
    told = Counter(row[0] for row in HELD)
    told.update(number for row in NOT_HERE for number in NUMBER.findall(row[0]))
    assert set(told) == wanted()
    assert [number for number, times in told.items() if times > 1] == []


@pytest.mark.parametrize("row", HELD, ids=lambda row: str(row[0]))
def test_a_row_names_a_test_that_exists_or_says_why_there_is_none(row: list[str]) -> None:
    number, how, test = row
    assert NUMBER.fullmatch(number)
    assert how
    if not test:
        return
    path, _, name = test.strip("`").partition("::")
    code = (ROOT / "tests" / path).read_text(encoding="utf-8")
    assert re.search(rf"^ *def {name}\(", code, re.MULTILINE), test


def test_most_of_it_is_held_by_a_test_and_nothing_without_one_is_silent() -> None:
    assert [row[0] for row in HELD if not row[2] and "not met" not in row[1]] == []
    assert sum(1 for row in HELD if row[2]) >= 0.9 * len(HELD)


def test_what_does_not_apply_says_why() -> None:
    assert NOT_HERE
    for row in NOT_HERE:
        assert len(row) == 2
        assert len(row[1].split()) >= 2


def test_every_command_setting_and_file_that_the_page_names_exists() -> None:
    for name in re.findall(r"VALET_SERVER_[A-Z_]+", PAGE):
        assert name.removeprefix(PREFIX).lower() in Config.__dataclass_fields__, name
    for path in re.findall(r"`((?:server|tests|schemas|\.ci|booth_ui)/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists(), path


def test_every_field_for_a_password_hides_it_and_lets_a_manager_of_passwords_in() -> None:
    fields = [
        field
        for path in ROOT.glob("server/templates/manager/**/*.html")
        for field in re.findall(r"<input[^>]*>", path.read_text(encoding="utf-8"))
        if re.search(r"password", field)
    ]
    assert len(fields) >= 3
    for field in fields:
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(?:current|new)-password"', field), field
