"""The office's page of stations: how each is, a code for a new one, and shutting one out."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.models import StationCodeRow, StationRow
from tests.manager_evening import Evening, signed_in
from tests.visit_story import MANAGER

PAGE = "/manage/stations"
WHY = {"reason": "a new booth"}
STATION = "station-herrera"
pytest_plugins = ("tests.manager_stage",)


def row_of(page: str, station_id: str) -> str:
    """The table row of a station, as text without its markup."""
    row = page.split(f'id="station-{station_id}"')[1].split("</tr>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def change(evening: Evening, station_id: str = STATION, **values: object) -> None:
    """Let something be true of a station."""

    def work(station: StationRow | None) -> None:
        assert station is not None
        for name, value in values.items():
            setattr(station, name, value)

    evening.database.write(lambda session: work(session.get(StationRow, station_id)))


def codes(evening: Evening) -> list[StationCodeRow]:
    """The codes that were made."""
    return evening.database.read(lambda session: list(session.scalars(select(StationCodeRow))))


def test_every_station_is_listed_with_all_that_is_known(
    looking: FlaskClient, shown: Evening
) -> None:
    page = looking.get(PAGE).text
    stations = shown.database.read(lambda session: list(session.scalars(select(StationRow))))
    assert len(stations) > 2
    for station in stations:
        line = row_of(page, station.id)
        assert station.version in line
        assert "since" in line
    assert 'id="alarms"' not in page


def test_a_new_station_gets_a_code_that_is_shown_once(
    client: FlaskClient, evening: Evening
) -> None:
    form = {"station": " bolivar-2 ", "place": "bolivar", **WHY}
    answer = client.post(f"{PAGE}/code", data=form)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r'class="station-code"><code>([0-9A-Z]{4}-[0-9A-Z]{4})<', answer.text)
    assert found is not None
    assert "Code for bolivar-2" in answer.text
    (row,) = codes(evening)
    assert (row.station_id, row.place_id, row.made_by) == ("bolivar-2", "bolivar", MANAGER)
    assert row.expires_at - row.made_at == timedelta(minutes=10)
    assert found[1] not in client.get(PAGE).text


def test_a_known_station_gets_a_code_for_a_new_key(client: FlaskClient, evening: Evening) -> None:
    client.post(f"{PAGE}/code", data={"station": STATION, "place": "herrera", **WHY})
    assert "Code unused until" in row_of(client.get(PAGE).text, STATION)
    evening.story.wait(minutes=11)
    assert "Code unused until" not in row_of(client.get(PAGE).text, STATION)


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"station": "Bolívar 2", "place": "bolivar"}, 400, "lower-case letters"),
        ({"station": "", "place": "bolivar"}, 400, "lower-case letters"),
        ({"station": "bolivar-2", "place": "nowhere"}, 404, "no place"),
        ({"station": "bolivar-2", "place": "bolivar", "reason": " "}, 422, "Write the reason"),
    ],
)
def test_a_code_that_cannot_be_made_says_why(
    client: FlaskClient, evening: Evening, form: dict[str, str], status: int, words: str
) -> None:
    answer = client.post(f"{PAGE}/code", data={**WHY, **form})
    assert (answer.status_code, words in answer.text) == (status, True)
    assert codes(evening) == []


def test_a_station_is_shut_out_for_a_reason_and_seen_when_it_speaks(
    client: FlaskClient, evening: Evening
) -> None:
    form = {"station": STATION, "reason": "  la  robaron "}
    answer = client.post(f"{PAGE}/revoke", data=form)

    assert answer.headers["Location"] == f"{PAGE}?said=revoked"
    page = client.get(answer.headers["Location"]).text
    assert "Saved. The station can no longer speak" in page
    line = row_of(page, STATION)
    for words in ("Luis Mora", "la robaron"):
        assert words in line
    assert 'id="alarms"' not in page
    change(evening, turned_away_at=evening.now)
    page = client.get(PAGE).text
    assert "station-herrera was shut out and last tried to speak" in page
    assert "Alarms: 1" in client.get("/manage/tags").text


@pytest.mark.parametrize(
    ("form", "status"),
    [({"station": STATION, "reason": " 12 "}, 422), ({"station": "x", "reason": "lost it"}, 401)],
)
def test_nobody_is_shut_out_without_a_reason_or_a_name(
    client: FlaskClient, evening: Evening, form: dict[str, str], status: int
) -> None:
    assert client.post(f"{PAGE}/revoke", data=form).status_code == status
    stations = evening.database.read(lambda session: list(session.scalars(select(StationRow))))
    assert not any(station.is_revoked for station in stations)


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_cloned_station_is_an_alarm_on_every_page(evening: Evening, language: str) -> None:
    change(evening, cloned_at=evening.now, next_public_key="ab" * 32)
    client = signed_in(evening, language)
    page = client.get(PAGE).text
    alarm = page.split('id="alarms"')[1].split("</div>")[0]
    assert STATION in alarm
    assert "manage." not in page
    words = {"es": "Duplicada", "en": "Duplicated"}[language]
    assert words in row_of(page, STATION)
    day = client.get("/manage/day").text
    assert words in day.split('id="stations"')[1]
    assert {"es": "Alarmas: 1", "en": "Alarms: 1"}[language] in day


def test_nobody_makes_a_code_without_signing_in_or_from_another_site(
    client: FlaskClient, evening: Evening
) -> None:
    form = {"station": "x", "place": "bolivar"}
    stranger = evening.app.test_client()
    assert stranger.get(PAGE).status_code == 303
    assert "/manage/sign-in" in stranger.post(f"{PAGE}/code", data=form).headers["Location"]
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{PAGE}/code", data=form, headers=headers).status_code == 403
    assert codes(evening) == []
