"""The outbox: a message for each change, and each sent once."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from server.database import Database
from server.links import token_of
from server.sending import (
    claim_next,
    expire_leases,
    record,
    send_due,
)
from server.sms.gateway import LATER, REFUSED, SENT, UNKNOWN, Outcome
from server.sms.recording import RecordingGateway, read_recorded
from tests.sms_office import DyingGateway, Killed, Office, ScriptedGateway
from tests.visit_story import KEY

PHONE = "+50761234567"
pytest_plugins = ("tests.sms_stage",)


def test_a_new_visit_is_told_with_its_link(office: Office) -> None:
    visit = office.story.receive("herrera", phone=PHONE)
    assert office.send() == 1

    (taken,) = office.gateway.taken
    message = office.only()
    link = f"https://v.example.pa/t/{token_of(KEY, visit.id)}"
    assert taken == (
        message.id,
        PHONE,
        f"Casco Valet {visit.code}: recibimos su carro. Pidalo cuando quiera, en cualquier "
        f"caseta: {link}",
    )
    assert (message.status, message.tries, message.parts) == ("sent", 1, 1)
    assert (message.provider_id, message.sent_at) == ("p", office.story.now)
    assert message.lease_until is None
    assert office.send() == 0


def test_a_whole_visit_makes_two_messages_in_the_drivers_language(office: Office) -> None:
    visit = office.story.receive("herrera", language="en")
    office.send()
    visit.request("bolivar")
    visit.ready("bolivar")
    office.send()
    visit.hand_over()
    office.send()

    assert office.statuses() == [("received", "sent"), ("ready", "sent")]
    assert "your car is ready at Plaza Bolivar" in office.gateway.taken[1][2]


def test_a_driver_without_a_phone_gets_no_row(office: Office) -> None:
    office.story.receive("herrera", phone=None)

    assert office.messages() == []


def test_the_change_and_its_message_commit_together_or_not_at_all(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = office.story
    visit = story.receive("herrera")
    before = visit.row()
    cause = office.messages()

    def broken(*_arguments: object) -> set[str]:
        raise RuntimeError("after the message, before the commit")

    with monkeypatch.context() as patch:
        patch.setattr("server.ingest.replan", broken)
        with pytest.raises(RuntimeError):
            visit.ready("bolivar")

    assert (visit.row().car, visit.row().version) == (before.car, before.version)
    assert [row.id for row in office.messages()] == [row.id for row in cause]

    story.send("bolivar")
    assert visit.row().car == "ready"
    assert office.statuses() == [("received", "queued"), ("ready", "queued")]


def test_the_same_events_again_make_no_second_message(office: Office) -> None:
    story = office.story
    journal = story.journals["herrera"]
    story.cut("herrera")
    story.receive("herrera")
    lines, guests = list(journal.lines), list(journal.guests)
    story.join("herrera")
    for _ in range(3):
        journal.lines, journal.guests = list(lines), list(guests)
        story.send("herrera")

    assert office.send() == 1
    assert len(office.gateway.taken) == 1


def test_four_workers_claim_each_message_once(office: Office) -> None:
    story, together = office.story, threading.Barrier(4)
    for number in range(12):
        story.receive("herrera", phone=f"+5076000{number:04d}")
    gateways = [ScriptedGateway() for _ in range(4)]

    def work(number: int) -> None:
        database = Database(story.config.database_url)
        sender = office.sender(
            database=database, gateway=gateways[number], worker=f"worker-{number}"
        )
        together.wait(60)
        while send_due(sender, lambda: story.now, lambda: False):
            pass
        database.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    taken = [reference for gateway in gateways for reference, _, _ in gateway.taken]
    assert sorted(taken) == [message.id for message in office.messages()]
    assert {(message.status, message.tries) for message in office.messages()} == {("sent", 1)}


def test_a_worker_that_died_while_sending_leaves_it_to_a_person(office: Office) -> None:
    story = office.story
    story.receive("herrera")
    with pytest.raises(Killed):
        send_due(office.sender(gateway=DyingGateway()), lambda: story.now, lambda: False)
    assert office.only().status == "claimed"

    story.wait(seconds=story.config.sms_lease_s - 1)
    assert office.send() == 0
    assert office.only().status == "claimed"

    story.wait(seconds=1)
    assert office.send() == 0
    message = office.only()
    assert (message.status, message.fault) == ("unknown", "lease_ran_out")
    assert message.parts == 1

    story.wait(minutes=5)
    assert office.send() == 0
    assert office.gateway.taken == []


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome(UNKNOWN, fault="read_timeout"), "unknown"),
        (Outcome(REFUSED, fault="OptedOut"), "refused"),
    ],
)
def test_a_message_that_is_unknown_or_refused_is_never_tried_again(
    office: Office, outcome: Outcome, status: str
) -> None:
    office.story.receive("herrera")
    office.gateway.outcomes = [outcome]
    office.send()
    for _ in range(3):
        office.story.wait(minutes=2)
        office.send()

    assert len(office.gateway.taken) == 1
    assert (office.only().status, office.only().fault) == (status, outcome.fault)


def test_later_waits_longer_each_time_and_ends_as_refused(office: Office) -> None:
    story = office.story
    story.receive("herrera")
    office.gateway.outcomes = [Outcome(LATER, fault="Throttling")] * 10
    waits = []
    while office.send():
        message = office.only()
        if message.status != "queued":
            break
        waits.append((message.not_before - story.now).total_seconds())
        assert office.send() == 0
        story.now = message.not_before

    assert waits == [15, 30, 60, 120]
    message = office.only()
    assert (message.status, message.tries, message.fault) == ("refused", 5, "Throttling")


def test_later_and_then_sent_is_sent(office: Office) -> None:
    office.story.receive("herrera")
    office.gateway.outcomes = [Outcome(LATER, fault="Throttling")]
    office.send()
    office.story.wait(seconds=15)
    office.send()

    message = office.only()
    assert (message.status, message.tries, message.fault) == ("sent", 2, None)


def test_an_answer_that_comes_after_the_lease_still_counts(office: Office) -> None:
    office.story.receive("herrera")
    sender = office.sender()
    letter = claim_next(sender, office.story.now)
    assert letter is not None
    office.story.wait(minutes=2)
    expire_leases(sender, office.story.now)
    assert office.only().status == "unknown"

    record(sender, letter, Outcome(SENT, provider_id="p"), office.story.now)

    assert (office.only().status, office.only().fault) == ("sent", None)


def test_a_stopping_worker_claims_no_more(office: Office) -> None:
    for _ in range(3):
        office.story.receive("herrera")
    sent = send_due(office.sender(), lambda: office.story.now, lambda: bool(office.gateway.taken))

    assert sent == 1
    assert sorted(status for _, status in office.statuses()) == ["queued", "queued", "sent"]


def test_a_round_ends_after_its_batch(office: Office) -> None:
    for _ in range(3):
        office.story.receive("herrera")
    small = office.sender(config=replace(office.story.config, sms_batch=2))

    assert send_due(small, lambda: office.story.now, lambda: False) == 2


def test_no_number_text_or_link_is_logged(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    visit = office.story.receive("herrera", phone=PHONE)
    office.gateway.outcomes = [Outcome(LATER, fault="Throttling")]
    office.send()
    office.story.wait(minutes=30)
    office.send()

    output = capsys.readouterr().out
    assert "message_not_sent" in output
    assert "message_dropped" in output
    for secret in (PHONE, PHONE[1:], PHONE[4:], token_of(KEY, visit.id), "recibimos"):
        assert secret not in output


def test_the_embedded_carrier_writes_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "messages.jsonl"
    gateway = RecordingGateway(file)
    assert read_recorded(file) == []
    gateway.send("one", PHONE, "niño\nnueva línea")
    gateway.send("two", PHONE, "b")

    assert [(message.reference, message.text) for message in read_recorded(file)] == [
        ("one", "niño\nnueva línea"),
        ("two", "b"),
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
