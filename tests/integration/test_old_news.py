"""What is no longer true is not sent: an outbox without old news."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import requests
from server.models import GuestRow
from server.worker import replan_district
from tests.sms_office import Office
from tests.visit_story import KEY, RUNNER

pytest_plugins = ("tests.sms_stage",)


def test_ready_is_not_sent_when_the_car_is_no_longer_ready(office: Office) -> None:
    visit = office.story.receive("herrera")
    office.send()
    visit.request("bolivar")
    visit.ready("bolivar")
    visit.take("lote-norte")

    assert office.send() == 1
    sent = ("received", "sent"), ("ready", "dropped"), ("reparked", "sent")
    assert office.statuses() == list(sent)
    assert office.messages()[1].fault == "no_longer_true"


def test_nothing_is_sent_about_a_visit_that_is_over(office: Office) -> None:
    office.story.receive("herrera").request("herrera").ready().hand_over()

    assert office.send() == 0
    assert office.statuses() == [("received", "dropped"), ("ready", "dropped")]


def test_an_outage_of_the_worker_ends_without_old_news(office: Office) -> None:
    story = office.story
    story.receive("herrera")
    story.wait(seconds=story.config.sms_stale_s + 1)

    assert office.send() == 0
    assert (office.only().status, office.only().fault) == ("dropped", "stale")


def test_an_outage_of_a_station_ends_without_old_news(office: Office) -> None:
    story = office.story
    story.cut("herrera")
    story.receive("herrera")
    story.wait(seconds=story.config.sms_stale_s + 1)
    story.join("herrera")

    assert office.messages() == []


def test_ready_waits_while_the_visit_is_held_and_goes_out_when_it_is_settled(
    office: Office,
) -> None:
    story = office.story
    visit = story.receive("herrera")
    office.send()
    visit.request("bolivar")
    visit.ready("bolivar")
    visit.ready("francia")
    assert visit.row().shown_state == "held"
    assert office.send() == 0
    assert office.messages()[1].status == "queued"

    office.database.write(
        lambda session: requests.resolve(
            session,
            story.config,
            KEY,
            visit.id,
            "ready",
            "francia",
            "it stands at Francia",
            "luis",
            story.now,
        )
    )
    assert office.send() == 1
    assert "listo en Plaza de Francia" in office.gateway.taken[-1][2]


def test_a_delay_is_told_once_with_the_new_time(office: Office) -> None:
    story, config = office.story, office.story.config
    story.sign_on("lote-norte", RUNNER)
    visit = story.receive("herrera")
    office.send()
    visit.take("lote-norte").park()
    visit.request("bolivar")
    for _ in range(3):
        story.wait(minutes=12)
        replan_district(office.database, config, story.now)
        office.send()

    texts = [text for _, _, text in office.gateway.taken[1:]]
    assert len(texts) == 1
    assert "vamos tarde, disculpe. Nueva hora 8:2" in texts[0]
    assert "p. m., Plaza Bolivar. https://v.example.pa/t/" in texts[0]


def test_a_delay_of_a_request_that_was_taken_back_is_not_told(office: Office) -> None:
    story, config = office.story, office.story.config
    visit = story.receive("herrera")
    office.send()
    visit.take("lote-norte").park()
    visit.request("bolivar")
    story.wait(minutes=20)
    replan_district(office.database, config, story.now)
    office.database.write(
        lambda session: requests.cancel_request(session, config, KEY, visit.id, story.now)
    )

    assert office.send() == 0
    assert office.statuses()[1] == ("delayed", "dropped")


def test_an_erased_guest_gets_nothing(office: Office) -> None:
    office.story.receive("herrera")

    def erase(session: Session) -> None:
        for guest in session.scalars(select(GuestRow)):
            guest.sealed = None

    office.database.write(erase)

    assert office.send() == 0
    assert (office.only().status, office.only().fault) == ("dropped", "no_phone")
