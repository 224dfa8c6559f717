"""An evening that a manager looks back on: cars whole, waiting, late, held, and what went wrong.

Built with `tests.visit_story`; everything happens on 20 November 2026 in Panama.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from schemas import events
from schemas.guest import Guest
from server.accounts import set_password
from server.app import Services, create_app, services
from server.database import Database
from server.models import MessageRow, StationRow
from server.outbox import UNKNOWN
from tests.visit_story import (
    KEY,
    MANAGER,
    VALET,
    Story,
    StoryVisit,
    claim_tag,
    key_tag,
    settings,
    steady_uuid,
)

PASSWORD = "correcto-caballo"
DATE = "2026-11-20"
NOT_AN_EVENT = b'{"seq":"<b>?</b>","phone":"+50761234567"}'


@dataclass
class Evening:
    """The application, its story, and its visits by what became of them."""

    app: Flask
    story: Story
    whole: list[StoryVisit]
    parked: StoryVisit
    late: StoryVisit
    held: StoryVisit
    twins: tuple[StoryVisit, StoryVisit]

    @property
    def database(self) -> Database:
        """The application's own database."""
        return services_of(self.app).database

    @property
    def now(self) -> datetime:
        """The evening's present."""
        return self.story.now


def services_of(app: Flask) -> Services:
    """What the application works with."""
    with app.app_context():
        return services()


def open_app(data_dir: Path, database_url: str) -> Flask:
    """The cloud's application on a database, with the story's master key."""
    config = settings(data_dir, database_url)
    config.key_file.parent.mkdir(parents=True, exist_ok=True)
    config.key_file.write_text(KEY.secret.hex())
    app = create_app(config)
    app.testing = True
    return app


def play_evening(data_dir: Path, database_url: str) -> Evening:
    """Play it all; the caller lets `server.clock.now` be `evening.now`."""
    app = open_app(data_dir, database_url)
    found = services_of(app)
    database = found.database
    story = Story(database, found.config)
    whole = [_whole(story, "herrera", "bolivar", 0), _whole(story, "bolivar", "francia", 9)]
    parked = story.receive("herrera", plate="CD5678")
    story.wait(minutes=2)
    parked.take("lote-sur")
    story.wait(minutes=6)
    parked.park()
    late = _late(story)
    held = story.receive("francia", plate="EF9012")
    story.wait(minutes=5)
    held.take("lote-norte")
    story.wait(minutes=8)
    held.park()
    story.wait(minutes=3)
    held.hand_over("herrera")
    twins = (story.receive("herrera", plate="GH3456"), _same_tag(story))
    story.wait(minutes=1)
    _go_wrong(story, parked)
    database.write(lambda session: set_password(session, MANAGER, PASSWORD))
    return Evening(app, story, whole, parked, late, held, twins)


def signed_in(evening: Evening, language: str = "es") -> FlaskClient:
    """A client of the manager, by way of the form."""
    client = evening.app.test_client()
    client.post("/manage/language", data={"language": language, "back": "/manage/"})
    answer = client.post("/manage/sign-in", data={"person": MANAGER, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client


def _whole(story: Story, from_booth: str, to_booth: str, longer_min: int) -> StoryVisit:
    visit = story.receive(from_booth, plate=f"AB{1000 + longer_min}")
    story.wait(minutes=3)
    visit.take("lote-norte")
    story.wait(minutes=7)
    visit.park()
    story.wait(minutes=20)
    visit.request(to_booth)
    story.wait(minutes=2, seconds=10)
    visit.take(to_booth)
    story.wait(minutes=6 + longer_min, seconds=5)
    visit.ready()
    story.wait(minutes=4)
    return visit.hand_over()


def _late(story: Story) -> StoryVisit:
    """Asked for, and the promise has passed with the car still in its lot."""
    visit = story.receive("bolivar", plate="JK7890")
    story.wait(minutes=4)
    visit.take("lote-norte")
    story.wait(minutes=6)
    visit.park()
    visit.request("francia")
    story.wait(minutes=40)
    return visit


def _same_tag(story: Story) -> StoryVisit:
    """A second car on the key tag of the one before it."""
    number = len(story.visits) + 1
    visit_id, ref = (steady_uuid(story.seed, f"{name}-{number}") for name in ("visit", "guest"))
    guest = Guest(ref, visit_id, "LM2345", None, "0" * 32)
    visit = StoryVisit(
        story, visit_id, f"F-{number:04d}", "francia", key_tag(number - 1), claim_tag(number)
    )
    story.visits.append(visit)
    story.journals["francia"].guests.append(guest)
    data: dict[str, object] = {
        "code": visit.code,
        "key_tag": visit.key_tag,
        "claim_tag": visit.claim_tag,
        "guest": {"ref": guest.ref, "digest": guest.digest()},
        "language": "en",
    }
    story.tell("francia", events.VISIT_RECEIVED, VALET, visit, data)
    return visit


def _go_wrong(story: Story, parked: StoryVisit) -> None:
    """A message of unknown outcome, a line that is no event, and a station gone silent."""

    def work(session: Session) -> None:
        session.execute(
            update(MessageRow)
            .where(MessageRow.visit_id == parked.id)
            .values(status=UNKNOWN, tries=1, fault="lease_ran_out")
        )
        session.execute(update(StationRow).values(seen_at=story.now))
        session.execute(
            update(StationRow)
            .where(StationRow.id == "station-francia")
            .values(seen_at=story.now - timedelta(minutes=12), depth=3)
        )

    journal = story.journals["herrera"]
    journal.seq += 1
    journal.lines.append(NOT_AN_EVENT)
    story.send("herrera")
    story.database.write(work)
