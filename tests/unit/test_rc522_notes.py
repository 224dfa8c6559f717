"""The page about the RC522 shows the bytes that are tested, and every fault that is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reader_agent.drivers.rc522_registers import HINT

ROOT = Path(__file__).parents[2]
FACTS: dict[str, Any] = json.loads(
    (ROOT / "tests" / "data" / "mfrc522.json").read_text(encoding="utf-8")
)
NOTES = (ROOT / "firmware_notes" / "rc522.md").read_text(encoding="utf-8")


def test_the_notes_show_the_bytes_that_are_tested() -> None:
    rows = [line for line in NOTES.splitlines() if line.startswith(("| reader |", "| card |"))]
    shown = [[cell.strip(" `") for cell in row.split("|")[1:4]] for row in rows]
    assert shown == [row for fact in FACTS["frames"] for row in fact["rows"]]


def test_the_notes_name_where_each_capture_is_from() -> None:
    for fact in FACTS["frames"]:
        assert fact["source"] in NOTES


def test_the_notes_explain_every_fault() -> None:
    # A bus that is lost or is none needs no page.
    for fault in sorted(set(HINT) - {"port_lost", "port_failed"}):
        assert f"`{fault}`" in NOTES


def test_the_notes_show_what_the_package_does() -> None:
    package = FACTS["package"]
    assert f"{package['empty_poll']['transfers']} transfers" in NOTES
    assert package["cut_uid"]["returns"] in NOTES
