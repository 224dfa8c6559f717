"""The alerts: rules in Prometheus' form, about metrics that there are, each with its chapter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from server.app import create_app
from tests.visit_story import settings

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "server" / "data" / "alerts.yml"
RUNBOOK = ROOT / "RUNBOOK.md"
SEVERITIES = {"page", "ticket"}
# What a family of each type is called in a sample.
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}
# Prometheus adds these to whatever it scrapes.
OF_PROMETHEUS = {"up"}
TARGET_LABELS = {"job", "instance"}
PROMQL = {
    "and", "by", "group_left", "histogram_quantile", "increase", "max", "on", "rate", "sum",
}  # fmt: skip
DURATION = re.compile(r"[1-9][0-9]*[smhd]")
# A metric, and what is asked of its labels; strings and durations are no names.
SELECTOR = re.compile(r"\b([a-z_][a-z0-9_]*)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """All rules of all groups."""
    content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return tuple(rule for group in content["groups"] for rule in group["rules"])


@pytest.fixture
def families(sqlite_url: str, tmp_path: Path) -> dict[str, Metric]:
    """What a cloud without a past shows, by the names that its samples have or would have."""
    client = create_app(settings(tmp_path, sqlite_url)).test_client()
    # There is something to count.
    client.get("/readyz")
    text = client.get("/metrics").get_data(as_text=True)
    found = text_string_to_metric_families(text)
    return {family.name + suffix: family for family in found for suffix in SUFFIXES[family.type]}


def names_in(expr: str) -> Iterator[tuple[str, str]]:
    """Metrics of an expression with their matchers, in their order."""
    bare = re.sub(r"\b(?:by|on|group_left)\s*\([^)]*\)", " ", expr)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    for name, matchers in SELECTOR.findall(bare):
        if name not in PROMQL and not re.fullmatch(r"e[0-9]*", name):
            yield name, matchers


def labels_of(family: Metric) -> dict[str, set[str]]:
    """The labels of a family's samples and the values that were seen."""
    found: dict[str, set[str]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            found.setdefault(label, set()).add(value)
    return found


def test_the_file_has_the_form_that_prometheus_reads() -> None:
    content = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    assert set(content) == {"groups"}
    names = [group["name"] for group in content["groups"]]
    assert len(names) == len(set(names))
    for group in content["groups"]:
        assert set(group) == {"name", "rules"}
    for rule in rules():
        assert {"alert", "expr", "labels", "annotations"} <= set(rule), rule
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch(r"Valet[A-Z][A-Za-z]+", rule["alert"])
        assert DURATION.fullmatch(rule.get("for", "1m")), rule
        assert rule["labels"].keys() == {"severity"}
        assert rule["labels"]["severity"] in SEVERITIES
        assert rule["annotations"].keys() == {"summary", "runbook"}
    alerts = [rule["alert"] for rule in rules()]
    assert len(alerts) == len(set(alerts)) >= 15


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_expression_is_closed_and_compares(rule: dict[str, Any]) -> None:
    expr = rule["expr"]
    for opening, closing in ("()", "[]", "{}"):
        assert expr.count(opening) == expr.count(closing)
    assert expr.count('"') % 2 == 0
    assert re.search(r"[<>]=?|==", expr)
    for span in re.findall(r"\[([^\]]*)\]", expr):
        assert DURATION.fullmatch(span)


def test_every_metric_and_every_label_of_the_rules_exists(families: dict[str, Metric]) -> None:
    used = 0
    for rule in rules():
        for name, matchers in names_in(rule["expr"]):
            if name in OF_PROMETHEUS:
                continue
            used += 1
            assert name in families, (rule["alert"], name)
            known = labels_of(families[name])
            for label, sign, value in MATCHER.findall(matchers):
                if label in TARGET_LABELS:
                    continue
                assert label in known, (rule["alert"], name, label)
                if sign in ("=", "!="):
                    assert value in known[label], (rule["alert"], name, value)
    assert used >= len(rules())


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('sum(rate(a_total{x=~"5.."}[5m])) / sum(b)', ["a_total", "b"]),
        ("max by (le, route) (rate(c_bucket[10m])) > 1e9", ["c_bucket"]),
        ("d < on () group_left () (max(f_g) - 0.1) and on (kind) h", ["d", "f_g", "h"]),
    ],
)
def test_the_names_in_an_expression_are_found(expr: str, names: list[str]) -> None:
    assert [name for name, _ in names_in(expr)] == names


def test_every_alert_has_its_chapter_and_every_chapter_its_alert() -> None:
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    alerts = [rule["alert"] for rule in rules()]
    assert sorted(headings) == sorted(alerts)
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"RUNBOOK.md#{rule['alert'].lower()}"


def test_every_chapter_says_what_to_do() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    for chapter in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = chapter.partition("\n")
        assert re.search(r"^1\. ", rest, re.MULTILINE), name


def test_what_the_runbook_quotes_exists(families: dict[str, Metric]) -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    known = {f"VALET_SERVER_{name.upper()}" for name in settings(ROOT, "x").__slots__}
    assert set(re.findall(r"VALET_SERVER_\w+", text)) <= known
    assert set(re.findall(r"\bvalet_[a-z_]+\b", text)) <= set(families)
