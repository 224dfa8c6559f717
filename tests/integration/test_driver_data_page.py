"""Ley 81 at the office, on the web: what is held of a driver, as a file, and erased."""

from __future__ import annotations

import json
import re
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import events, states
from server.models import ChangeRow, GuestLookRow, GuestRow
from tests.admin_office import CHANGES, Office, words_of
from tests.driver_phone import link
from tests.manager_evening import Evening, signed_in
from tests.visit_story import MANAGER, VALET, StoryVisit

pytest_plugins = ("tests.manager_stage",)
Row = TypeVar("Row")
DRIVERS = "/manage/admin/drivers"
PHONE = "+50761237777"


def office_of(evening: Evening) -> Office:
    """The manager's browser, signed in now."""
    return Office(signed_in(evening, "en"))


def whole(evening: Evening, plate: str) -> StoryVisit:
    """A visit of our driver that is over."""
    return evening.story.receive("herrera", plate=plate, phone=PHONE).play_whole()


def found(office: Office, text: str) -> str:
    """What the page shows of what was typed."""
    answer = office.client.post(DRIVERS, data={"text": text})
    address = answer.headers["Location"]
    for secret in ("6123", "7777", "KD5678"):
        assert secret not in address
    return office.page(address)


def ticked(page: str) -> list[str]:
    """The visits that the page offers."""
    return re.findall(r'name="visit" value="([0-9a-f-]{36})" checked', page)


def kept(evening: Evening) -> set[str]:
    """The visits of which there is a record."""

    def read(session: Session) -> set[str]:
        return set(session.scalars(select(GuestRow.visit_id).where(GuestRow.sealed.is_not(None))))

    return evening.database.read(read)


def rows(evening: Evening, model: type[Row]) -> list[Row]:
    """All rows of a table."""
    return evening.database.read(lambda session: list(session.scalars(select(model))))


def test_what_is_held_is_found_by_ticket_or_phone_and_comes_as_a_file(evening: Evening) -> None:
    one, other = whole(evening, "KD5678"), whole(evening, "KD5679")
    office = office_of(evening)
    by_phone = found(office, "6123-7777")
    assert ticked(by_phone) == [one.id, other.id]
    assert PHONE not in by_phone
    assert "KD5678" not in by_phone
    by_code = found(office, one.code)
    assert ticked(by_code) == [one.id]
    (same,) = re.findall(r'href="(/manage/admin/drivers\?found=[^"]+)"', by_code)
    assert ticked(office.page(same)) == [one.id, other.id]
    assert 'id="unknown"' in found(office, "nobody at all")
    assert "Nothing is held" in found(office, "6999-0000")

    answer = office.client.post(f"{DRIVERS}/export", data={"visit": [one.id, other.id]})
    assert answer.content_type == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    made = json.loads(answer.data)
    assert [visit["you"]["plate"] for visit in made["visits"]] == ["KD5678", "KD5679"]
    looks = [(row.visit_id, row.person_id, row.screen) for row in rows(evening, GuestLookRow)]
    assert (other.id, MANAGER, "office") in looks
    assert office.client.post(f"{DRIVERS}/export").status_code == 422
    gone = office.client.post(f"{DRIVERS}/export", data={"visit": ["x", one.id]})
    assert gone.status_code == 404


def test_erasing_needs_a_reason_and_is_refused_while_the_car_is_with_us(evening: Evening) -> None:
    over = whole(evening, "KD5678")
    going_on = evening.story.receive("bolivar", plate="KD5679", phone=PHONE)
    office = office_of(evening)
    assert "the car is with us" in words_of(found(office, "61237777"))
    both = {"visit": [over.id, going_on.id]}

    assert office.client.post(f"{DRIVERS}/erase", data=both).status_code == 422
    refused = office.send(f"{DRIVERS}/erase", **both)
    assert (refused.status_code, "Nothing was erased" in refused.text) == (409, True)
    assert {over.id, going_on.id} <= kept(evening)
    erased = office.send(f"{DRIVERS}/erase", visit=over.id)

    assert erased.status_code == 303
    assert over.id not in kept(evening)
    assert going_on.id in kept(evening)
    (noted,) = [row for row in rows(evening, ChangeRow) if row.kind == "driver"]
    assert (noted.person_id, noted.subject, noted.action) == (MANAGER, over.code, "erased")
    assert f"A driver's data · {over.code} · erased" in office.changes()
    assert "Nothing is held" in found(office, over.code)
    assert CHANGES in office.page("/manage/admin")


def test_a_claim_keeps_what_is_known_until_somebody_says_that_it_is_settled(
    evening: Evening,
) -> None:
    told, hurt = whole(evening, "KD5678"), whole(evening, "KD5679")
    phone = evening.app.test_client()
    phone.post(link(told, "/problem"), data={"words": "El espejo está roto"})
    data: dict[str, object] = {"kind": states.INCIDENTS[0], "is_over": False, "is_own": False}
    data |= {"details": [], "reason": None}
    evening.story.tell("herrera", events.VISIT_REPORTED, VALET, hurt, data)
    office = office_of(evening)
    page = words_of(found(office, "61237777"))
    assert "the driver told of a problem" in page, page
    assert "an incident is not settled" in page

    for visit, settled, status in ((told, "", 409), (hurt, "1", 409), (told, "1", 303)):
        answer = office.send(f"{DRIVERS}/erase", visit=visit.id, settled=settled)
        assert answer.status_code == status, visit.code
    assert hurt.id in kept(evening)
    assert told.id not in kept(evening)
    assert "Claim settled" in office.changes()
