"""The manager's pages over HTTP: the gate, the day, decisions, and what must never show."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from schemas import events, states
from server.models import EventRow, MessageRow, MoveRow, PlaceRow, PlannerStateRow, VisitRow
from server.outbox import DROPPED, QUEUED, UNKNOWN
from tests.manager_evening import DATE, Evening, play_evening, signed_in
from tests.visit_story import MANAGER

DAY = f"/manage/day?date={DATE}"
pytest_plugins = ("tests.manager_stage",)


def figure(page: str, name: str) -> str:
    """The number on one card."""
    found = re.search(rf'id="figure-{name}".*?class="number">([^<]*)<', page, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_the_day_shows_its_figures(looking: FlaskClient) -> None:
    page = looking.get(DAY).text

    assert figure(page, "inside_now") == "5"
    assert figure(page, "received") == "7"
    assert figure(page, "handed_over") == "2"
    assert figure(page, "median") == "8\u00a0min 15\u00a0s"
    assert figure(page, "p90") == "17\u00a0min 15\u00a0s"
    assert figure(page, "late") == "1"
    assert "Friday 20\u00a0Nov\u00a02026" in page
    assert page.count("How is this computed?") >= 10


def test_a_day_without_a_date_is_today(looking: FlaskClient) -> None:
    assert figure(looking.get("/manage/day").text, "received") == "7"
    assert looking.get("/manage/").headers["Location"] == "/manage/day"


def test_a_booth_has_its_own_figures(looking: FlaskClient) -> None:
    page = looking.get(f"{DAY}&booth=bolivar").text

    assert figure(page, "received") == "2"
    assert figure(page, "handed_over") == "1"
    assert figure(page, "median") == "8\u00a0min 15\u00a0s"


@pytest.mark.parametrize("booth", ["", "herrera", "bolivar"])
def test_the_cars_handed_over_are_as_many_as_the_figure_says(
    looking: FlaskClient, booth: str
) -> None:
    page = looking.get(f"{DAY}&booth={booth}").text

    count = figure(page, "handed_over")
    assert f"Handed over in the day: {count}" in page
    listed = page.split('id="gone"')[1].split("</table>")[0] if 'id="gone"' in page else ""
    assert listed.count('<th scope="row">') == int(count)


def test_an_empty_day_says_so_and_has_no_figure_of_now(looking: FlaskClient) -> None:
    page = looking.get("/manage/day?date=2026-11-01").text

    assert "Nothing recorded on 1\u00a0Nov\u00a02026" in page
    assert figure(page, "inside_then") == "0"
    assert figure(page, "median") == "–"
    assert 'id="figure-late"' not in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/manage/day?date=yesterday", 422),
        ("/manage/day?date=2026-02-30", 422),
        ("/manage/day?booth=nowhere", 404),
        ("/manage/day?booth=%00", 400),
        ("/manage/day?date=%00", 400),
        ("/manage/day.csv?date=x", 422),
        ("/manage/visits/nothing", 404),
        ("/manage/visits/%00", 400),
        ("/manage/no/such/page", 404),
    ],
)
def test_a_wrong_address_gets_a_page_that_says_why(
    looking: FlaskClient, path: str, status: int
) -> None:
    answer = looking.get(path)

    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert 'role="alert"' in answer.text
    assert "manage.problem" not in answer.text


def test_a_silent_station_makes_the_day_provisional(shown: Evening, looking: FlaskClient) -> None:
    page = looking.get(DAY).text
    assert 'id="provisional"' in page
    assert "Plaza de Francia" in page.split('id="provisional"')[1].split("</div>")[0]

    yesterday = looking.get("/manage/day?date=2026-11-19").text
    assert 'id="provisional"' not in yesterday


def test_a_held_visit_shows_both_facts(shown: Evening, looking: FlaskClient) -> None:
    page = looking.get(DAY).text
    held = page.split(f'id="held-{shown.held.id}"')[1].split("</article>")[0]

    assert "“Handed over” does not fit a car in this state: In a lot." in held
    before, odd = held.split('class="odd"')
    assert "Parked" in before
    assert "Lote Norte" in before
    assert "Rosa Vega" in before
    assert "station-lote-norte" in before
    assert "Handed over" in odd
    assert "Plaza Herrera" in odd
    assert "Ana Ríos" in odd
    assert re.search(r'datetime="2026-11-20T2\d:\d\d:\d\d-05:00"', odd)


def test_two_visits_with_one_tag_are_each_shown_with_the_other(
    shown: Evening, looking: FlaskClient
) -> None:
    page = looking.get(DAY).text

    for visit, rival in (shown.twins, shown.twins[::-1]):
        held = page.split(f'id="held-{visit.id}"')[1].split("</article>")[0]
        assert "Two open visits use the same tag." in held
        assert rival.code in held


def test_a_decision_is_an_event_of_the_manager(evening: Evening, client: FlaskClient) -> None:
    answer = client.post(
        f"/manage/visits/{evening.held.id}/resolve",
        data={"truth": "parked lote-norte", "reason": "The runner saw it", "back": DAY},
    )

    assert answer.headers["Location"] == f"{DAY}&said=resolved"
    assert evening.held.row().shown_state == states.PARKED
    event = evening.database.read(
        lambda session: session.scalars(
            select(EventRow).where(EventRow.type == events.VISIT_RESOLVED)
        ).one()
    )
    assert (event.visit_id, event.actor) == (evening.held.id, MANAGER)
    page = client.get(answer.headers["Location"]).text
    assert f'id="held-{evening.held.id}"' not in page
    assert "The decision is now one more fact" in page
    assert "“The runner saw it”" in client.get(f"/manage/visits/{evening.held.id}").text


def test_deciding_that_one_of_two_with_a_tag_is_over_frees_the_other(
    evening: Evening, client: FlaskClient
) -> None:
    over, other = evening.twins

    client.post(
        f"/manage/visits/{over.id}/resolve",
        data={"truth": "handed_over herrera", "reason": "A second tap of the same keys"},
    )

    assert not over.row().is_open
    assert other.row().shown_state == states.AT_BOOTH


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"truth": "parked lote-norte", "reason": "x"}, 422),
        ({"truth": "flying lote-norte", "reason": "seen it"}, 422),
        ({"truth": "parked nowhere", "reason": "seen it"}, 404),
        ({"truth": "parked nowhere\0", "reason": "seen it"}, 400),
        ({}, 422),
    ],
)
def test_a_decision_that_makes_no_sense_changes_nothing(
    shown: Evening, looking: FlaskClient, form: dict[str, str], status: int
) -> None:
    answer = looking.post(f"/manage/visits/{shown.held.id}/resolve", data=form)

    assert answer.status_code == status
    assert shown.held.row().state == states.HELD


def test_what_is_not_held_cannot_be_decided(shown: Evening, looking: FlaskClient) -> None:
    answer = looking.post(
        f"/manage/visits/{shown.parked.id}/resolve",
        data={"truth": "handed_over herrera", "reason": "It is gone"},
    )

    assert answer.status_code == 409
    assert "There is nothing left to decide" in answer.text


@pytest.mark.parametrize(("action", "status"), [("resend", QUEUED), ("drop", DROPPED)])
def test_a_message_of_unknown_outcome_waits_for_a_person(
    evening: Evening, client: FlaskClient, action: str, status: str
) -> None:
    def find(session: Session) -> MessageRow:
        of_visit = select(MessageRow).where(MessageRow.visit_id == evening.parked.id)
        return session.scalars(of_visit).one()

    message = evening.database.read(find)
    assert message.status == UNKNOWN
    assert f'id="message-{message.id}"' in client.get(DAY).text

    def decide() -> int:
        form = {"action": action, "back": DAY}
        return client.post(f"/manage/messages/{message.id}/decide", data=form).status_code

    assert decide() == 303
    assert evening.database.read(find).status == status
    assert decide() == 409
    assert f'id="message-{message.id}"' not in client.get(DAY).text


def test_refused_lines_are_listed_without_anything_like_a_phone(looking: FlaskClient) -> None:
    page = looking.get("/manage/refused").text

    assert "not_sealed" in page
    assert "Plaza Herrera" in page
    assert "&lt;b&gt;" in page
    assert "50761234567" not in page
    assert "Refused events: 1 in this day, 1 in all." in looking.get(DAY).text


def test_a_visits_page_tells_its_story(shown: Evening, looking: FlaskClient) -> None:
    visit = shown.whole[0]
    page = looking.get(f"/manage/visits/{visit.id}").text
    timeline = page.split('class="timeline"')[1].split("</ol>")[0]

    steps = re.findall(r"<b>([^<]*)</b>", timeline)
    assert steps == [
        "Received",
        "Car driven off",
        "Parked",
        "Asked for",
        "Car driven off",
        "Ready at the booth",
        "Handed over",
    ]
    assert "AB1000" in page
    assert "Rosa Vega" in page
    assert "We have your car" in page


def test_no_page_shows_a_phone_number(shown: Evening, looking: FlaskClient) -> None:
    pages = [DAY, "/manage/refused", f"/manage/day.csv?date={DATE}"]
    pages += [f"/manage/visits/{visit.id}" for visit in shown.story.visits]

    for page in pages:
        assert "61234567" not in looking.get(page).text, page


@pytest.mark.parametrize("language", ["es", "en"])
def test_no_page_shows_a_key_instead_of_words(shown: Evening, language: str) -> None:
    looking = signed_in(shown, language)
    pages = [DAY, "/manage/day?date=2026-11-01", "/manage/refused", "/manage/day?date=x"]
    pages += [f"/manage/visits/{visit.id}" for visit in shown.story.visits]

    for path in pages:
        page = looking.get(path).text
        assert f'<html lang="{language}">' in page
        assert not re.findall(r"\b(?:manage|time)\.[a-z_.]+", page), path


def test_pages_are_private_and_allow_only_their_own_scripts(looking: FlaskClient) -> None:
    answer = looking.get(DAY)

    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


def test_the_csv_has_one_row_a_visit_and_opens_in_a_spreadsheet(looking: FlaskClient) -> None:
    answer = looking.get(f"/manage/day.csv?date={DATE}")

    assert answer.is_streamed
    assert answer.headers["Content-Disposition"] == (f'attachment; filename="valet_{DATE}_all.csv"')
    text = answer.get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 7
    first = next(row for row in rows if row["visit"] == "H-0001")
    assert first["plate"] == "AB1000"
    assert first["received_at"] == "2026-11-20T20:00:00-05:00"
    assert first["wait_s"] == "495"
    assert first["first_promise_kept"] in ("yes", "no")
    assert first["proof"] == "the driver's code"


def test_a_place_named_like_a_formula_is_only_text_in_the_csv(
    evening: Evening, client: FlaskClient
) -> None:
    def rename(place: PlaceRow | None) -> None:
        assert place is not None
        place.name = "=HYPERLINK(1)"

    evening.database.write(lambda session: rename(session.get(PlaceRow, "herrera")))

    text = client.get(f"/manage/day.csv?date={DATE}").get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["booth_received"] == "'=HYPERLINK(1)"


def test_the_list_of_open_visits_is_cut_and_says_so(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALET_SERVER_PAGE_ROWS", "2")
    evening = play_evening(tmp_path, sqlite_url)
    monkeypatch.setattr("server.clock.now", lambda: evening.now)

    page = signed_in(evening, "en").get(DAY).text

    assert "Open visits: 5" in page
    assert "Showing 2 of 5" in page
    rows = evening.database.read(lambda session: session.scalars(select(VisitRow)).all())
    assert sum(row.is_open for row in rows) == 5
    assert evening.now - evening.story.visits[0].row().received_at > timedelta(hours=1)


def test_a_planner_that_fails_shows_on_the_day_and_each_drive_says_why(
    evening: Evening, client: FlaskClient
) -> None:
    assert 'id="planner"' not in client.get(DAY).text
    with evening.database.engine.begin() as connection:
        connection.execute(
            insert(PlannerStateRow).values(part="search", fault="late", since_at=evening.now)
        )
        visit_id = connection.scalar(select(MoveRow.visit_id).where(MoveRow.state == "open"))
        told = {"runner_id": "rosa", "why": "on_the_way", "why_place_id": "bolivar"}
        connection.execute(update(MoveRow).where(MoveRow.visit_id == visit_id).values(told))
        code = connection.scalar(select(VisitRow.code).where(VisitRow.id == visit_id))
    page = client.get(DAY).text
    assert "The planner does not do its work" in page
    assert "The steady search: too slow since" in page
    page = client.get(f"/manage/visits/{visit_id}").text
    assert f"Takes {code} because it is on the way back from Plaza Bolívar." in page
