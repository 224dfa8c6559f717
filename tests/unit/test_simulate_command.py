"""`valet-server simulate`: its figures, and that they are the same twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server.dispatch.simulate_command import simulate
from tests.evening_stage import SMALL
from tests.night_stage import written

_OF_THIS_MACHINE = ("cpu_p50_ms", "cpu_p95_ms", "cpu_max_ms")


def _run(*options: str) -> dict[str, Any]:
    done = CliRunner().invoke(simulate, [*options, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def _played(*options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _run(*options)["evenings"]
    return [
        {name: value for name, value in row.items() if name not in _OF_THIS_MACHINE} for row in rows
    ]


def _small(policy: str) -> list[dict[str, Any]]:
    quick = ("--rounds", "1") if policy == "sequence" else ()
    return _played("--evenings", str(SMALL), "--runners", "4", "--policy", policy, *quick)


@pytest.mark.parametrize("policy", ["first_come", "assignment", "sequence"])
def test_the_same_seed_gives_the_same_figures_bit_for_bit(policy: str) -> None:
    assert _small(policy) == _small(policy)


def test_looking_ahead_is_better_than_first_come() -> None:
    (first,), (assigned,), (planned,) = map(_small, ("first_come", "assignment", "sequence"))
    assert planned["j"] < assigned["j"] < first["j"]
    assert planned["j"] < 0.6 * first["j"]
    assert (first["bound_is"], first["cars"]) == ("cars_alone", 24)
    assert first["j_over_bound"] == pytest.approx(first["j"] / first["bound"], abs=1e-3)


def test_evenings_are_made_from_a_shape_and_a_seed() -> None:
    options = ("--shape", "small", "--count", "2", "--runners", "8", "--policy", "first_come")
    one, two = _played(*options)
    assert one["name"] != two["name"]
    assert _played(*options, "--seed", "2")[0]["j"] == two["j"]


def test_without_json_there_is_a_line_for_each_evening() -> None:
    options = ["--evenings", str(SMALL), "--runners", "4", "--policy", "first_come"]
    done = CliRunner().invoke(simulate, options, catch_exceptions=False)
    assert done.output.startswith("small: J ")
    assert "medians" in done.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--scenario NAME, --evenings FILE or --shape NAME"),
        (["--scenario", "ordinary", "--shape", "small"], "--scenario NAME, --evenings FILE"),
        (["--scenario", "sunday"], "no scenario 'sunday'"),
        (["--scenario", "ordinary", "--policy", "sequence"], "plays no scenario"),
        (["--scenario", "ordinary", "--runners", "900"], "the scenario has 7"),
        (["--shape", "small", "--policy", "live"], "plays no evening"),
        (["--evenings", "/nowhere/at/all.json"], "No such file"),
        (["--shape", "small", "--policy", "first_come", "--rounds", "3"], "does not search"),
    ],
)
def test_what_cannot_be_played_is_said(options: list[str], said: str) -> None:
    done = CliRunner().invoke(simulate, options)
    assert done.exit_code != 0
    assert said in done.output


def test_a_scenario_is_played_by_name_or_by_file(tmp_path: Path) -> None:
    file = str(written(tmp_path))
    one = _run("--scenario", file, "--policy", "first_come", "--count", "2")
    assert [night["seed"] for night in one["nights"]] == [1, 2]
    again = _run("--scenario", file, "--policy", "first_come", "--seed", "2")
    second = {name: value for name, value in again["nights"][0].items() if name != "cpu"}
    assert second == {name: value for name, value in one["nights"][1].items() if name != "cpu"}
    assert second["wait"]["p90_min"] <= second["wait"]["p95_min"]
    assert set(second["wait_by_booth"]) <= {
        "herrera",
        "independencia",
        "bolivar",
        "francia",
        "santa-ana",
    }
    assert 0 < second["empty_share"] < 1
    assert second["promises"]["told"] == second["cars_asked_for"]
    assert second["gap"] > 0


def test_a_night_for_people_is_a_line(tmp_path: Path) -> None:
    options = ["--scenario", str(written(tmp_path)), "--rounds", "1", "--slower", "1.3"]
    done = CliRunner().invoke(simulate, options, catch_exceptions=False)
    assert "live 1: " in done.output
    assert "of at least" in done.output
