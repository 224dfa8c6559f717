"""Practice: everything works, nothing stays, and a real car's key ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient

from booth_ui.app import create_app
from reader_agent.practice import Practice
from reader_agent.presence import Arrival
from reader_agent.tap_outcome import TapOutcome
from tests.booth_client import text_of
from tests.booth_evening import ANA, CLAIMS, EVA, KEYS, Evening


@dataclass
class Classroom:
    """A booth whose readers and screen go through practice."""

    evening: Evening
    practice: Practice
    screen: FlaskClient

    def tap(self, tag: str) -> TapOutcome:
        """Lay a tag on the reader."""
        self.evening.clock.advance(6)
        arrival = Arrival(tag, "em125", self.evening.clock.mono_ns(), confirmed=True)
        return self.practice.on_arrival(arrival)


@pytest.fixture
def classroom(evening: Evening) -> Iterator[Classroom]:
    """Nobody signed in, and nobody practising."""
    practice = Practice(evening.booth, evening.booth._config, evening.clock)
    app = create_app(evening.booth, practice)
    screen = app.test_client()
    screen.environ_base |= {"HTTP_ACCEPT_LANGUAGE": "es-PA", "HTTP_HOST": "127.0.0.1:8080"}
    yield Classroom(evening, practice, screen)
    practice.stop()


def test_a_whole_car_is_practised_and_the_live_journal_holds_nothing_of_it(
    classroom: Classroom,
) -> None:
    classroom.tap(ANA)
    before = classroom.evening.booth.status().unsent
    assert classroom.screen.post("/practice/start").location == "/queue"
    assert "PRÁCTICA: nada se guarda" in text_of(classroom.screen.get("/queue"))

    classroom.tap(KEYS[0])
    classroom.screen.post("/receive/plate", data={"plate": "AB1234"})
    classroom.screen.post("/receive/phone", data={"no_phone": "1"})
    classroom.screen.post("/receive/damage", data={"none": "1"})
    classroom.screen.get("/receive/check")
    assert classroom.tap(CLAIMS[0]).key == "tap.received"
    assert "H-0001" in text_of(classroom.screen.get("/queue"))
    assert classroom.tap(EVA).key == "tap.signed_on"

    live = classroom.evening.booth
    assert (live.status().unsent, live.queue(), live.draft()) == (before, [], None)
    classroom.screen.post("/practice/end")
    shown = text_of(classroom.screen.get("/queue"))
    assert "PRÁCTICA: nada" not in shown
    assert "H-0001" not in shown


def test_its_folder_goes_with_it(classroom: Classroom) -> None:
    classroom.tap(ANA)
    classroom.screen.post("/practice/start")
    folder = classroom.practice.station._config.data_dir
    assert folder.is_dir()

    classroom.practice.stop()

    assert not folder.exists()
    classroom.practice.stop()


def test_the_key_of_a_real_car_ends_practice_and_counts(classroom: Classroom) -> None:
    visit_id = classroom.evening.received(1)
    classroom.screen.post("/practice/start")
    assert "PRÁCTICA: nada" in text_of(classroom.screen.get("/queue"))

    outcome = classroom.tap(KEYS[0])

    assert not classroom.practice.is_on
    assert outcome.key == "tap.taken"
    assert classroom.evening.booth.card(visit_id).car == "to_lot"


def test_who_leaves_practice_alone_ends_it(classroom: Classroom) -> None:
    classroom.tap(ANA)
    classroom.screen.post("/practice/start")
    classroom.evening.clock.advance(91)

    assert "Acerque su credencial" in text_of(classroom.screen.get("/queue"))
    assert not classroom.practice.is_on


def test_nobody_practises_in_nobodys_name(classroom: Classroom) -> None:
    assert classroom.screen.post("/practice/start").status_code == 303
    assert not classroom.practice.is_on


def test_the_badge_tells_of_the_real_station_while_somebody_practises(
    classroom: Classroom,
) -> None:
    classroom.evening.meet()
    classroom.tap(ANA)
    classroom.screen.post("/practice/start")
    for _ in range(3):
        classroom.tap(EVA)

    # Of the practice station, which no cloud ever answers, everything would be unsent.
    assert "Sin red" not in text_of(classroom.screen.get("/queue"))
