"""The stand-alone verifier: a true record holds, and whatever is changed in it is named."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.chain import seal
from server import verify_record
from server.day_leaves import REFUSED
from server.day_roots import public_key
from server.verify_record import Check
from tests.sealed_night import (
    JOURNAL,
    KEY,
    OTHER_CAR,
    OTHER_JOURNAL,
    OTHER_KEY,
    Record,
    SealedNight,
    resigned,
)
from tests.visit_story import steady_uuid

FILE = Path(verify_record.__file__)


def wrong(record: Record, published: Record | None = None) -> str:
    """Everything that the verifier finds wrong, a line each."""
    return "\n".join(Check(record, published).wrong)


RECORD = SealedNight().record()
SIGNATURE = "the record was changed: its own signature does not hold"


def changed(change: Callable[[Record], object]) -> Record:
    """The true record after somebody had their way with it."""
    record = copy.deepcopy(RECORD)
    change(record)
    return record


def run(tmp_path: Path, record: object, roots: object = None) -> tuple[int, str]:
    """Exit status and words of the program, run in a folder where nothing of ours is."""
    program = tmp_path / "check.py"
    program.write_bytes(FILE.read_bytes())
    arguments = [sys.executable, "-I", program.name, "record.json"]
    (tmp_path / "record.json").write_text(record if isinstance(record, str) else json.dumps(record))
    if roots is not None:
        (tmp_path / "roots.json").write_text(json.dumps(roots))
        arguments += ["--roots", "roots.json"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_true_record_is_whole_and_under_the_published_roots(tmp_path: Path) -> None:
    status, said = run(tmp_path, RECORD, SealedNight().published())
    assert (status, said.splitlines()[0]) == (0, "ticket H-0001: 6 events")
    assert said.splitlines()[-1] == (
        "The chain of this car is whole and under the published roots."
    )


def test_without_the_published_roots_it_says_with_what_to_compare(tmp_path: Path) -> None:
    status, said = run(tmp_path, RECORD)
    assert status == 0
    assert said.splitlines()[-1].endswith("under the roots in this record: compare them.")
    assert f"key {public_key(KEY)}" in said
    assert f"day 2026-11-20: root {RECORD['roots'][1]['root']}" in said


def test_before_the_day_is_closed_nothing_is_proven_and_it_says_so(tmp_path: Path) -> None:
    record = SealedNight(is_closed=False).record()
    assert wrong(record) == ""
    status, said = run(tmp_path, record)
    assert (status, said.count("NOT YET: ")) == (1, 6)
    assert said.splitlines()[-1].startswith("So far the chain is whole.")


def test_every_changed_byte_of_a_line_is_named_with_its_event() -> None:
    line = RECORD["events"][2]["line"]
    for at, byte in enumerate(line):
        record = copy.deepcopy(RECORD)
        other = "x" if byte != "x" else "y"
        record["events"][2]["line"] = line[:at] + other + line[at + 1 :]
        found = wrong(record)
        assert f"event 3 (journal {OTHER_JOURNAL}, 1): the line was changed" in found, at


def test_a_line_that_was_sealed_anew_is_not_under_the_root() -> None:
    def seal_anew(record: Record) -> None:
        event = record["events"][2]
        body = json.loads(event["line"])
        del body["hash"]
        event["line"] = seal({**body, "actor": "somebody else"})[0].decode()

    record = resigned(changed(seal_anew))
    assert wrong(record) == (
        f"event 3 (journal {OTHER_JOURNAL}, 1): its proof does not lead to the root of 2026-11-20"
    )


def test_an_event_sealed_anew_breaks_the_chain_to_its_neighbour() -> None:
    def seal_anew(record: Record) -> None:
        event = record["events"][0]
        body = json.loads(event["line"])
        del body["hash"]
        event["line"] = seal({**body, "actor": "somebody else"})[0].decode()

    found = wrong(resigned(changed(seal_anew)))
    assert f"journal {JOURNAL}: between 1 and 2 the chain is broken" in found


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (0, "that the car was received on this ticket is not among the events"),
        (1, "after the car's event number 1 comes number 3"),
        (3, "after the car's event number 3 comes number 5"),
        (5, SIGNATURE),
    ],
)
def test_an_event_that_was_taken_out_is_missed(at: int, words: str) -> None:
    record = changed(lambda record: record["events"].pop(at))
    found = wrong(record)
    assert words in found
    assert SIGNATURE in found
    # Whoever makes the record could leave out the last event only: everything else is counted.
    assert (words in wrong(resigned(record))) is (words != SIGNATURE)


def test_events_that_changed_places_are_out_of_order() -> None:
    def swap(record: Record) -> None:
        record["events"][3:5] = reversed(record["events"][3:5])

    assert wrong(resigned(changed(swap))) == "the events are not in their order"


def test_an_event_that_is_in_twice_is_out_of_order() -> None:
    record = changed(lambda record: record["events"].insert(1, record["events"][0]))
    assert "the events are not in their order" in wrong(resigned(record))


def test_the_lines_of_two_events_that_were_exchanged_are_noticed() -> None:
    def exchange(record: Record) -> None:
        first, last = record["events"][0], record["events"][1]
        first["line"], last["line"] = last["line"], first["line"]

    found = wrong(resigned(changed(exchange)))
    assert f"event 1 (journal {JOURNAL}, 1): the line is another event of its journal" in found
    assert "event 1" in found
    assert "its proof does not lead" in found


def test_an_event_of_another_car_is_noticed() -> None:
    record = changed(lambda record: record["visit"].update(id=OTHER_CAR))
    assert wrong(resigned(record)).count("the line is about another car") == 6


def test_another_ticket_is_noticed() -> None:
    record = changed(lambda record: record["visit"].update(code="H-0009"))
    assert "received on this ticket is not among the events" in wrong(resigned(record))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_changed_proof_leads_nowhere(at: int) -> None:
    true = RECORD["events"][0]["proof"]
    path = true["path"]
    assert len(path) == 3
    for change in (
        {"path": [*path[:at], "00" * 32, *path[at + 1 :]]},
        {"path": [*path[:at], *path[at + 1 :]]},
        {"path": [*path[:at], "00" * 32, *path[at:]]},
        {"path": [*path, path[at]]},
        {"index": true["index"] ^ (1 << at)},
        {"index": -1},
        {"index": 10**6},
    ):
        record = copy.deepcopy(RECORD)
        record["events"][0]["proof"] = {**true, **change}
        assert (
            f"event 1 (journal {JOURNAL}, 1): its proof does not lead to the root of 2026-11-20"
        ) in wrong(resigned(record))


def test_a_line_that_was_refused_does_not_pass_for_an_event() -> None:
    found = wrong(SealedNight(kind=REFUSED).record())
    assert found.count("its proof does not lead to the root") == 6


def test_a_line_put_in_between_is_seen_though_every_proof_holds() -> None:
    ledger = SealedNight()
    line = seal({"seq": 3, "prev": "0" * 64, "visit_id": OTHER_CAR, "step": 9, "type": "x"})[0]
    after = next(at for at, each in enumerate(ledger.lines) if each[:2] == (JOURNAL, 3))
    ledger.lines.insert(after, (JOURNAL, 3, line, OTHER_CAR, 9))
    found = wrong(ledger.record())
    assert found == f"journal {JOURNAL}: between 2 and 4 lines were put in or taken out"


def test_a_line_of_another_journals_beginning_is_noticed() -> None:
    def move(record: Record) -> None:
        for event in record["events"]:
            event["journal_id"] = steady_uuid("record", "elsewhere")

    assert "the line begins another journal" in wrong(resigned(changed(move)))


def test_a_root_signed_with_another_key_is_noticed() -> None:
    def resign(record: Record) -> None:
        record["roots"] = [root.to_wire() for root in SealedNight(OTHER_KEY).roots()]

    found = wrong(resigned(changed(resign)))
    assert "day 2026-11-20 of the record: its signature does not hold" in found


def test_a_record_signed_throughout_with_another_key_is_not_the_published_one() -> None:
    forged = SealedNight(OTHER_KEY).record()
    assert wrong(forged) == ""
    assert "signed with another key than the published one" in wrong(
        forged, SealedNight().published()
    )


def test_a_day_closed_anew_with_our_own_key_is_not_the_published_one() -> None:
    rewritten = SealedNight(actor="eva").record()
    assert wrong(rewritten) == ""
    assert wrong(rewritten, SealedNight().published()) == (
        "day 2026-11-20: the record's root is not the published one"
    )


@pytest.mark.parametrize("name", ["date", "count", "root", "previous", "closed_at"])
def test_every_member_of_a_root_is_signed(name: str) -> None:
    told = {"date": "2026-11-21", "count": 9, "closed_at": "2026-11-21T11:02:00Z"}
    record = changed(lambda record: record["roots"][1].update({name: told.get(name, "ab" * 32)}))
    assert ": its signature does not hold" in wrong(resigned(record))


def test_a_changed_day_before_is_noticed() -> None:
    def change(record: Record) -> None:
        before = replace(SealedNight().roots()[0], root="ab" * 32)
        record["roots"][0] = SealedNight().signed(before).to_wire()

    assert wrong(resigned(changed(change))) == (
        "day 2026-11-20 of the record does not follow the day before"
    )


def test_a_day_that_is_missing_among_the_roots_is_named() -> None:
    def change(record: Record) -> None:
        before = replace(SealedNight().roots()[0], date="2026-11-18")
        record["roots"][0] = SealedNight().signed(before).to_wire()

    assert "day 2026-11-19 is missing in the record" in wrong(resigned(changed(change)))
    without = changed(lambda record: record["roots"].pop())
    assert "the record has no root of its day 2026-11-20" in wrong(resigned(without))


def test_published_roots_that_do_not_have_the_day_prove_nothing() -> None:
    published = SealedNight().published()
    del published["items"][1]
    assert "day 2026-11-20 is not in the roots file" in wrong(RECORD, published)


def test_published_roots_that_somebody_changed_are_noticed() -> None:
    published = SealedNight().published()
    published["items"][1]["count"] = 7
    assert "day 2026-11-20 of the published roots: its signature" in wrong(RECORD, published)


def test_whatever_else_is_changed_the_signature_of_the_record_tells() -> None:
    record = changed(lambda record: record.update(made_at="2026-11-21T12:00:00+00:00"))
    assert wrong(record) == SIGNATURE


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", "null", '{"format": "valet-record"}', "[" * 100_000, '"\\ud800"']
)
def test_what_is_no_record_is_told_in_a_line(tmp_path: Path, record: str) -> None:
    status, said = run(tmp_path, record)
    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith("WRONG: this cannot be read as a record")


@pytest.mark.parametrize("name", ["events", "roots", "visit", "public_key", "signature"])
@pytest.mark.parametrize("value", [None, 3, "x", [3], {"a": 1}])
def test_a_record_with_nonsense_in_it_is_refused_without_a_traceback(
    name: str, value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(resigned({**RECORD, name: value}) | {name: value}))
    assert verify_record.main([str(file)]) == 1
    assert "WRONG: " in capsys.readouterr().out


def test_what_a_file_says_does_not_pass_for_the_verdict(tmp_path: Path) -> None:
    fake = "H-1\nThe chain of this car is whole and under the published roots.\x1b[8m"
    status, said = run(tmp_path, changed(lambda record: record["visit"].update(code=fake)))
    assert status == 1
    assert said.splitlines()[0].startswith("ticket H-1?The chain")
    assert "\x1b" not in said


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_record.main(["/nonexistent/record.json"]) == 1
    assert "No such file" in capsys.readouterr().out


def test_the_program_is_short_and_stands_alone() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
