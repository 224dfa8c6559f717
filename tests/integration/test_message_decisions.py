"""A person decides about a message whose outcome nobody knows."""

from __future__ import annotations

import pytest

from schemas.problems import Refusal
from server.sending import (
    DROP,
    RESEND,
    claim_next,
    decide,
    expire_leases,
    record,
)
from server.sms.gateway import LATER, UNKNOWN, Outcome
from tests.sms_office import Office

pytest_plugins = ("tests.sms_stage",)


def test_a_person_may_send_an_unknown_one_again(office: Office) -> None:
    unknown(office)
    office.story.wait(minutes=60)
    message_id = office.only().id
    office.database.write(lambda session: decide(session, message_id, RESEND, office.story.now))

    assert office.send() == 1
    message = office.only()
    assert (message.status, message.tries, message.fault) == ("sent", 1, None)


def test_a_person_may_drop_an_unknown_one(office: Office) -> None:
    unknown(office)
    message_id = office.only().id
    office.database.write(lambda session: decide(session, message_id, DROP, office.story.now))

    assert office.send() == 0
    assert (office.only().status, office.only().fault) == ("dropped", "decided")


def test_only_an_unknown_message_can_be_decided_and_only_once(office: Office) -> None:
    office.story.receive("herrera")
    now, message_id = office.story.now, office.only().id

    def refused(action: str, which: str = message_id) -> str:
        with pytest.raises(Refusal) as caught:
            office.database.write(lambda session: decide(session, which, action, now))
        return caught.value.code

    assert refused(RESEND) == "wrong_state"
    office.gateway.outcomes = [Outcome(UNKNOWN, fault="read_timeout")]
    office.send()
    assert refused("again") == "bad_choice"
    assert refused(DROP, "no-such-message") == "unknown_message"
    office.database.write(lambda session: decide(session, message_id, DROP, now))
    assert refused(RESEND) == "wrong_state"


def test_an_answer_that_comes_after_a_decision_changes_nothing(office: Office) -> None:
    office.story.receive("herrera")
    sender = office.sender()
    letter = claim_next(sender, office.story.now)
    assert letter is not None
    office.story.wait(minutes=2)
    expire_leases(sender, office.story.now)
    office.database.write(
        lambda session: decide(session, letter.message_id, DROP, office.story.now)
    )

    record(sender, letter, Outcome(LATER, fault="Throttling"), office.story.now)

    assert office.only().status == "dropped"


def unknown(office: Office) -> None:
    office.story.receive("herrera")
    office.gateway.outcomes = [Outcome(UNKNOWN, fault="read_timeout")]
    office.send()
    assert office.only().status == "unknown"
