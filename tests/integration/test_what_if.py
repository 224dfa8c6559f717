"""Questions "what if": a recorded night played again, by a worker, in its own time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from schemas import events
from schemas.district import AUDITOR
from schemas.hours import Hours
from schemas.problems import Refusal
from server import clock
from server.config import Config
from server.dispatch import what_if_jobs as jobs
from server.dispatch.scenario_data import Recorded
from server.dispatch.scenario_file import scenario_of
from server.dispatch.what_if_night import past_night
from server.dispatch.what_if_player import WhatIfPlayer
from server.models import (
    ClosureRow,
    PersonRow,
    PlaceRow,
    ShiftFigureRow,
    WhatIfRow,
    WorkFigureRow,
)
from server.reports.day import day_of
from tests.manager_evening import DATE, Evening, services_of, signed_in
from tests.visit_story import EVENING, MANAGER, OTHER_RUNNER

pytest_plugins = ("tests.manager_stage",)

PANAMA = ZoneInfo("America/Panama")
THAT_DAY = date(2026, 11, 20)
MORE = {"kind": "runners", "more": 1}
FORM = {"night": DATE, "kind": "runners", "more": "1", "kerb_spaces": "5", "near": "herrera"}


def settings_of(evening: Evening) -> Config:
    """Two seeds, so that a question is answered at once."""
    return replace(services_of(evening.app).config, what_if_seeds=2)


def night_of(evening: Evening, on: date = THAT_DAY) -> dict[str, Any]:
    """The evening as a scenario."""
    config, day = settings_of(evening), day_of(on, PANAMA, 6)
    return evening.database.read(lambda session: past_night(session, config, day))


def ask(evening: Evening) -> str:
    """Put a question about the evening."""
    night, config = night_of(evening), settings_of(evening)
    return evening.database.write(
        lambda session: jobs.ask(session, config, DATE, night, MORE, MANAGER, evening.now)
    )


def claim(evening: Evening, worker: str, now: datetime | None = None) -> str | None:
    """Let a worker take it."""
    config, at = settings_of(evening), now or evening.now
    return evening.database.write(lambda session: jobs.claim(session, config, worker, at))


def row_of(evening: Evening, what_if_id: str) -> WhatIfRow:
    """The question as it is."""
    return evening.database.read(lambda session: jobs.get(session, what_if_id))


def ticking(start: datetime, step_s: int = 1) -> Callable[[], datetime]:
    """A clock that goes on by so much whenever it is looked at."""
    at = start

    def now() -> datetime:
        nonlocal at
        at += timedelta(seconds=step_s)
        return at

    return now


@pytest.fixture
def day_after(evening: Evening) -> FlaskClient:
    """The manager, signed in on the day after."""
    evening.story.wait(minutes=24 * 60)
    return signed_in(evening, "en")


def test_a_night_is_told_as_it_was_recorded(shown: Evening) -> None:
    night = night_of(shown)
    cars = night["arrivals"]["cars"]
    assert len(cars) == 7
    assert cars[0] == {
        "arrive_min": 0.0,
        "booth_id": "herrera",
        "ask_min": 30.0,
        "wanted_min": None,
        "return_booth_id": "bolivar",
        "lot_id": None,
    }
    assert [car["ask_min"] is None for car in cars].count(True) == 4
    assert [shift["id"] for shift in night["runners"]] == ["rosa"]
    # Drivers took four minutes to come.
    assert night["take_car_s"] == 240
    scenario = scenario_of(json.loads(json.dumps(night)))
    assert isinstance(scenario.arrivals, Recorded)
    assert scenario.starts_at == EVENING
    assert scenario.travel["herrera", "lote-norte"].drive_s > 0


def test_a_night_has_the_hours_and_the_staging_of_its_places(evening: Evening) -> None:
    def tell(session: Session) -> None:
        lot = session.get_one(PlaceRow, "lote-sur")
        lot.hours = (Hours((4, 5), "18:00", "02:00"),)
        session.get_one(PlaceRow, "herrera").staging_spaces = 3

    evening.database.write(tell)
    scenario = scenario_of(json.loads(json.dumps(night_of(evening))))
    assert scenario.places["lote-sur"].hours == (Hours((4, 5), "18:00", "02:00"),)
    assert scenario.places["herrera"].staging_spaces == 3
    assert str(scenario.zone) == "America/Panama"


def test_a_night_knows_shifts_closures_cars_of_before_and_weeks_before(evening: Evening) -> None:
    day, start = THAT_DAY, EVENING + timedelta(hours=1)

    def tell(session: Session) -> None:
        told = (
            ("1", OTHER_RUNNER, events.SHIFT_SIGNED_ON, start),
            ("2", OTHER_RUNNER, events.SHIFT_PAUSED, start + timedelta(minutes=10)),
            ("3", OTHER_RUNNER, events.SHIFT_SIGNED_ON, start + timedelta(minutes=30)),
            ("4", OTHER_RUNNER, events.SHIFT_SIGNED_OFF, start + timedelta(minutes=90)),
        )
        for event_id, person, kind, at in told:
            session.add(
                ShiftFigureRow(
                    event_id=event_id,
                    person_id=person,
                    day=day.toordinal(),
                    type=kind,
                    place_id="lote-sur",
                    at=at,
                )
            )
        work = {"on_s": 5400, "drive_s": 0, "empty_s": 0, "idle_s": 5400, "drives": 0}
        session.add(WorkFigureRow(person_id=OTHER_RUNNER, day=day.toordinal(), **work))
        session.execute(
            insert(ClosureRow).values(
                id="c1",
                name="Casco Peatonal",
                from_place_id="herrera",
                to_place_id="lote-norte",
                weekdays=[day.weekday()],
                from_time="21:00",
                until_time="22:00",
                is_active=True,
            )
        )

    evening.database.write(tell)
    night = night_of(evening)
    teo = next(shift for shift in night["runners"] if shift["id"] == OTHER_RUNNER)
    assert (teo["place_id"], teo["from_min"], teo["until_min"]) == ("lote-sur", 60, 151)
    assert teo["breaks"] == [{"from_min": 70, "until_min": 90}]
    assert night["closures"] == [
        {"leg": ["herrera", "lote-norte"], "from_min": 60, "until_min": 120}
    ]
    assert night["before"]["per_hour"] == {}
    # A week later these cars are of the past, and those still there stand in their lots.
    evening.story.wait(minutes=6 * 24 * 60 + 21 * 60)
    evening.story.receive("herrera")
    evening.story.wait(minutes=3)
    evening.story.visits[-1].take("lote-sur")
    evening.story.wait(minutes=3)
    evening.story.visits[-1].park()
    later = night_of(evening, day + timedelta(days=7))
    stood = [car["lot_id"] for car in later["arrivals"]["cars"]]
    # One of them had been asked for already.
    assert sorted(lot for lot in stood if lot) == ["lote-norte", "lote-sur"]
    # It begins at seven; a week before, two cars came after eight and were asked for in time.
    assert later["before"]["per_hour"] == {"herrera": [0, 1], "bolivar": [0, 1]}
    assert later["before"]["stays_min"] == [30.0, 30.0]
    scenario_of(later)


def test_a_night_without_a_car_cannot_be_played(shown: Evening) -> None:
    with pytest.raises(Refusal, match="empty_night"):
        night_of(shown, date(2026, 11, 1))


def test_a_question_is_answered_seed_by_seed_and_kept(evening: Evening) -> None:
    asked, config = ask(evening), settings_of(evening)
    with pytest.raises(Refusal, match="what_if_busy"):
        ask(evening)
    assert claim(evening, "one") == asked
    assert claim(evening, "two") is None
    jobs.play(evening.database, config, "one", asked, ticking(evening.now))
    row = row_of(evening, asked)
    assert (row.state, row.fault, row.claimed_by) == (jobs.DONE, None, None)
    assert [each["seed"] for each in row.played] == [1, 2]
    assert row.played[0]["without"] != row.played[1]["without"]
    assert row.played[0]["without"]["cars"] == 3
    assert claim(evening, "two") is None
    # The same again, with no change in it: the same night.
    again = ask(evening)
    claim(evening, "one")
    jobs.play(evening.database, config, "one", again, ticking(evening.now))
    assert row_of(evening, again).played == row.played


def test_another_worker_goes_on_where_one_has_crashed(evening: Evening) -> None:
    asked, config = ask(evening), replace(settings_of(evening), what_if_seeds=3)
    later = evening.now + timedelta(seconds=config.what_if_lease_s + 1)
    evening.database.write(lambda session: session.execute(update(WhatIfRow).values(seeds=3)))
    claim(evening, "one")
    # The first has written down one seed when it is gone.
    pair = {"without": {"cars": 1}, "with": {"cars": 1}}
    evening.database.write(jobs._writing(config, "one", asked, {"seed": 1, **pair}, 5, evening.now))
    assert claim(evening, "two") is None
    assert claim(evening, "two", later) == asked
    assert not evening.database.write(
        jobs._writing(config, "one", asked, {"seed": 2, **pair}, 5, later)
    )
    jobs.play(evening.database, config, "two", asked, ticking(later))
    row = row_of(evening, asked)
    assert (row.state, [each["seed"] for each in row.played]) == (jobs.DONE, [1, 2, 3])
    assert row.played[0]["with"] == {"cars": 1}


def test_a_question_has_its_time_and_then_ends_with_what_there_is(evening: Evening) -> None:
    config = replace(settings_of(evening), what_if_seeds=9, what_if_s=100)
    night = night_of(evening)

    def put(session: Session) -> str:
        return jobs.ask(session, config, DATE, night, MORE, MANAGER, evening.now)

    asked = evening.database.write(put)
    claim(evening, "one")
    jobs.play(evening.database, config, "one", asked, ticking(evening.now, 50))
    row = row_of(evening, asked)
    assert (row.state, row.fault, len(row.played)) == (jobs.DONE, jobs.TOO_LONG, 2)
    other = evening.database.write(put)
    claim(evening, "one")
    evening.database.write(lambda session: jobs.fail(session, "one", jobs.BROKEN, evening.now))
    assert row_of(evening, other).state == jobs.FAILED
    third = evening.database.write(put)
    claim(evening, "one")
    evening.database.write(lambda session: jobs.release(session, "one"))
    assert claim(evening, "two") == third


def test_the_worker_plays_in_a_process_of_its_own(evening: Evening) -> None:
    if evening.database.engine.dialect.name != "sqlite":
        return
    asked = ask(evening)
    player = WhatIfPlayer(settings_of(evening), evening.database)
    deadline = time.monotonic() + 60
    player.once(clock.now)
    assert player.is_playing
    while player.is_playing and time.monotonic() < deadline:
        time.sleep(0.05)
        player.once(clock.now)
    assert row_of(evening, asked).state == jobs.DONE
    player.close()


def test_a_manager_asks_and_reads_the_answer(evening: Evening, day_after: FlaskClient) -> None:
    page = day_after.get(f"/manage/what-if?night={DATE}").text
    assert "Cars: 7. Runners: 1." in page
    assert "One runner less" not in page
    answer = day_after.post("/manage/what-if", data=FORM)
    assert answer.status_code == 303
    waiting = day_after.get(answer.headers["Location"]).text
    assert "Played 0 of 5 times" in waiting
    assert day_after.post("/manage/what-if", data=FORM).status_code == 409

    config = settings_of(evening)
    asked = answer.headers["Location"].rsplit("/", 1)[1]
    evening.database.write(lambda session: session.execute(update(WhatIfRow).values(seeds=2)))
    claim(evening, "one")
    jobs.play(evening.database, config, "one", asked, ticking(evening.now))
    done = day_after.get(answer.headers["Location"]).text
    assert "hx-trigger" not in done
    assert "n = 2" in done
    assert "On the night itself the median wait was 8\u00a0min 15\u00a0s (n = 2)" in done
    assert "One runner more" in day_after.get("/manage/what-if").text
    night = day_after.get(f"{answer.headers['Location']}/night.json").get_json()
    assert scenario_of(night).length_s > 0


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({**FORM, "night": "2026-11-01"}, 422),
        ({**FORM, "night": "2026-11-21"}, 422),
        ({**FORM, "night": "made:nothing"}, 422),
        ({**FORM, "night": "x"}, 422),
        ({**FORM, "more": "-1"}, 422),
        ({**FORM, "kind": "booth", "near": "nowhere", "share_percent": "50"}, 422),
        ({**FORM, "kind": "staging", "spaces": "4", "place_id": "lote-sur"}, 422),
        ({**FORM, "kind": "staging"}, 422),
        ({**FORM, "kind": "closed", "from_place_id": "herrera", "to_place_id": "herrera"}, 422),
        ({}, 422),
    ],
)
def test_a_question_that_makes_no_sense_is_not_put(
    looking: FlaskClient, form: dict[str, str], status: int
) -> None:
    answer = looking.post("/manage/what-if", data=form)
    assert answer.status_code == status
    assert "manage.problem" not in answer.text


def test_a_made_night_can_be_asked_about_and_an_auditor_only_reads(
    evening: Evening, client: FlaskClient
) -> None:
    assert "Its cars come by chance" in client.get("/manage/what-if?night=made:theatre").text
    form = {"night": "made:theatre", "kind": "rule", "rule": "lots"}
    asked = client.post("/manage/what-if", data=form).headers["Location"]
    assert "Free runners wait at the nearest lot" in client.get(asked).text

    def demote(session: Session) -> None:
        row = session.get(PersonRow, MANAGER)
        assert row is not None
        row.roles = [AUDITOR]

    evening.database.write(demote)
    assert client.get(asked).status_code == 200
    assert client.post("/manage/what-if", data=form).status_code == 403
    assert client.get("/manage/what-if/nothing").status_code == 404
