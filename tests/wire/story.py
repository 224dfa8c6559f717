"""What the stations of a recording do: one car the whole way, and the days that go wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.visit_story import claim_tag, key_tag
from tests.wire.stage import LONG_POLL_S, Stage

ANA, ROSA = "em4100:0A00000001", "em4100:0A00000002"
HERRERA, BOLIVAR, FRANCIA, NORTE = "herrera", "bolivar", "francia", "lote-norte"


def play(stage: Stage) -> None:
    """The whole story. Station `herrera-1` ends with an event that it has not sent."""
    _one_car(stage)
    _a_cloud_that_was_set_back(stage)
    _two_who_disagree(stage)
    _one_more_news(stage)


def _one_car(stage: Stage) -> None:
    herrera, bolivar = stage.station(HERRERA), stage.station(BOLIVAR, wall_synced=False)
    norte = stage.station(NORTE)
    herrera.pull("a new station asks for the district")
    norte.pull("the lot asks for the district")

    herrera.tap(ANA, key_tag(1))
    herrera.station.edit_draft(plate="AB1234", phone="+50761234567", claim_tag=claim_tag(1))
    visit_id = herrera.station.receive().visit_id
    herrera.push("a car is received")
    herrera.tap(key_tag(2))
    herrera.station.edit_draft(plate="CD5678", no_phone=True, claim_tag=claim_tag(2))
    herrera.station.receive()
    herrera.push_in_vain("the answer is lost")
    stage.wait(3)
    herrera.push("the same once more: duplicates")

    herrera.tap(ROSA, key_tag(1))
    herrera.push("a runner drives it off")
    norte.pull("a long poll that brings news", wait_s=LONG_POLL_S)
    norte.pull("a long poll without news", wait_s=LONG_POLL_S)
    norte.tap(ROSA, key_tag(1))
    norte.push("it is parked")

    bolivar.pull("another booth asks for everything, in pages")
    bolivar.tap(ANA)
    bolivar.station.request_car(visit_id, BOLIVAR)
    bolivar.push("it is asked for at another booth, by a station whose clock was never set")
    herrera.pull("the promise is seen where the car was received", wait_s=LONG_POLL_S)
    norte.pull("the lot sees that it is wanted", wait_s=LONG_POLL_S)
    norte.tap(ROSA, key_tag(1))
    norte.push("it is on its way back")
    bolivar.pull("the booth sees it coming")
    bolivar.tap(ROSA, key_tag(1))
    bolivar.push("it is ready")
    herrera.pull("everybody sees that it is ready")
    bolivar.tap(ANA, key_tag(1), claim_tag(1))
    bolivar.push("it is handed over against the claim tag")
    herrera.pull("a visit that is over is forgotten")


def _a_cloud_that_was_set_back(stage: Stage) -> None:
    """The first events of this journal are known to a cloud that no longer knows of it."""
    francia = stage.station(FRANCIA)
    francia.pull("a fourth station")
    francia.tap(ANA)
    francia.believe(2)
    francia.tap(key_tag(4))
    francia.station.edit_draft(plate="EF9012", phone="+50761234568")
    francia.station.receive()
    francia.push("a gap: the batch begins beyond what the cloud has")
    francia.push("the gap is filled")
    francia.tap(ROSA)
    francia.restart(_flip_a_letter)
    francia.push("one event was damaged on the card: it is refused alone")


def _two_who_disagree(stage: Stage) -> None:
    """Two booths that are cut off from each other both say that the car stands there."""
    herrera, bolivar, francia = (
        stage.stations[f"{place_id}-1"] for place_id in (HERRERA, BOLIVAR, FRANCIA)
    )
    herrera.pull("the car of another booth is seen")
    herrera.tap(ROSA, key_tag(2))
    herrera.push("a second car is driven off")
    bolivar.pull("one booth sees it under way")
    francia.pull("so does another one")
    bolivar.tap(ROSA, key_tag(2))
    francia.tap(ROSA, key_tag(2))
    bolivar.push("it is back at a booth")
    francia.push("it is said to stand at another one: held")


def _one_more_news(stage: Stage) -> None:
    herrera, bolivar = stage.stations[f"{HERRERA}-1"], stage.stations[f"{BOLIVAR}-1"]
    bolivar.pull("news of all that, in pages")
    stage.stations[f"{NORTE}-1"].pull("and to the lot")
    bolivar.tap(ANA)
    bolivar.station.request_car(bolivar.station.search("EF9012")[0].visit_id, BOLIVAR)
    bolivar.push("a car is asked for that was just received at another booth")
    herrera.pull("the last news before the end")
    herrera.tap(ANA, key_tag(5))
    herrera.station.edit_draft(plate="GH3456", phone="+50761234569")
    herrera.station.receive()


def _flip_a_letter(data_dir: Path) -> None:
    connection = sqlite3.connect(data_dir / "station.sqlite3")
    with connection:
        (seq, line) = connection.execute(
            "SELECT seq, line FROM event ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        spoiled = bytes(line).replace(b"shift.signed_on", b"shift.signed_oo")
        assert spoiled != line
        connection.execute("UPDATE event SET line = ? WHERE seq = ?", (spoiled, seq))
    connection.close()
