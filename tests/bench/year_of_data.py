"""A year of a district, made up and put into the tables in bulk: what reports are measured on.

    year = YearOfData(database, config, visits_a_day=830)
    year.fill()                 # 365 days up to LAST, every night with its rush

Events are left out: nothing that is measured reads them. Ids follow the time, as real ones do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from schemas import district as districts
from server import bulk
from server.bulk import table_of
from server.config import Config
from server.database import Database
from server.district import load_district
from server.figures.district_time import DistrictTime
from server.models import (
    FigureStateRow,
    KeyCheckFigureRow,
    StationFigureRow,
    StationRow,
    Table,
    WorkFigureRow,
)
from tests.bench.year_of_cars import BOOTHS, LOTS, RUNNERS, Cars, Row
from tests.visit_story import small_district

LAST = date(2026, 11, 20)
DAYS = 365
PANAMA = ZoneInfo("America/Panama")
# How likely a car comes in each hour from six in the morning on.
_RUSH = (1, 1, 2, 3, 3, 5, 9, 10, 6, 4, 4, 6, 12, 20, 24, 20, 12, 6, 3, 1, 1, 0.4, 0.3, 0.3)


@dataclass
class YearOfData:
    """The same `seed` makes the same year."""

    database: Database
    config: Config
    visits_a_day: int
    seed: int = 20
    visits: int = 0
    _dice: random.Random = field(init=False)
    _cars: Cars = field(init=False)

    def __post_init__(self) -> None:
        """Begin the dice."""
        self._dice = random.Random(self.seed)
        time = DistrictTime(PANAMA, self.config.day_starts_hour)
        self._cars = Cars(self._dice, time, self.now)

    @property
    def now(self) -> datetime:
        """The morning after the last night."""
        return datetime(LAST.year, LAST.month, LAST.day, 13, 0, tzinfo=UTC) + timedelta(days=1)

    def fill(self) -> None:
        """Make and insert everything."""
        self.database.write(self._begin)
        for back in range(DAYS - 1, -1, -7):
            days = [LAST - timedelta(days=each) for each in range(back, max(-1, back - 7), -1)]
            self.database.write(lambda session, days=days: self._insert(session, days))  # type: ignore[misc]
        if self.database.engine.dialect.name == "postgresql":
            # What its own housekeeper does by itself in time.
            self.database.write(lambda session: session.execute(text("ANALYZE")))

    def _begin(self, session: Session) -> None:
        small = small_district()
        booths = [
            districts.Place(name, districts.BOOTH, name, name[0].upper(), 0, 0, 30, 4)
            for name in BOOTHS
        ]
        lots = [
            districts.Place(name, districts.LOT, name, name[5].upper(), 0, 0, 60, 0, 150)
            for name in LOTS
        ]
        people = [districts.Person(name, name, (districts.RUNNER,), None) for name in RUNNERS]
        load_district(
            session,
            districts.District(
                name="Un año",
                timezone="America/Panama",
                is_illustrative=True,
                places=(*booths, *lots),
                people=(*small.people, *people),
                tags=small.tags,
                travel=(),
            ),
        )
        for place_id in (*BOOTHS, *LOTS):
            session.add(
                StationRow(
                    id=f"station-{place_id}",
                    place_id=place_id,
                    public_key="00" * 32,
                    is_revoked=False,
                    enrolled_at=datetime(2025, 1, 1, tzinfo=UTC),
                    seen_at=self.now,
                    depth=0,
                    version="bench",
                )
            )
        session.add(
            FigureStateRow(
                id="figures",
                upto_version=10**9,
                upto_at=self.now,
                timezone=PANAMA.key,
                day_starts_hour=self.config.day_starts_hour,
            )
        )

    def _insert(self, session: Session, days: Sequence[date]) -> None:
        rows: dict[type[Table], list[Row]] = {}
        for day in days:
            for table, row in self._of_day(day):
                rows.setdefault(table, []).append(row)
        session.flush()
        for table, made in rows.items():
            bulk.append(session.connection(), table_of(table), made)

    def _of_day(self, day: date) -> Iterator[tuple[type[Table], Row]]:
        begins = datetime(
            day.year, day.month, day.day, self.config.day_starts_hour, tzinfo=PANAMA
        ).astimezone(UTC)
        crowd = round(self.visits_a_day * (1.35 if day.isoweekday() in (5, 6) else 0.86))
        hours = self._dice.choices(range(24), _RUSH, k=crowd)
        moments = sorted(
            begins + timedelta(hours=hour, seconds=self._dice.randrange(3600)) for hour in hours
        )
        for at in moments:
            self.visits += 1
            yield from self._cars.rows(self.visits, at)
        yield from self._of_places(day)

    def _of_places(self, day: date) -> Iterator[tuple[type[Table], Row]]:
        ordinal = day.toordinal()
        for runner in RUNNERS:
            split = {"on_s": 28_800, "drive_s": 14_000, "empty_s": 8_000, "idle_s": 6_800}
            yield WorkFigureRow, {"person_id": runner, "day": ordinal, **split, "drives": 40}
        for place_id in (*BOOTHS, *LOTS):
            check = {"kind": "check", "told_by": "ana", "found": 20, "missing": 0}
            yield (
                KeyCheckFigureRow,
                {
                    "event_id": f"check-{place_id}-{ordinal}",
                    "day": ordinal,
                    "hour": 23,
                    "place_id": place_id,
                    **check,
                    "extra": 0,
                    "misplaced": 1,
                },
            )
            yield (
                StationFigureRow,
                {
                    "journal_id": f"journal-{place_id}",
                    "day": ordinal,
                    "station_id": f"station-{place_id}",
                    "first_seq": ordinal * 1000,
                    "last_seq": ordinal * 1000 + 900,
                    "events": 900,
                    "starts": 1,
                    "unset_clocks": 0,
                    "unknown_times": 0,
                    "late_events": 3,
                    "lag_sum_s": 2_000,
                    "lag_max_s": 400,
                    "span_s": 60_000,
                    "cut_s": 400,
                },
            )
