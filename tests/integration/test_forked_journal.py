"""A card that is put back to an older image: named, kept apart, and no visit the worse for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from reader_agent.clock import FakeClock
from reader_agent.cloud import Answer, Asked
from reader_agent.presence import Arrival
from reader_agent.station import Station
from schemas import states
from server import clock as cloud_clock
from server import guests
from server.day_leaves import leaves_of
from server.models import (
    EventRow,
    QuarantineRow,
    VisitRow,
)
from server.reports.forks import forks
from server.verify_record import Check
from tests.booth_client import client_of, text_of
from tests.cloud_kit import CloudKit
from tests.fault.cloud_door import CloudDoor
from tests.ledger_kit import (
    ask,
    close,
    found_after,
    record_of,
)
from tests.station_kit import ANA, HERRERA, config_of
from tests.visit_story import EVENING, Story, claim_tag, key_tag, small_district

pytest_plugins = ("tests.ledger_stage",)


def set_back(story: Story, place_id: str) -> Callable[[], None]:
    """Take an image of a place's card; calling it puts the card back."""
    journal = replace(story.journals[place_id])

    def put_back() -> None:
        now = story.journals[place_id]
        now.seq, now.head = journal.seq, journal.head

    return put_back


def test_a_journal_from_an_old_card_is_named_and_changes_no_visit(story: Story) -> None:
    visit = story.receive("herrera")
    put_back = set_back(story, "herrera")
    visit.take("lote-norte")
    story.receive("herrera", plate="CD5678").take("lote-norte", by="teo")
    story.wait(minutes=7)
    visit.park()
    before = [told_by(each.row()) for each in story.visits]
    put_back()
    lost = story.receive("herrera", plate="EF9012")
    kit = CloudKit(story.database, story.config)
    assert [told_by(each.row()) for each in story.visits[:2]] == before
    assert kit.count(VisitRow) == 2
    story.tell("herrera", "shift.signed_on", "ana")
    story.tell("herrera", "shift.signed_on", "ana")
    # From here on the copy is past the old head, and what it says is news again.
    late = story.receive("herrera", plate="GH3456")
    assert kit.count(VisitRow) == 3
    assert late.row().state == "at_booth"
    assert kit.rebuilt() == []
    visit.request("bolivar", at_place_id="bolivar").take("bolivar").ready().hand_over()
    assert visit.row().state == "handed_over"
    assert [told_by(each.row()) for each in story.visits[1:2]] == before[1:]
    (fork,) = story.database.read(forks)
    assert (fork.station_id, fork.place_name) == ("station-herrera", "Plaza Herrera")
    assert (fork.since_seq, fork.upto_seq, fork.events, fork.rejoined_seq) == (2, 4, 3, 5)
    assert any(lost.id in row.line.decode() for row in kit.rows(QuarantineRow))
    close(story)
    leaves = story.database.read(lambda session: leaves_of(session, "2026-11-20"))
    assert len(leaves.beside) == 3
    spoilt = update(QuarantineRow).where(QuarantineRow.id == leaves.beside[1])
    changed = found_after(story, spoilt.values(line=b"{}"))
    assert any("its lines have another root now" in each.words for each in changed)
    result = ask(story)
    assert result.exit_code == 1
    assert (
        f"journal {fork.journal_id} (station-herrera): forked: its station went on from an older "
        "copy. 3 lines of events 2 to 4 came with other bytes, first on 2026-11-21 01:07 UTC; "
        "they are kept apart and changed no visit; taken in again from event 5 on"
    ) in result.output
    assert "event 5: does not follow the event before it" in result.output
    record = record_of(story, visit)
    assert Check(record).wrong == []


def told_by(row: VisitRow) -> dict[str, object]:
    """All that a visit's row says, but for the count of the district's changes."""
    return {c.key: getattr(row, c.key) for c in VisitRow.__table__.columns if c.key != "version"}


