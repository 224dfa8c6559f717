"""Two administrators at once: one is first, and the other is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy.orm import Session

from schemas.district import BOOTH
from schemas.problems import Refusal
from server.administration import places, tariffs
from server.administration.record import Act, edition_of
from server.database import Database
from server.models import PlaceRow
from tests.visit_story import MANAGER, Story, settings

AT_ONCE = 4
NEW = {"name": "Gate", "letter": "G", "x_m": 0, "y_m": 0, "hooks": 5}
PRICES = {"flat_cents": 0, "minute_cents": 5, "free_min": 0, "most_cents": 0, "tax_percent": 7}
WORDING = {"posted_es": "Valet: 0.05 por minuto", "posted_en": "Valet: 0.05 per minute"}


def together(database: Database, works: Sequence[Callable[[Session], object]]) -> list[str]:
    """Do all of them at the same time; how each ended: `done`, or the code of its refusal."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[Session], object]) -> str:
        start.wait()
        try:
            database.write(work)
        except Refusal as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(run, works))


def test_of_two_at_once_one_is_first(tmp_path: Path, database_url: str) -> None:
    story = Story(Database(database_url), settings(tmp_path, database_url))
    database, config = story.database, story.config
    act = Act(MANAGER, "A new season", story.now)
    values = database.read(lambda session: places.values_of(session.get_one(PlaceRow, "herrera")))
    edition = edition_of(values)

    def saves(hooks: int) -> Callable[[Session], object]:
        typed = {**values, "hooks": hooks}
        return lambda session: places.save(session, config, "herrera", typed, edition, act)

    saved = together(database, [saves(40 + number) for number in range(AT_ONCE)])
    added = together(
        database, [lambda session: places.add(session, config, BOOTH, NEW, act)] * AT_ONCE
    )
    priced = together(
        database, [lambda session: tariffs.add(session, {**PRICES, **WORDING}, None, act)] * AT_ONCE
    )

    assert saved == ["done", *["stale_form"] * (AT_ONCE - 1)]
    assert added == ["done", *["letter_in_use"] * (AT_ONCE - 1)]
    assert priced == ["done", *["tariff_time_taken"] * (AT_ONCE - 1)]
    database.close()
