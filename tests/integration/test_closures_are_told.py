"""Closures on the stations' mirrors: what a booth knows and shows, also while it is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reader_agent.closed_ways import check_closures, closures_of, documents_of, shut_now
from reader_agent.roster import Roster, check
from schemas import sync
from schemas.closing_ways import shut_until
from schemas.district import Closure
from schemas.hours import PANAMA
from server import clock
from server.administration import closures
from server.administration.record import Act
from server.database import Database
from server.district import current_version, load_district
from server.downlink import news
from tests.booth_client import client_of, text_of
from tests.booth_evening import BOOTH, LOT, ROSA, Evening
from tests.cloud_kit import CloudKit
from tests.visit_story import EVENING, KEY, Story, settings, small_district

WEEKLY = Closure("fair", "Feria", place_id="lote-norte", weekdays=(4,), from_time="19:00",
                 until_time="02:00")  # fmt: skip


@pytest.fixture
def kit(tmp_path: Path, database_url: str) -> Iterator[CloudKit]:
    """An empty cloud on each database."""
    database = Database(database_url)
    yield CloudKit(database, settings(tmp_path, database_url))
    database.close()


def told_to(kit: CloudKit, roster: Roster, cursor: int) -> tuple[int, set[str]]:
    """Let a station hear what is new; its cursor then, and the places that it heard of."""
    found = kit.database.read(lambda session: news(session, KEY, cursor, 1000))
    heard = set()
    for change in found.changes:
        if change["kind"] == sync.CHANGE_PLACE:
            roster.put(change["kind"], check(change["kind"], change["body"]))
            heard.add(change["id"])
    return found.cursor, heard


def test_a_station_hears_of_a_closure_and_of_its_end_and_parks_elsewhere_meanwhile(
    kit: CloudKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: EVENING)
    Story(kit.database, kit.config)
    roster = Roster()
    cursor, _ = told_to(kit, roster, 0)
    assert roster.nearest_lot("herrera", EVENING) == "lote-norte"
    act = Act("luis", "web", EVENING)
    typed: dict[str, Any] = {
        "name": "Procesión",
        "from_place_id": "herrera",
        "to_place_id": "lote-norte",
        "from_at": EVENING.isoformat(),
        "until_at": (EVENING + timedelta(hours=2)).isoformat(),
        "weekdays": [],
    }
    closure_id = kit.database.write(lambda session: closures.add(session, kit.config, typed, act))
    cursor, heard = told_to(kit, roster, cursor)
    assert heard == {"herrera", "lote-norte"}
    (shut,) = roster.shut_now(EVENING)
    assert (shut.name, shut.leg) == ("Procesión", ("herrera", "lote-norte"))
    assert roster.nearest_lot("herrera", EVENING) == "lote-sur"
    assert roster.nearest_lot("bolivar", EVENING) == "lote-norte"
    assert roster.nearest_lot("herrera", EVENING + timedelta(hours=3)) == "lote-norte"
    # What a station holds is what it would be told.
    again = Roster()
    for kind, body in roster.documents():
        again.put(kind, check(kind, body))
    assert again.shut_now(EVENING) == roster.shut_now(EVENING)
    kit.database.write(
        lambda session: closures.set_active(session, kit.config, closure_id, act, is_active=False)
    )
    cursor, heard = told_to(kit, roster, cursor)
    assert heard == {"herrera", "lote-norte"}
    assert roster.shut_now(EVENING) == []


def test_a_closure_of_the_file_is_told_once_and_one_that_is_over_no_more(
    kit: CloudKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: EVENING)
    over = Closure("over", "Obra", place_id="lote-sur", from_at=EVENING - timedelta(days=9),
                   until_at=EVENING - timedelta(days=3))  # fmt: skip
    district = replace(small_district(), closures=(WEEKLY, over))
    kit.database.write(lambda session: load_district(session, district))
    roster = Roster()
    cursor, _ = told_to(kit, roster, 0)
    assert [shut.name for shut in roster.shut_now(EVENING)] == ["Feria"]
    assert roster.nearest_lot("herrera", EVENING) == "lote-sur"
    kit.database.write(lambda session: load_district(session, district))
    assert told_to(kit, roster, cursor)[1] == set()
    assert kit.database.read(current_version) > cursor


def test_a_weekly_closure_holds_past_midnight_and_only_on_its_days() -> None:
    friday = datetime(2026, 11, 20, 20, 0, tzinfo=PANAMA)
    until = datetime(2026, 11, 21, 2, 0, tzinfo=PANAMA)
    assert shut_until(WEEKLY, friday) == until
    assert shut_until(WEEKLY, friday + timedelta(hours=5)) == until
    assert shut_until(WEEKLY, friday + timedelta(hours=6)) is None
    assert shut_until(WEEKLY, friday - timedelta(days=1)) is None
    assert shut_until(replace(WEEKLY, is_active=False), friday) is None
    documents = check_closures([{**documents_of([WEEKLY])[0], "new": 1}])
    assert closures_of(documents) == (WEEKLY,)
    assert shut_now([WEEKLY, WEEKLY], friday)[0].until_at == until
    assert check_closures(None) == []


def test_a_booth_shows_what_is_shut_and_until_when(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    screen = client_of(evening.booth)
    assert "Cerrado a carros" not in text_of(screen.get("/queue"))
    now = evening.clock.wall()
    closure = Closure("wave", "Cinta Costera", place_id=LOT, from_at=now - timedelta(hours=1),
                      until_at=(now + timedelta(hours=1)).astimezone(UTC))  # fmt: skip
    (body,) = [
        each["body"]
        for each in evening.cloud.changes
        if each["kind"] == sync.CHANGE_PLACE and each["id"] == BOOTH
    ][-1:]
    evening.cloud._add(sync.CHANGE_PLACE, BOOTH, {**body, "closures": documents_of([closure])})
    evening.meet()
    evening.tap(ROSA)
    time = (now + timedelta(hours=1)).astimezone(PANAMA)
    said = text_of(screen.get("/queue"))
    assert f"Cerrado a carros: Cinta Costera, hasta las {time.hour % 12 or 12}:" in said
    assert "Cerrado a carros: Cinta Costera" in text_of(screen.get("/jobs"))
    evening.clock.advance(2 * 3600)
    assert "Cerrado a carros" not in text_of(screen.get("/queue"))
    evening.close()