def test_a_known_fork_need_not_fail_every_check_for_ever(story: Story) -> None:
    put_back = set_back(story, "herrera")
    story.tell("herrera", "shift.signed_on", "ana")
    put_back()
    story.tell("herrera", "shift.signed_on", "sofia")
    assert ask(story).exit_code == 1
    result = ask(story, "--forks-known")
    assert result.exit_code == 0
    assert "1 line of events 1 to 1" in result.output
    assert "taken in again" not in result.output


STATION = "herrera-1"


class OldCard:
    """A real booth on the real cloud, whose card can be copied and put back."""

    def __init__(self, folder: Path, database_url: str, batch_events: int) -> None:
        self.door = CloudDoor(folder / "cloud", database_url)
        self.door.load(small_district(), (STATION, HERRERA))
        self.kit = CloudKit(self.door.services.database, self.door.services.config)
        self.clock = FakeClock(mono_ns=10**12, wall=EVENING)
        self._folder = folder
        self._batch_events = batch_events
        self.station = Station(config_of(folder), self.clock)
        self.meet()

    def meet(self) -> None:
        """Both tell each other everything, a few events at a time."""
        exchange = self.station.exchange
        while True:
            asked = exchange.ask(limit_events=self._batch_events, limit_bytes=10**6)
            answer = self.door.post(STATION, asked)
            exchange.take(answer, asked)
            if not exchange.has_unsent() and not answer["more"] and not answer["changes"]:
                return

    def receive(self, number: int, plate: str) -> str:
        """Ana takes a car in; the visit's id."""
        self.tap(ANA)
        self.tap(key_tag(number))
        self.station.edit_draft(plate=plate, phone="61234567", claim_tag=claim_tag(number))
        return self.station.receive().visit_id

    def tap(self, tag: str) -> str | None:
        """A tag comes to the reader."""
        self.clock.advance(10)
        arrival = Arrival(tag, "em125", self.clock.mono_ns(), confirmed=True)
        return self.station.on_arrival(arrival).event_type

    def copy_card(self) -> None:
        """Take the card out, copy it, and go on."""
        self.station.close()
        shutil.copytree(self._card, self._folder / "image")
        self._start("boot-2")

    def put_back(self) -> None:
        """The copy takes the card's place."""
        self.station.close()
        shutil.rmtree(self._card)
        shutil.copytree(self._folder / "image", self._card)
        self._start("boot-3")

    def recorded(self) -> list[bytes]:
        """What stands in the journal that is in use."""
        return [line for _, line in self.station._journal.lines()]

    def in_cloud(self, journal_id: str) -> list[bytes]:
        """What the cloud has taken in of a journal."""
        return [row.line for row in self.kit.rows(EventRow) if row.journal_id == journal_id]

    def close(self) -> None:
        """End both."""
        self.station.close()
        self.door.close()

    @property
    def _card(self) -> Path:
        return self._folder / HERRERA

    def _start(self, boot_id: str) -> None:
        self.clock.reboot(boot_id)
        self.clock.advance(100)
        self.station = Station(config_of(self._folder), self.clock)


@pytest.fixture(params=[1, 500], ids=["one by one", "all at once"])
def old_card(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OldCard]:
    """A booth that is on line; events travel one by one or all at once."""
    card: list[OldCard] = []
    monkeypatch.setattr(cloud_clock, "now", lambda: card[0].clock.wall() if card else EVENING)
    card.append(OldCard(tmp_path, sqlite_url, request.param))
    yield card[0]
    card[0].close()


