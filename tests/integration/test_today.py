"""The page of the present day: this moment, what is provisional, and news for an open page."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import Connection, delete, event, insert, update
from sqlalchemy.orm import Session

from schemas.district import AUDITOR
from server.models import ClosureRow, MoveRow, PersonRow, ShiftRow, StationRow
from server.reports.today_now import DRIVING, GIVEN, ON_THE_WAY, DistrictNow, district_now
from tests.manager_evening import DATE, Evening, services_of
from tests.visit_story import MANAGER, OTHER_RUNNER, RUNNER

DAY = "/manage/day"
LIVE = "/manage/day/live"
pytest_plugins = ("tests.manager_stage",)


def present(evening: Evening) -> DistrictNow:
    """This moment, as if no station missed anything."""
    config = services_of(evening.app).config
    return evening.database.read(lambda session: district_now(session, config, [], evening.now))


def part(page: str, name: str) -> str:
    """One part of the page and its digest."""
    found = re.search(rf'<div id="part-{name}".*?(?=<div id="part-|\Z)', page, re.DOTALL)
    assert found is not None, name
    return found[0]


def all_heard(session: Session, at: object) -> None:
    """Every station has told all it has."""
    session.execute(update(StationRow).values(seen_at=at, depth=0))


def test_cars_are_counted_where_they_are(evening: Evening) -> None:
    evening.parked.request("francia")
    evening.parked.take("francia", by=RUNNER)
    places = {place.id: place for place in present(evening).places}

    assert {name: place.standing for name, place in places.items()} == {
        "herrera": 1,
        "bolivar": 0,
        "francia": 1,
        "lote-norte": 2,
        "lote-sur": 0,
    }
    assert places["francia"].coming == 1
    assert (places["herrera"].room, places["lote-sur"].room) == (4, 50)
    (drive,) = present(evening).drives
    assert (drive.code, drive.runner) == (evening.parked.code, "Rosa Vega")
    assert (drive.share, drive.is_overdue) == (0.0, False)
    assert present(evening).cars == 5

    evening.story.wait(minutes=4)
    (drive,) = present(evening).drives
    # 300 s on the way and 150 s of handling.
    assert 0.5 < drive.share < 0.56
    evening.story.wait(minutes=4)
    assert present(evening).drives[0].is_overdue


def test_runners_are_busy_with_a_car_or_on_the_way_to_one(evening: Evening) -> None:
    evening.parked.take("bolivar", by=RUNNER, move="retrieve")

    def give(*, sent: bool) -> None:
        moves = update(MoveRow).where(MoveRow.visit_id == evening.late.id, MoveRow.state == "open")
        told = {"runner_id": OTHER_RUNNER, "sent_at": evening.now if sent else None}
        evening.database.write(lambda session: session.execute(moves.values(told)))

    give(sent=True)
    doing = {runner.id: runner for runner in present(evening).runners}
    assert set(doing) == {RUNNER, OTHER_RUNNER}
    assert (doing[RUNNER].doing, doing[RUNNER].code) == (DRIVING, evening.parked.code)
    assert (doing[OTHER_RUNNER].doing, doing[OTHER_RUNNER].place_id) == (ON_THE_WAY, "lote-norte")
    assert present(evening).busy == 2
    give(sent=False)
    doing = {runner.id: runner for runner in present(evening).runners}
    assert (doing[OTHER_RUNNER].doing, doing[OTHER_RUNNER].is_busy) == (GIVEN, False)

    def go_home(session: Session) -> None:
        session.execute(delete(ShiftRow).where(ShiftRow.person_id == OTHER_RUNNER))

    evening.database.write(go_home)
    assert [runner.id for runner in present(evening).runners] == [RUNNER]
    assert present(evening).busy == 1


def test_a_closure_and_a_full_kerb_show(evening: Evening, client: FlaskClient) -> None:
    def shut(session: Session) -> None:
        session.execute(
            insert(ClosureRow).values(
                id="c1",
                name="Casco Peatonal",
                place_id="bolivar",
                from_at=evening.now - timedelta(hours=1),
                until_at=evening.now + timedelta(hours=1),
                weekdays=[],
                is_active=True,
            )
        )

    evening.database.write(shut)
    for _ in range(5):
        evening.story.receive("herrera")
    evening.story.wait(minutes=1)
    places = {place.id: place for place in present(evening).places}
    assert places["bolivar"].shut_until == evening.now - timedelta(minutes=1) + timedelta(hours=1)
    assert (places["herrera"].over, places["herrera"].is_full) == (2, True)
    page = client.get(DAY).text
    assert "Closed until" in page
    assert "2 beyond its room" in page
    drawn = part(page, "map")
    assert "6/4 !" in drawn
    assert "© OpenStreetMap contributors" in drawn


def test_a_dead_station_shows_and_its_figures_are_provisional(
    shown: Evening, looking: FlaskClient
) -> None:
    page = looking.get(DAY).text
    francia = page.split('id="place-francia"')[1].split("</tr>")[0]
    assert "No news since" in francia
    assert "provisional" in francia
    herrera = page.split('id="place-herrera"')[1].split("</tr>")[0]
    assert "No news since" not in herrera
    assert "provisional" not in herrera
    assert 'class="mark booth dead"' in part(page, "map")
    assert "provisional" in page.split('id="figure-median"')[1].split("</details>")[0]
    assert "provisional" in page.split('id="booth-francia"')[1].split("</th>")[0]
    assert "provisional" not in page.split('id="booth-herrera"')[1].split("</th>")[0]


def test_nothing_is_provisional_once_all_is_told(evening: Evening, client: FlaskClient) -> None:
    evening.database.write(lambda session: all_heard(session, evening.now))
    page = client.get(DAY).text
    assert "provisional" not in part(page, "figures")
    assert "No news since" not in page
    assert 'class="mark booth dead"' not in page


def test_a_place_without_a_station_says_so(evening: Evening, client: FlaskClient) -> None:
    only_one = update(StationRow).where(StationRow.place_id == "lote-sur")
    evening.database.write(lambda session: session.execute(only_one.values(place_id="herrera")))
    assert client.get(DAY).text.count("No station") == 1


def test_waits_stand_beside_what_was_promised(looking: FlaskClient) -> None:
    page = looking.get(DAY).text
    card = page.split('id="figure-median"')[1].split("</details>")[0]
    assert re.search(r"promised: \d+\xa0min(?: \d+\xa0s)? at most", card.replace("\xa0s", "\xa0s"))


def test_who_is_late_now_is_listed_with_the_promise(shown: Evening, looking: FlaskClient) -> None:
    late = part(looking.get(DAY).text, "late")
    assert "Late now: 1" in late
    assert shown.late.code in late
    assert re.search(r"promised by \d", late)


def test_an_open_page_hears_only_of_what_changed(evening: Evening, client: FlaskClient) -> None:
    first = client.get(LIVE)
    assert first.status_code == 200
    assert "<html" not in first.text
    tag = first.headers["ETag"]
    same = client.get(LIVE, headers={"If-None-Match": tag})
    assert (same.status_code, same.data) == (304, b"")

    evening.parked.take("bolivar", by=RUNNER, move="retrieve")
    other = client.get(LIVE, headers={"If-None-Match": tag})
    assert other.status_code == 200
    digests = [
        dict(re.findall(r'id="(part-\w+)" data-part data-digest="(\w+)"', page.text))
        for page in (first, other)
    ]
    changed = {name for name in digests[0] if digests[0][name] != digests[1][name]}
    assert {"part-map", "part-now", "part-tables"} <= changed
    assert not changed & {"part-head", "part-gone", "part-ledger", "part-decisions"}


def test_only_the_present_day_is_live(looking: FlaskClient) -> None:
    assert f'data-live="{LIVE}?date={DATE}"' in looking.get(DAY).text
    past = looking.get(f"{DAY}?date=2026-11-19").text
    assert "data-live" not in past
    assert 'id="part-map"' not in past


def test_more_open_visits_cost_no_more_queries(evening: Evening, client: FlaskClient) -> None:
    statements: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(evening.database.engine, "before_cursor_execute", note)
    client.get(DAY)
    few = len(statements)
    for number in range(6):
        visit = evening.story.receive("herrera")
        if number % 2:
            visit.take("lote-sur", by=OTHER_RUNNER)
    evening.late.request("bolivar")
    statements.clear()
    client.get(DAY)
    assert len(statements) == few < 45


def test_an_auditor_sees_the_day_and_can_decide_nothing(
    evening: Evening, client: FlaskClient
) -> None:
    def demote(session: Session) -> None:
        row = session.get(PersonRow, MANAGER)
        assert row is not None
        row.roles = [AUDITOR]

    assert 'class="resolve"' in client.get(DAY).text
    evening.database.write(demote)
    page = client.get(DAY).text
    assert evening.held.code in page
    assert 'class="resolve"' not in page
    assert "Send again" not in page
    visit = client.get(f"/manage/visits/{evening.whole[0].id}").text
    assert "AB1000" not in visit
    assert "••••00" in visit
    table = client.get(f"/manage/day.csv?date={DATE}").get_data().decode()
    assert "••••00" in table
    assert "AB1000" not in table
    assert client.get(f"/v1/visits/{evening.whole[0].id}").get_json()["plate"] == "••••00"
