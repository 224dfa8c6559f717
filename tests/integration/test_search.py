"""Finding a visit: by what it may be found, what never stands in an address, and who has looked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from schemas.district import AUDITOR, SUPERVISOR
from schemas.problems import Refusal
from server import guest_looks
from server.config import load_config
from server.database import Database
from server.masking import masked_phone, masked_plate
from server.models import GuestLookRow, PersonRow
from server.reports import search as finding
from server.reports.search import Answer, Wanted
from tests.manager_evening import Evening, services_of
from tests.visit_story import EVENING, KEY, MANAGER, claim_tag, key_tag

pytest_plugins = ("tests.manager_stage",)


def ask(client: FlaskClient, text: str, **filters: str) -> str:
    """Where a search leads."""
    answer = client.post("/manage/search", data={"text": text, **filters})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def codes(client: FlaskClient, address: str) -> set[str]:
    """The codes in the table of what was found."""
    page = client.get(address).text
    table = page.split('id="found"')[1].split("</table>")[0] if 'id="found"' in page else ""
    return set(re.findall(r">([BFH]-\d{4})<", table))


def become(evening: Evening, role: str) -> None:
    """The manager is something else from now on."""

    def change(session: Session) -> None:
        row = session.get(PersonRow, MANAGER)
        assert row is not None
        row.roles = [role]

    evening.database.write(change)


def looks(evening: Evening) -> list[tuple[str, str]]:
    """Every look: at which visit, on which screen."""
    rows = evening.database.read(
        lambda session: session.execute(
            select(GuestLookRow.visit_id, GuestLookRow.screen).order_by(GuestLookRow.id)
        ).all()
    )
    return [(visit_id, screen) for visit_id, screen in rows]


def test_a_code_and_a_tag_are_found_and_may_stand_in_the_address(
    shown: Evening, looking: FlaskClient
) -> None:
    address = ask(looking, f"  {shown.parked.code.lower()} ")
    assert address.endswith(f"?code={shown.parked.code}")
    assert codes(looking, address) == {shown.parked.code}
    by_label = ask(looking, "k001")
    assert parse_qs(urlsplit(by_label).query) == {"tag": [key_tag(1)]}
    assert codes(looking, by_label) == {shown.whole[0].code}
    assert codes(looking, ask(looking, claim_tag(2))) == {shown.whole[1].code}
    # Two open visits on one key tag.
    assert codes(looking, ask(looking, "K006")) == {visit.code for visit in shown.twins}


def test_a_plate_or_a_phone_is_found_as_a_whole_and_leaves_no_word_behind(
    evening: Evening, client: FlaskClient
) -> None:
    address = ask(client, "ab-1000")
    assert "1000" not in address
    assert codes(client, address) == {evening.whole[0].code}
    assert codes(client, ask(client, "AB100")) == set()
    before = looks(evening)
    address = ask(client, "6123-4567")
    assert "4567" not in address
    page = client.get(address).text
    # The last car's driver left no number.
    found = codes(client, address)
    assert found == {visit.code for visit in evening.story.visits[:-1]}
    assert "61234567" not in page
    assert "••••4567" in page
    assert "AB1000" not in page
    assert "••••00" in page
    new = looks(evening)[len(before) :]
    assert {screen for _, screen in new} == {guest_looks.SEARCH}
    assert {visit_id for visit_id, _ in new} == {visit.id for visit in evening.story.visits[:-1]}


def test_what_was_asked_for_is_of_use_to_nobody_else_and_not_for_ever(
    evening: Evening, client: FlaskClient
) -> None:
    token = parse_qs(urlsplit(ask(client, "AB1000")).query)["found"][0]
    with pytest.raises(Refusal, match="search_over"):
        finding.opened(KEY, "sofia", token, evening.now)
    for broken in (token[:-4], "%%%", "x"):
        assert client.get("/manage/search", query_string={"found": broken}).status_code == 410
    evening.story.wait(minutes=24 * 60)
    assert client.get("/manage/search", query_string={"found": token}).status_code in (303, 410)
    with pytest.raises(Refusal, match="search_over"):
        finding.opened(KEY, MANAGER, token, evening.now)


def test_who_may_see_no_phones_finds_by_code_alone(evening: Evening, client: FlaskClient) -> None:
    become(evening, AUDITOR)
    assert ask(client, "AB1000").endswith("?unknown=1")
    assert "No ticket and no tag is called that." in client.get("/manage/search?unknown=1").text
    assert codes(client, ask(client, evening.held.code)) == {evening.held.code}
    assert looks(evening) == []
    assert client.post(f"/manage/visits/{evening.held.id}/phone").status_code == 403
    assert client.get(f"/manage/visits/{evening.held.id}/photos/{'0' * 64}.jpg").status_code == 403
    become(evening, SUPERVISOR)
    assert codes(client, ask(client, "AB1000")) == {evening.whole[0].code}


def test_booth_and_time_narrow_it_down(shown: Evening, looking: FlaskClient) -> None:
    all_of_them = {visit.code for visit in shown.story.visits}
    assert codes(looking, ask(looking, "", booth="", **{"from": "2026-11-20T00:00"})) == all_of_them
    only = codes(looking, "/manage/search?from=2026-11-20T20:30&until=2026-11-20T21:00")
    assert only == {shown.whole[1].code}
    at_bolivar = codes(looking, "/manage/search?booth=bolivar")
    # Two were received there, one was handed over there.
    assert at_bolivar == {shown.whole[0].code, shown.whole[1].code, shown.late.code}
    assert codes(looking, "/manage/search?booth=bolivar&until=2026-11-19T00:00") == set()
    for wrong in ("from=yesterday", "until=2026-13-40T00:00"):
        assert looking.get(f"/manage/search?{wrong}").status_code == 422
    assert looking.get("/manage/search?booth=nowhere").status_code == 404


def test_a_search_by_time_looks_back_no_further_than_it_may(shown: Evening) -> None:
    config = services_of(shown.app).config
    wanted = Wanted(from_at=datetime(2020, 1, 1, tzinfo=UTC))
    answer = shown.database.read(
        lambda session: finding.search(session, config, KEY, wanted, shown.now)
    )
    assert answer.since == shown.now - timedelta(days=config.search_days_max)
    assert len(answer.visits) == 7


def test_no_search_reads_a_table_from_end_to_end(sqlite_url: str) -> None:
    scans: list[str] = []
    database = Database(sqlite_url)

    def note(connection: object, _cursor: object, sql: str, values: object, *_rest: object) -> None:
        raw = connection.connection.driver_connection  # type: ignore[attr-defined]
        steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
        scans.extend(step for step in steps if re.match("SCAN (visits|guests|events)", step))

    event.listen(database.engine, "before_cursor_execute", note)
    for wanted in (
        Wanted(code="H-0001"),
        Wanted(tag_id=key_tag(1)),
        Wanted(plates=["0" * 64], phones=["1" * 64]),
        Wanted(phones=["1" * 64]),
        Wanted(booth_id="bolivar"),
        Wanted(from_at=EVENING, until_at=EVENING + timedelta(hours=1)),
    ):
        database.read(partial(found_by, wanted))
    database.close()
    assert scans == []


def found_by(wanted: Wanted, session: Session) -> Answer:
    """What a search finds, at the beginning of the evening."""
    return finding.search(session, load_config(), KEY, wanted, EVENING)


def test_the_visits_page_tells_who_has_looked_and_shows_the_number_once(
    evening: Evening, client: FlaskClient
) -> None:
    visit = evening.whole[0]
    address = f"/manage/visits/{visit.id}"
    page = client.get(address).text
    assert "Who has looked: 1" in page
    assert "Luis Mora" in page.split('id="looks"')[1]
    assert "AB1000" in page
    assert "••••4567" in page
    assert "61234567" not in page
    shown = client.post(f"{address}/phone").text
    assert "+50761234567" in shown
    after = client.get(address).text
    assert "61234567" not in after
    assert "The whole phone number" in after
    screens = [screen for _, screen in looks(evening)]
    assert sorted(screens) == ["phone", "visit_page", "visit_page"]


@pytest.mark.parametrize("plate", ["AB1234", "123456", "A1", "XYZ"])
def test_a_masked_plate_is_as_long_and_never_the_plate(plate: str) -> None:
    masked = masked_plate(plate)
    assert len(masked) == len(plate)
    assert masked != plate
    assert masked.count("•") >= min(2, len(plate))
    assert masked_phone("+50761234567") == "••••4567"