@pytest.mark.parametrize("is_past_the_old_end", [False, True])
def test_what_an_old_card_records_reaches_the_cloud_under_another_journal(
    old_card: OldCard, *, is_past_the_old_end: bool
) -> None:
    kept = old_card.receive(1, "AB1234")
    old_card.meet()
    old_card.copy_card()
    later = old_card.receive(2, "CD5678")
    old_card.meet()
    journal_id = old_card.station._journal.journal_id
    before = old_card.in_cloud(journal_id)

    old_card.put_back()
    # Cut off, it knows nothing of the second car, and goes on with the first and a third.
    new = old_card.receive(3, "EF9012")
    assert old_card.tap(key_tag(1)) == "car.taken"
    if is_past_the_old_end:
        for _ in range(4):
            old_card.station.sign_off()
            old_card.tap(ANA)
    forked = old_card.recorded()
    old_card.meet()
    check_renewed(old_card, journal_id, before, forked)

    rows = {row.id: row.state for row in old_card.kit.rows(VisitRow)}
    assert rows == {kept: states.TO_LOT, later: states.AT_BOOTH, new: states.AT_BOOTH}
    assert {visit.id: visit.state for visit in old_card.station._mirror.visits()} == rows
    assert old_card.kit.rebuilt() == []
    assert phone_of(old_card, new) == "+50761234567"
    # What staff do from now on is taken in as if nothing had been.
    old_card.receive(4, "GH3456")
    old_card.meet()
    assert old_card.kit.count(VisitRow) == 4
    assert old_card.in_cloud(old_card.station._journal.journal_id) == old_card.recorded()
    status = old_card.station.status()
    assert (status.unsent, status.refused, status.station_problem) == (0, 0, None)


def check_renewed(
    old_card: OldCard, journal_id: str, before: list[bytes], forked: list[bytes]
) -> None:
    """Nothing overwritten on either side, everything in the cloud once, and a person is told."""
    station, kit = old_card.station, old_card.kit
    assert station.status().forked_journals == (journal_id,)
    kept = station._db.rows(f'SELECT line FROM "old_event_{journal_id}" ORDER BY seq')
    assert [row["line"] for row in kept] == forked
    assert old_card.in_cloud(journal_id)[: len(before)] == before
    beside = [row.line for row in kit.rows(QuarantineRow)]
    assert set(beside) <= set(forked)
    assert station._journal.check_chain() == len(old_card.recorded())
    assert old_card.in_cloud(station._journal.journal_id) == old_card.recorded()
    again = [json.loads(line)["id"] for line in old_card.recorded()]
    assert sorted(again) == sorted(json.loads(line)["id"] for line in beside)
    known = {row.event_id for row in kit.rows(EventRow)}
    assert {json.loads(line)["id"] for line in forked} <= known
    (fork,) = kit.database.read(forks)
    assert (fork.journal_id, fork.events) == (journal_id, len(beside))


def phone_of(old_card: OldCard, visit_id: str) -> str | None:
    """The phone that the cloud knows for a visit."""
    services = old_card.door.services
    row = next(row for row in old_card.kit.rows(VisitRow) if row.id == visit_id)
    guest = services.database.read(
        lambda session: guests.load(session, services.key, row.guest_ref)
    )
    assert guest is not None
    return guest.phone


@pytest.mark.parametrize(
    ("language", "while_it_lasts", "afterwards"),
    [
        ("es", "Otra copia de esta estación ya escribió", "Tarjeta antigua 1 diario apartado"),
        ("en", "Another copy of this station wrote before", "Old card 1 journal set aside"),
    ],
)
def test_the_screen_names_a_fork_while_it_lasts_and_afterwards(
    old_card: OldCard, language: str, while_it_lasts: str, afterwards: str
) -> None:
    old_card.copy_card()
    old_card.receive(1, "AB1234")
    old_card.meet()
    old_card.put_back()
    old_card.receive(2, "CD5678")
    client = client_of(old_card.station)
    client.set_cookie("language", language)
    sync = old_card.station.sync_with(_Door(old_card))
    sync._batch_events = 1
    sync.push_step()
    assert while_it_lasts in text_of(client.get("/status"))
    while old_card.station.exchange.has_unsent():
        sync.push_step()
    shown = text_of(client.get("/status"))
    assert afterwards in shown
    assert while_it_lasts not in shown


class _Door:
    def __init__(self, old_card: OldCard) -> None:
        self._old_card = old_card

    def exchange(self, asked: Asked) -> Answer:
        return self._old_card.door.post(STATION, asked)

    def close(self) -> None:
        pass
