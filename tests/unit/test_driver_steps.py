"""How to add a driver, as it is written down, against what the newest driver is made of."""

from __future__ import annotations

import re
from pathlib import Path

from reader_agent.drivers.readers import FAMILIES
from reader_agent.drivers.scanner_reader import ScannerReader

ROOT = Path(__file__).parents[2]
NOTES = (ROOT / "firmware_notes" / "drivers.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`((?:[\w.]+/)+[\w.]+)`", NOTES))
MADE = {
    name
    for line in NOTES.splitlines()
    if line.startswith("- `")
    for name in re.findall(r"`([^`]+)`", line)
}


def test_every_file_that_the_steps_name_exists() -> None:
    assert len(NAMED) > 10
    assert [name for name in sorted(NAMED) if not (ROOT / name).is_file()] == []


def test_the_steps_name_every_file_of_the_newest_driver_and_no_other_as_made_by_it() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("reader_agent/drivers", "reader_agent/emulators", "tests", "firmware_notes")
        for path in (ROOT / folder).rglob("*")
        if re.fullmatch(r"(test_)?(scanner|gm65)\w*\.(py|json|md)", path.name)
    }
    assert found == MADE


def test_the_newest_driver_is_known_as_the_steps_say() -> None:
    assert FAMILIES["scanner"] is ScannerReader
