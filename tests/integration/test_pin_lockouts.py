"""Who is locked out at a station is seen on the web, until the lock is over or somebody ends it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from schemas import events
from server.sign_in.lockouts import Lockout, lockouts
from tests.admin_office import PEOPLE, Office, words_of
from tests.manager_evening import Evening
from tests.visit_story import RUNNER, VALET

pytest_plugins = ("tests.manager_stage",)
DAY = "/manage/day"


def locked_out(
    evening: Evening, place_id: str, person_id: str = VALET, locked_s: int = 600
) -> None:
    """A station tells that somebody typed too many wrong PINs."""
    data: dict[str, object] = {"person_id": person_id, "locked_s": locked_s}
    evening.story.tell(place_id, events.PIN_LOCKED, None, None, data)


def known(evening: Evening, person_id: str | None = None) -> Sequence[Lockout]:
    """What the cloud says of it."""

    def read(session: Session) -> Sequence[Lockout]:
        return lockouts(session, evening.now, person_id)

    return evening.database.read(read)


@pytest.fixture
def office(client: FlaskClient) -> Office:
    """The manager's browser."""
    return Office(client)


def test_who_is_locked_out_where_and_since_when_is_on_both_pages_until_it_is_over(
    evening: Evening, office: Office
) -> None:
    assert 'id="lockouts"' not in office.page(DAY)
    locked_out(evening, "herrera")
    locked_out(evening, "bolivar", RUNNER)
    (ana,) = known(evening, VALET)
    assert (ana.place_id, (ana.until - ana.since).seconds) == ("herrera", 600)

    for path in (DAY, f"{PEOPLE}/{VALET}"):
        part = words_of(office.page(path).split('id="lockouts"')[1].split("</section>")[0])
        assert "Plaza Herrera, from 20 Nov 2026, " in part.replace("\u00a0", " "), part
    assert f'href="{PEOPLE}/{VALET}"' in office.page(DAY)
    assert "Plaza Bol" not in office.page(f"{PEOPLE}/{VALET}").split('id="lockouts"')[1][:600]

    evening.story.wait(minutes=11)
    assert known(evening) == []
    assert 'id="lockouts"' not in office.page(DAY)


def test_a_new_pin_given_on_the_page_or_a_managers_word_ends_it(
    evening: Evening, office: Office
) -> None:
    locked_out(evening, "herrera", locked_s=3600)
    locked_out(evening, "herrera", RUNNER, 3600)
    # The same once more: it is one lock, and the longer one.
    evening.story.wait(minutes=2)
    locked_out(evening, "herrera", locked_s=7200)
    assert [(each.person_id, each.until > evening.now) for each in known(evening)] == [
        (VALET, True),
        (RUNNER, True),
    ]
    evening.story.wait(seconds=5)

    assert 'id="new-pin"' in office.send(f"{PEOPLE}/{VALET}/pin").text
    assert [each.person_id for each in known(evening)] == [RUNNER]
    office.send(f"{PEOPLE}/{RUNNER}/lock", action="unlock")
    assert known(evening) == []
    # A lock after that counts again.
    evening.story.wait(seconds=5)
    locked_out(evening, "herrera")
    assert [each.person_id for each in known(evening)] == [VALET]


def test_of_somebody_whom_nobody_knows_nothing_is_said(evening: Evening) -> None:
    locked_out(evening, "herrera", "eva-of-another-district")
    assert known(evening) == []
