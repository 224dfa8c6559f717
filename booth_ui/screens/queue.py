"""The queue: the cars that somebody waits for, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from booth_ui.car_notes import driving_notes
from booth_ui.card_view import (
    Row,
    along_words,
    booth_sections,
    lift_words,
    lot_sections,
    shut_words,
    why_words,
)
from booth_ui.desk import station, viewer
from booth_ui.page import go, opened, show
from booth_ui.paging import page_of
from booth_ui.watch import news_of
from reader_agent.card import Card
from reader_agent.crew import Job

blueprint = Blueprint("queue", __name__)

NotedJob = tuple[Job, list[str]]
"""What a person should drive next, and what to know before."""


@blueprint.get("/")
def start() -> AnyResponse:
    """The address that the kiosk opens."""
    return go("/queue")


@blueprint.get("/queue")
@blueprint.get("/queue/<int:number>")
def queue(number: int = 1) -> Response:
    """Rows by promised time; a booth and a lot ask different questions of the same cars."""
    at = station()
    news = news_of(at, viewer())
    opened("queue")
    arrange = lot_sections if at.role == "lot" else booth_sections
    sections = arrange(at.queue(), viewer(), at.place())
    rows = [(section.heading, row) for section in sections for row in section.rows]
    page = page_of(rows, number, at.floor.limits.page_rows)
    here: dict[str, list[Row]] = {}
    for heading, row in page.rows:
        here.setdefault(heading, []).append(row)
    return show(
        "queue.html",
        sections=here,
        totals={section.heading: len(section.rows) for section in sections},
        page=page,
        jobs=_own_jobs(),
        lifts=_own_lifts(),
        shut=shut_words(at.floor.crew.shut(), viewer()),
        news=news,
        has_draft=at.draft(),
    )


@blueprint.get("/jobs")
def jobs() -> Response:
    """What each person should drive next, what there is to know of the car, and why."""
    opened("jobs")
    crew = station().floor.crew
    shut = shut_words(crew.shut(), viewer())
    return show(
        "jobs.html",
        jobs=_with_notes(crew.jobs()),
        lifts=[lift_words(lift, viewer()) for lift in crew.lifts()],
        waits=crew.waits(),
        shut=shut,
    )


def _own_jobs() -> list[NotedJob]:
    actor = station().actor()
    jobs = station().floor.crew.jobs()
    return _with_notes(job for job in jobs if actor and job.person_id == actor.id)


def _own_lifts() -> list[str]:
    actor = station().actor()
    lifts = station().floor.crew.lifts()
    return [lift_words(lift, viewer()) for lift in lifts if actor and lift.person_id == actor.id]


def _with_notes(jobs: Iterable[Job]) -> list[NotedJob]:
    return [(job, _notes_of(job.card)) for job in jobs]


def _notes_of(card: Card) -> list[str]:
    notes = driving_notes(station().photos.reception(card.visit_id), viewer())
    said = (along_words(card, viewer()), why_words(card, viewer()))
    return [*notes, *(words for words in said if words)]
