"""Files of evenings: what is read, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.dispatch.evening_data import EveningError, read_evenings
from tests.evening_stage import SMALL


def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(SMALL.read_text())[0]
    return facts


def test_lots_become_nodes_after_the_booths() -> None:
    (evening,) = read_evenings(SMALL)
    facts = _facts()
    assert len(evening.cars) == 24
    assert [car.lot - 3 for car in evening.cars] == [car["lot"] for car in facts["cars"]]
    assert evening.ground.loaded_min(0, 3) == facts["drive_min"][0][3] + facts["handling_min"]


def test_bounds_are_read_by_number_of_runners(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(_facts() | {"clairvoyant_bound_J": {"20": 8.5}}))
    assert read_evenings(file)[0].bounds == {20: 8.5}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kerb_cars": -1}, "kerb_cars"),
        ({"drive_min": [[0]]}, "a row and a column for each"),
        ({"booths": 1}, "a row and a column for each"),
        ({"cars": []}, "cars"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(json.dumps([_facts() | change]))
    with pytest.raises(EveningError, match=said):
        read_evenings(file)


@pytest.mark.parametrize(
    ("car", "said"),
    [({"lot": 2}, "names a place that does not exist"), ({"ask_min": 0}, "must arrive")],
)
def test_a_bad_car_is_named(tmp_path: Path, car: dict[str, Any], said: str) -> None:
    facts = _facts()
    facts["cars"][3] |= car
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(facts))
    with pytest.raises(EveningError, match=f"car 3 {said}"):
        read_evenings(file)


@pytest.mark.parametrize("text", ["no", "[" * 100_000, "[3]"])
def test_what_is_no_evening_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(EveningError):
        read_evenings(file)
    with pytest.raises(EveningError, match="No such file"):
        read_evenings(tmp_path / "none.json")
