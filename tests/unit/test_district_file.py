"""A district file: the sample is good, and a bad one is told of all its faults."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import server
from schemas.problems import Refusal
from server.district import read_district

SAMPLE = Path(server.__file__).parent / "data" / "casco_viejo.json"
GOOD: dict[str, Any] = {
    "name": "Prueba",
    "timezone": "America/Panama",
    "places": [
        {"id": "a", "kind": "booth", "name": "A", "letter": "A", "x_m": 0, "y_m": 0, "hooks": 1},
        {"id": "b", "kind": "booth", "name": "B", "letter": "B", "x_m": 0, "y_m": 0, "hooks": 1},
        {"id": "l", "kind": "lot", "name": "L", "letter": "A", "x_m": 0, "y_m": 0, "hooks": 1},
    ],
    "people": [
        {"id": "ana", "name": "Ana", "roles": ["valet"], "badge_tag": "em4100:0000000001"},
        {"id": "luis", "name": "Luis", "roles": ["manager"]},
    ],
    "tags": [{"id": "em4100:0000000002", "kind": "key", "label": "K1"}],
    "travel": [{"from_place_id": "a", "to_place_id": "l", "drive_s": 60, "empty_s": 40}],
}


def faults_of(path: Path, content: object) -> str:
    """What is said of a file with this content."""
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(Refusal, match="bad_district") as caught:
        read_district(path)
    return str(caught.value.context["detail"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file of a test lies."""
    return tmp_path / "district.json"


def test_the_sample_district_is_good_and_says_that_it_is_illustrative() -> None:
    district = read_district(SAMPLE)
    assert district.is_illustrative
    assert {place.kind for place in district.places} == {"booth", "lot"}


def test_a_small_district_is_read(file: Path) -> None:
    file.write_text(json.dumps(GOOD))
    district = read_district(file)
    assert district.people[1].badge_tag is None
    assert district.places[2].stalls == 0


def test_every_fault_is_named_at_once(file: Path) -> None:
    bad = copy.deepcopy(GOOD)
    bad["timezone"] = "Mars/Olympus"
    bad["places"][0]["kind"] = "garage"
    bad["places"][1]["hooks"] = -1
    bad["people"][0]["badge_tag"] = "em4100:00"
    bad["tags"][0]["label"] = ""
    del bad["travel"][0]["empty_s"]
    bad["colour"] = "red"
    said = faults_of(file, bad)
    for name in ("timezone", "kind", "hooks", "badge_tag", "label", "empty_s", "colour"):
        assert name in said


def test_every_disagreement_between_the_parts_is_named_at_once(file: Path) -> None:
    bad = copy.deepcopy(GOOD)
    bad["places"].append(bad["places"][0])
    bad["people"][1]["badge_tag"] = "em4100:0000000001"
    bad["people"].append({**bad["people"][0], "id": "eva", "badge_tag": "em4100:0000000002"})
    bad["tags"].append(bad["tags"][0])
    bad["travel"].append({**bad["travel"][0], "to_place_id": "nowhere"})
    said = faults_of(file, bad)
    assert "used twice: a" in said
    assert "letter of two booths: A" in said
    assert "badge of two people: em4100:0000000001" in said
    assert "badge that is another tag: em4100:0000000002" in said
    assert "tags: used twice" in said
    assert "no such place: nowhere" in said


def test_a_tag_is_written_in_its_one_form(file: Path) -> None:
    bad = copy.deepcopy(GOOD)
    bad["tags"][0]["id"] = "EM4100:00000000ff"
    assert "write it as em4100:00000000FF" in faults_of(file, bad)


@pytest.mark.parametrize("content", ["", "{", "[1, 2", "[" * 100_000, "nul"])
def test_what_is_not_json_is_called_that(file: Path, content: str) -> None:
    said = faults_of(file, content)
    assert "not JSON" in said or "nested" in said


@pytest.mark.parametrize("content", [[], 5, "text", None])
def test_json_that_is_no_object_is_refused(file: Path, content: object) -> None:
    assert faults_of(file, json.dumps(content))


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(Refusal, match="bad_district") as caught:
            read_district(path)
        assert str(path) in str(caught.value.context["detail"])


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(Refusal, match="bad_district"):
        read_district(path)
