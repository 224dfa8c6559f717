"""What a driver does on the page of a ticket, and what a test reads off it."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from server.database import Database
from server.links import token_of
from server.models import RequestRow, Table
from tests.visit_story import Story, StoryVisit


def link(visit: StoryVisit, path: str = "") -> str:
    """The path of a visit's page, or of a form on it."""
    return f"/t/{token_of(visit.story.key, visit.id)}{path}"


def ask(
    driver: FlaskClient, visit: StoryVisit, booth_id: str = "bolivar", when: str = "now"
) -> TestResponse:
    """Send the page's form: the car, to that booth, at that time."""
    return driver.post(link(visit, "/request"), data={"booth_id": booth_id, "when": when})


def headline(answer: TestResponse) -> str:
    """What the page says first, with plain spaces."""
    found = re.search(r"<h1>(.*?)</h1>", answer.text)
    assert found is not None
    return found[1].replace("\u00a0", " ")


def dump(database: Database) -> dict[str, list[str]]:
    """Every row of every table."""

    def work(session: Session) -> dict[str, list[str]]:
        return {
            table.name: sorted(repr(row) for row in session.execute(select(table)).all())
            for table in Table.metadata.sorted_tables
        }

    return database.read(work)


def open_requests(story: Story) -> list[RequestRow]:
    """The requests that stand."""
    return list(
        story.database.read(
            lambda session: session.scalars(
                select(RequestRow).where(RequestRow.status == "open")
            ).all()
        )
    )
