"""The state of the station: what is sent, what reads, what keeps, and the looks of the screen."""

from __future__ import annotations

from flask import Blueprint, Response

from booth_ui.desk import station, viewer
from booth_ui.page import opened, show
from booth_ui.reader_words import reader_words

blueprint = Blueprint("status", __name__)

PROBLEMS = frozenset(
    {
        "revoked",
        "unknown_station",
        "bad_signature",
        "bad_request",
        "too_large",
        "journal_forked",
        "chain_broken",
        "cloned",
        "clock",
    }
)


@blueprint.get("/status")
def status() -> Response:
    """Each part of the station with its state in words."""
    at = station()
    opened("status")
    now = at.status()
    problem = now.station_problem if now.station_problem in PROBLEMS else "other"
    return show(
        "status.html",
        status=now,
        readers=reader_words(now, viewer()),
        problem_key=f"station_problem.{problem}",
        photos=at.photos.waiting(),
    )
