"""`valet-server bench-plan`: what it reads, what it prints, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server.dispatch.bench_command import bench_plan
from tests.dispatch_cases import SMALL, made_up, optimum, problem_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(bench_plan, [str(argument) for argument in arguments])


def found(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json", "--budget-ms", 60_000)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output)
    return answer


def test_every_snapshot_gets_a_plan_with_its_cost_and_gap() -> None:
    answer = found("--snapshots", SMALL, "--rounds", 30)
    known = {case["name"]: case for case in json.loads(SMALL.read_text())}
    assert [row["name"] for row in answer["instances"]] == list(known)
    for row in answer["instances"]:
        case = known[row["name"]]
        given = sorted(move for route in row["routes"] for move in route)
        assert given == [move["id"] for move in case["moves"]]
        assert len(row["routes"]) == len(case["runners"])
        assert row["objective"] <= row["first_come_objective"]
        assert row["gap_percent"] == pytest.approx(0, abs=1e-3)
        assert row["is_best_known"]
    assert sum(row["at_best_known"] for row in answer["summary"]) == len(known)


def test_a_plan_is_in_the_ids_of_the_file_and_needs_no_known_best(tmp_path: Path) -> None:
    snapshot = made_up(1, 3, 2)
    for move in snapshot["moves"]:
        move["id"] = f"car-{move['id']}"
    file = tmp_path / "one.json"
    file.write_text(json.dumps([snapshot]))
    (row,) = found("--snapshots", file, "--rounds", 5)["instances"]
    assert sorted(car for route in row["routes"] for car in route) == ["car-0", "car-1", "car-2"]
    assert (row["gap_percent"], row["best_known_objective"]) == (None, None)
    assert row["objective"] == pytest.approx(optimum(problem_of(made_up(1, 3, 2))), abs=1e-3)
    assert "gap        -" in run("--snapshots", file, "--rounds", 5).output


def test_queues_of_one_machine_are_read_with_their_optima(tmp_path: Path) -> None:
    # Two instances of three jobs: times, weights, due times. The first: 1, 2, 3 in that order is
    # 4 late for job 3 with weight 1. The second has all the time in the world.
    (tmp_path / "wt3.txt").write_text(" 2 3 4  5 5 1  2 5 5\n 2 3 4  1 1 1  9 9 9\n")
    (tmp_path / "wtopt3.txt").write_text(" 4\n 0\n")
    late, easy = found("--data", tmp_path, "--rounds", 20)["instances"]
    assert (late["name"], late["objective"], late["routes"]) == ("wt3-1", 4, [[1, 2, 3]])
    assert (easy["objective"], easy["gap_percent"], easy["is_best_known"]) == (0, 0, True)


# Two requests on a line, and room for both in one vehicle: 1 to 2 first, then 3 to 4.
LINE = """2 200 1
0 0 0 0 0 100 0 0 0
1 10 0 5 0 20 2 0 2
2 20 0 -5 0 40 2 1 0
3 20 0 5 30 60 2 0 4
4 0 0 -5 0 90 2 3 0
"""


def test_pickups_are_driven_one_after_the_other_and_straight(tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "line.txt").write_text(LINE)
    (tmp_path / "best_known.csv").write_text("instance,routes,distance\nline,1,40\n")
    result = run("--data", tmp_path, "--json", "--budget-ms", 60)
    (row,) = json.loads(result.output)["instances"]
    assert row["routes"] == [[1, 2, 3, 4]]
    assert (row["objective"], row["vehicles"], row["windows_missed_by"]) == (40, 1, 0)
    assert (row["gap_percent"], row["is_best_known"]) == (0, True)
    assert "1 vehicles  gap   0.00 %" in run("--data", tmp_path, "--budget-ms", 20).output


def test_a_vehicle_that_is_not_needed_stays_at_home(tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    apart = LINE.replace("3 20", "3 -10").replace("4 0", "4 -20")
    (tmp_path / "instances" / "apart.txt").write_text(apart)
    result = run("--data", tmp_path, "--json", "--budget-ms", 60)
    (row,) = json.loads(result.output)["instances"]
    assert (row["vehicles"], row["objective"], row["windows_missed_by"]) == (1, 80, 0)


def test_windows_that_no_vehicle_can_keep_are_said(tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    late = LINE.replace("1 10 0 5 0 20", "1 10 0 5 0 4").replace("2 200 1", "1 200 1")
    (tmp_path / "instances" / "line.txt").write_text(late)
    result = run("--data", tmp_path, "--json", "--budget-ms", 20)
    (row,) = json.loads(result.output)["instances"]
    assert row["windows_missed_by"] == pytest.approx(6)
    assert not row["is_best_known"]


def test_a_best_that_is_beaten_is_said(tmp_path: Path) -> None:
    snapshot = made_up(1, 3, 2) | {"best_known_objective": 1e6}
    (tmp_path / "one.json").write_text(json.dumps([snapshot]))
    (row,) = found("--snapshots", tmp_path / "one.json", "--rounds", 1)["instances"]
    assert row["is_new_best"]
    assert row["gap_percent"] < 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"moves": [{"id": 1}]}, "Missing data"),
        ({"runners": []}, "nobody to drive"),
        ({"empty_min": [[0]]}, "without times"),
    ],
)
def test_a_snapshot_that_cannot_be_is_refused_in_words(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps([made_up(1, 2, 1) | change]))
    result = run("--snapshots", file)
    assert result.exit_code == 1
    assert said in result.output
    assert "bad.json" in result.output


@pytest.mark.parametrize("text", ["1 2", "1 2 x", ""])
def test_a_queue_that_cannot_be_is_refused_in_words(text: str, tmp_path: Path) -> None:
    (tmp_path / "wt1.txt").write_text(text)
    result = run("--data", tmp_path)
    assert result.exit_code == 1
    assert "wt1.txt" in result.output


def test_either_a_file_or_a_folder_has_to_be_given(tmp_path: Path) -> None:
    assert run().exit_code == run("--snapshots", SMALL, "--data", tmp_path).exit_code == 2
    assert "no wtN.txt" in run("--data", tmp_path).output


@pytest.mark.parametrize("text", ["", "1 1 1\n0 0 0\n", "1 1 1\n1 2 3 4 5 6 7 8 9\n", "x"])
def test_an_instance_that_cannot_be_is_refused_in_words(text: str, tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "bad.txt").write_text(text)
    result = run("--data", tmp_path)
    assert result.exit_code == 1
    assert "bad.txt" in result.output
