"""Two machines with one station's key are noticed, named, and spoil nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import events
from schemas.signing import new_private_key
from server.models import EventRow, QuarantineRow, StationLifeRow, VisitRow
from tests.station_door import JOURNAL, STATION, StationDoors, refused
from tests.station_lines import StationLines
from tests.visit_story import settings, steady_uuid

MINUTE_NS = 60 * 10**9
OTHER_JOURNAL = steady_uuid("doors", "other")


@pytest.fixture
def doors(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StationDoors]:
    """A cloud on each database."""
    found = StationDoors(settings(tmp_path, database_url), monkeypatch)
    yield found
    found.close()


@pytest.fixture
def key(doors: StationDoors) -> bytes:
    """The key of the one station."""
    return doors.add()


class Machine:
    """A Pi that has the key, and how long ago it booted."""

    def __init__(self, doors: StationDoors, key: bytes, boot_id: str, up_minutes: float) -> None:
        self.doors, self.key = doors, key
        self.journal_id = JOURNAL
        self.boot(boot_id, up_minutes)

    def boot(self, boot_id: str, up_minutes: float = 0.5) -> None:
        """It has booted a while ago."""
        self.boot_id = boot_id
        self.booted_s = self.doors.now_s - 60 * up_minutes

    def speak(self, lines: list[bytes] | None = None, delay_s: float = 0) -> str | None:
        """One request, under way for a while; what is said of the station."""
        answer = self.doors.sync(
            self.key,
            lines,
            boot_id=self.boot_id,
            journal_id=self.journal_id,
            mono_ns=int((self.doors.now_s - delay_s - self.booted_s) * 10**9),
        )
        assert answer.status_code == 200, answer.text
        alarm: str | None = answer.get_json()["alarm"]
        return alarm


def test_one_machine_that_boots_again_and_again_is_one(doors: StationDoors, key: bytes) -> None:
    pi = Machine(doors, key, "boot-0", 100)
    for number in range(1, 6):
        for _ in range(5):
            doors.wait(seconds=25)
            assert pi.speak() is None
        doors.wait(seconds=20)
        pi.boot(f"boot-{number}", 0.2)
    assert doors.row().cloned_at is None


def test_an_agent_that_begins_a_new_journal_is_no_clone(doors: StationDoors, key: bytes) -> None:
    pi = Machine(doors, key, "boot-1", 600)
    for journal_id in (JOURNAL, OTHER_JOURNAL, steady_uuid("doors", "third")):
        pi.journal_id = journal_id
        for _ in range(6):
            doors.wait(seconds=25)
            assert pi.speak() is None


def test_requests_that_were_long_under_way_are_no_clone(doors: StationDoors, key: bytes) -> None:
    pi = Machine(doors, key, "boot-1", 600)
    before = Machine(doors, key, "boot-1", 600)
    assert pi.speak() is None
    doors.wait(seconds=30)
    pi.boot("boot-2", 0.3)
    assert pi.speak() is None
    # The last word before the boot comes late, and again the other overtakes it.
    assert before.speak(delay_s=25) is None
    doors.wait(seconds=25)
    assert pi.speak() is None
    assert before.speak(delay_s=50) is None
    doors.wait(minutes=10)
    assert pi.speak() is None


def test_a_clock_that_is_wrong_is_no_clone(doors: StationDoors, key: bytes) -> None:
    for minutes in (0, 10, 300):
        doors.wait(minutes=minutes)
        answer = doors.sync(key, mono_ns=(600 + minutes) * MINUTE_NS)
        assert answer.get_json()["alarm"] is None
    assert doors.row().cloned_at is None


def test_a_card_copied_into_a_second_machine_is_noticed_and_both_are_told(
    doors: StationDoors, key: bytes
) -> None:
    true = Machine(doors, key, "boot-true", 600)
    assert true.speak() is None
    doors.wait(minutes=5)
    copy = Machine(doors, key, "boot-copy", 0.5)
    said = []
    for _ in range(8):
        doors.wait(seconds=15)
        said.append((true.speak(), copy.speak()))
    assert said[0] == (None, None)
    assert said[-1] == ("cloned", "cloned")
    assert doors.row().cloned_at is not None


def test_a_machine_that_was_up_all_the_time_is_noticed_at_its_first_word(
    doors: StationDoors, key: bytes
) -> None:
    true = Machine(doors, key, "boot-true", 600)
    for _ in range(10):
        doors.wait(seconds=25)
        assert true.speak() is None
    assert Machine(doors, key, "boot-copy", 300).speak() == "cloned"
    assert true.speak() == "cloned"


def test_two_agents_of_one_boot_with_a_journal_each_are_noticed(
    doors: StationDoors, key: bytes
) -> None:
    true, copy = Machine(doors, key, "boot-1", 600), Machine(doors, key, "boot-1", 600)
    copy.journal_id = OTHER_JOURNAL
    said = []
    for _ in range(6):
        doors.wait(seconds=25)
        said.append((true.speak(), copy.speak()))
    assert said[0] == (None, None)
    assert said[-1] == ("cloned", "cloned")


def test_a_copy_that_speaks_rarely_is_noticed_too(doors: StationDoors, key: bytes) -> None:
    true, copy = Machine(doors, key, "boot-true", 600), Machine(doors, key, "boot-copy", 600)
    for _ in range(30):
        doors.wait(seconds=2)
        true.speak()
    assert copy.speak() == "cloned"


def test_what_both_record_is_kept_and_no_visit_is_spoiled(doors: StationDoors, key: bytes) -> None:
    true, copy = Machine(doors, key, "boot-true", 600), Machine(doors, key, "boot-copy", 400)
    mine, theirs = StationLines("herrera"), StationLines("herrera")
    true.journal_id = copy.journal_id = mine.journal_id
    common = [mine.received(1), mine.taken(1, 2, "park", "lote-norte")]
    theirs.received(1)
    theirs.taken(1, 2, "park", "lote-norte")
    true.speak(common)
    doors.wait(minutes=2)
    # Both go on from the same journal: one car goes to another lot, and the other one is new.
    true.speak([mine.received(2), mine.requested(1, 3)])
    assert copy.speak([theirs.taken(1, 3, "retrieve", "bolivar")]) == "cloned"
    assert copy.speak([theirs.of(events.CAR_READY, 1, 4), theirs.line()]) == "cloned"

    kept = doors.kit.count(EventRow) + doors.kit.count(QuarantineRow)
    assert kept == len(common) + 2 + 3
    assert doors.kit.count(QuarantineRow) >= 1
    assert doors.kit.count(VisitRow) == 2
    assert doors.kit.rebuilt() == []
    assert "handed_over" not in {row.state for row in doors.kit.rows(VisitRow)}


def test_while_it_is_cloned_no_key_is_changed_and_a_code_ends_it(
    doors: StationDoors, key: bytes
) -> None:
    true, copy = Machine(doors, key, "boot-true", 600), Machine(doors, key, "boot-copy", 400)
    true.speak()
    doors.wait(minutes=2)
    assert copy.speak() == "cloned"
    assert refused(doors.change_key(key, new_private_key(), key)) == (409, "cloned_station")

    fresh = new_private_key()
    assert doors.enroll(doors.code(), fresh).status_code == 200
    assert refused(doors.sync(key)) == (401, "bad_signature")
    true.key = fresh
    assert true.speak() is None
    assert doors.row().cloned_at is None
    assert {row.boot_id for row in doors.kit.rows(StationLifeRow)} == {"boot-true"}
    assert doors.row(STATION).key_since == doors.now
