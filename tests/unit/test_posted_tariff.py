"""The tariff at a booth: the version in force, also while it is cut off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from reader_agent.posted_tariff import check_tariffs
from tests.station_kit import HERRERA, StationKit, change

PLACE = {"id": HERRERA, "kind": "booth", "name": "H", "letter": "H", "x_m": 0, "y_m": 0, "hooks": 9}


def version(kit: StationKit, begun_min_ago: int, cents: int) -> dict[str, Any]:
    """A version as the cloud tells it."""
    at = kit.station.now() - timedelta(minutes=begun_min_ago)
    posted = {"es": f"0.{cents:02d} por minuto", "en": f"0.{cents:02d} a minute"}
    return {"valid_from": at.isoformat(), "minute_cents": cents, "posted": posted, "new": True}


def test_a_booth_shows_the_version_in_force_and_remembers_those_to_come(tmp_path: Path) -> None:
    kit = StationKit(tmp_path)
    desk = kit.station.reception
    assert (desk.tariff_cents_per_min, desk.posted_tariff("es")) == (0, "")

    tariffs = [version(kit, 90, 3), version(kit, 5, 5), version(kit, -60, 8)]
    kit.tell(change("place", HERRERA, {**PLACE, "near": [], "tariffs": tariffs}))
    kit.restart()
    desk = kit.station.reception

    assert desk.tariff_cents_per_min == 5
    assert desk.posted_tariff("es") == "0.05 por minuto"
    assert desk.posted_tariff("en") == "0.05 a minute"
    assert [each.minute_cents for each in kit.station._mirror.roster.tariffs[HERRERA]] == [3, 5, 8]


def test_a_version_that_cannot_be_read_is_refused_with_its_place() -> None:
    assert check_tariffs(None) == []
    with pytest.raises(ValidationError):
        check_tariffs([{"valid_from": "2026-11-20T20:00", "minute_cents": 5, "posted": {}}])
