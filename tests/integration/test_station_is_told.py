"""What administrators change reaches a station, and nobody who has no work there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from reader_agent.posted_tariff import in_force
from reader_agent.roster import KINDS, Roster, check
from schemas.district import AUDITOR
from schemas.hours import Hours
from server.administration import people, places, tariffs
from server.administration.record import Act, edition_of
from server.database import Database
from server.district import current_version
from server.downlink import news
from server.models import PlaceRow
from server.tariff import tariff_at
from tests.visit_story import KEY, MANAGER, Story, settings

PRICES = {"flat_cents": 0, "minute_cents": 5, "free_min": 0, "most_cents": 0, "tax_percent": 7}
WORDING = {"posted_es": "Valet: 0.05 por minuto", "posted_en": "Valet: 0.05 per minute"}


def test_hours_and_the_tariff_travel_with_the_places_and_auditors_stay_away(
    tmp_path: Path, database_url: str
) -> None:
    story = Story(Database(database_url), settings(tmp_path, database_url))
    database = story.database
    act, config = Act(MANAGER, "A new season", story.now), story.config
    before = database.read(current_version)

    def work(session: Session) -> None:
        row = session.get_one(PlaceRow, "herrera")
        values = places.values_of(row)
        weekend = {"weekdays": [4, 5], "from_time": "18:00", "until_time": "02:00"}
        typed = {**values, "hours": [weekend]}
        places.save(session, config, "herrera", typed, edition_of(values), act)
        tariffs.add(session, {**PRICES, **WORDING}, None, act)
        people.add(session, config, {"name": "Aldo Paz", "roles": [AUDITOR]}, act)

    database.write(work)
    told = database.read(lambda session: news(session, KEY, before, 100)).changes
    roster = Roster()
    for change in told:
        assert change["kind"] in KINDS
        roster.put(change["kind"], check(change["kind"], change["body"]))

    assert roster.places["herrera"].hours == (Hours((4, 5), "18:00", "02:00"),)
    assert roster.places["bolivar"].hours == ()
    for place_id in roster.places:
        posted = in_force(roster.tariffs[place_id], story.now + timedelta(minutes=2))
        assert posted is not None
        assert posted.text("es") == WORDING["posted_es"]
        assert in_force(roster.tariffs[place_id], story.now) is None
    auditor = roster.people["aldo-paz"]
    assert (auditor.is_active, AUDITOR in auditor.roles) == (False, False)
    later = story.now + timedelta(minutes=2)
    assert database.read(lambda session: tariff_at(session, config, later)).minute_cents == 5
    database.close()
