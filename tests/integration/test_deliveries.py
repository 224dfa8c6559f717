"""What becomes of a message after the carrier took it, and what is not sent any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy.orm import Session

from server.driver.said import Teller, choose_language
from server.outbox import CALLED, DELAYED, REPARKED, Notice, enqueue
from server.sending import RESEND, decide
from server.sms.gateway import UNKNOWN, Outcome, Receipt
from server.sms.receipts import read_receipt
from tests.sms_office import Office

PHONE = "+50761234567"
pytest_plugins = ("tests.sms_stage",)


@dataclass
class Post:
    """Word of messages, as it comes."""

    waiting: list[Receipt] = field(default_factory=list)
    forgotten: list[Receipt] = field(default_factory=list)

    def look(self) -> Sequence[Receipt]:
        return list(self.waiting)

    def forget(self, receipts: Sequence[Receipt]) -> None:
        self.forgotten += receipts
        self.waiting.clear()


def word(**changes: object) -> Receipt:
    told = Receipt("h", None, "p", is_delivered=True, fault=None, cost_micros=None)
    return replace(told, **changes)  # type: ignore[arg-type]


def hear(office: Office, *receipts: Receipt) -> None:
    office.receipts = Post(list(receipts))
    office.send()
    assert office.receipts.forgotten == list(receipts)


@pytest.mark.parametrize(
    ("first", "second", "end"),
    [
        (word(), word(), "delivered"),
        (word(is_delivered=None), word(), "delivered"),
        (word(is_delivered=False, fault="unreachable"), word(is_delivered=None), "failed"),
        # What was delivered stays so, whatever comes late.
        (word(), word(is_delivered=False, fault="ttl_expired"), "delivered"),
        (word(provider_id="another"), word(provider_id=None), "sent"),
    ],
)
def test_the_end_of_a_message_is_told_once(
    office: Office, first: Receipt, second: Receipt, end: str
) -> None:
    office.story.receive("herrera", phone=PHONE)
    office.send()
    hear(office, first)
    hear(office, second)

    assert office.statuses() == [("received", end)]
    assert office.only().fault == ("unreachable" if end == "failed" else None)
    assert len(office.gateway.taken) == 1


def test_a_resend_that_waits_is_not_needed_once_the_first_has_arrived(office: Office) -> None:
    office.story.receive("herrera", phone=PHONE)
    office.gateway.outcomes = [Outcome(UNKNOWN, fault="read_timeout")]
    office.send()
    message, now = office.only().id, office.story.now
    office.database.write(lambda session: decide(session, message, RESEND, now))

    hear(office, word(reference=message))

    assert office.statuses() == [("received", "delivered")]
    assert len(office.gateway.taken) == 1


def test_a_lost_answer_is_found_again_by_our_own_name_for_the_message(office: Office) -> None:
    office.story.receive("herrera", phone=PHONE)
    office.gateway.outcomes = [Outcome(UNKNOWN, fault="read_timeout")]
    office.send()

    hear(office, word(reference=office.only().id, is_delivered=None, provider_id="q"))

    assert (office.only().status, office.only().provider_id) == ("sent", "q")


@pytest.mark.parametrize(
    ("status", "is_final", "is_delivered", "fault"),
    [
        ("DELIVERED", True, True, None),
        ("SUCCESSFUL", False, True, None),
        ("PENDING", False, None, None),
        ("UNKNOWN", True, None, None),
        ("CARRIER_UNREACHABLE", True, False, "carrier_unreachable"),
        ("TTL_EXPIRED", True, False, "ttl_expired"),
        ("BLOCKED", False, None, None),
    ],
)
def test_an_event_means_what_it_means(
    status: str, is_final: bool, is_delivered: bool | None, fault: str | None
) -> None:
    body = f'{{"messageId":"m","eventType":"TEXT_{status}","isFinal":{str(is_final).lower()}}}'

    assert read_receipt("h", body) == Receipt("h", None, "m", is_delivered, fault, None)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"Message":"x"}', '"text"', '{"messageId":1}'])
def test_what_is_no_event_names_no_message(body: str) -> None:
    receipt = read_receipt("h", body)

    assert (receipt.reference, receipt.provider_id, receipt.is_delivered) == (None, None, None)


def test_parts_and_cost_are_counted(office: Office) -> None:
    office.story.config = replace(office.story.config, sms_part_micros=55_000)
    office.story.receive("herrera", phone=PHONE)
    office.send()
    assert (office.only().parts, office.only().cost_micros) == (1, 55_000)

    hear(office, word(cost_micros=61_230))
    assert office.only().cost_micros == 61_230


@pytest.mark.parametrize(("phone", "fault"), [("+5072123456", "no_sms"), ("+50761", "bad_number")])
def test_a_number_that_cannot_get_a_message_costs_none(
    office: Office, phone: str, fault: str
) -> None:
    office.story.receive("herrera", phone=phone)

    assert office.send() == 0
    assert (office.only().status, office.only().fault) == ("dropped", fault)


def test_a_visit_gets_so_many_messages_and_no_more(office: Office) -> None:
    office.story.config = replace(office.story.config, sms_per_visit_max=1)
    visit = office.story.receive("herrera", phone=PHONE)
    office.send()
    visit.request("bolivar")
    visit.ready("bolivar")
    office.send()

    assert office.statuses() == [("received", "sent"), ("ready", "dropped")]


def test_messages_follow_the_language_that_the_driver_has_chosen(office: Office) -> None:
    story = office.story
    visit = story.receive("herrera", phone=PHONE)

    def choose(session: Session) -> None:
        choose_language(Teller(session, story.config, story.key, visit.id, story.now), "en")

    office.database.write(choose)
    # Queued in Spanish, before the driver chose.
    assert office.only().language == "es"
    office.send()

    assert "we have your car" in office.gateway.taken[0][2]


def test_a_delay_that_was_told_already_is_not_told_again(office: Office) -> None:
    story = office.story
    visit = story.receive("herrera", phone=PHONE)
    visit.take("lote-norte").park().request("bolivar")
    office.send()

    def queue(cause: str) -> Callable[[Session], None]:
        notice = Notice(visit.id, DELAYED, "es", cause)
        return lambda session: enqueue(session, [notice], story.now)

    for cause in ("staff.1", "staff.2", "of-a-request-that-is-over"):
        office.database.write(queue(cause))
    office.send()

    ends = [(m.status, m.fault) for m in office.messages() if m.template == DELAYED]
    assert sorted(ends) == [
        ("dropped", "no_longer_true"),
        ("dropped", "no_longer_true"),
        ("sent", None),
    ]


def test_the_ladder_is_told_only_while_it_is_so(office: Office) -> None:
    story = office.story
    visit = story.receive("herrera", phone=PHONE)
    visit.request("bolivar").take("bolivar").ready()
    now = story.now
    notices = [Notice(visit.id, template, "es", "1") for template in (CALLED, REPARKED)]
    office.database.write(lambda session: enqueue(session, notices, now))
    office.send()

    assert office.statuses() == [
        ("received", "sent"),
        ("ready", "sent"),
        ("called", "sent"),
        ("reparked", "dropped"),
    ]
