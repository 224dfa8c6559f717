"""What the manager's timeline says of an event, as one line of words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader

import server

TEMPLATES = Path(server.__file__).parent / "templates"


@dataclass
class Line:
    """An event as the timeline has it."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)


def said(line: Line) -> str:
    """The words, where each key of the catalog stands for its text."""
    env = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    macro = env.get_template("manager/words.html").module.fact  # type: ignore[attr-defined]

    def words(key: str, /, **values: object) -> str:
        return " ".join([key.removeprefix("manage."), *map(str, values.values())])

    return " ".join(str(macro(words, None, line)).replace("<b>", "").replace("</b>", "").split())


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("visit.called", {"number": 2}, "event.visit.called fact.call 2"),
        (
            "visit.delayed",
            {"minutes": 15, "reason": "rain"},
            "event.visit.delayed fact.delayed 15 promise.staff_rain",
        ),
        (
            "visit.reported",
            {"kind": "damage", "is_over": False, "is_own": True, "details": [], "reason": None},
            "event.visit.reported incident.damage · fact.own",
        ),
        (
            "visit.reported",
            {"kind": "damage", "is_over": True, "is_own": False, "details": [], "reason": "paid"},
            "event.visit.reported incident.damage · fact.over “paid”",
        ),
        ("visit.unclaimed", {"bag": "41"}, "event.visit.unclaimed fact.bag 41"),
        ("shift.paused", {}, "event.shift.paused"),
    ],
)
def test_the_timeline_says_what_staff_told(kind: str, data: dict[str, Any], words: str) -> None:
    assert said(Line(kind, data)) == words
