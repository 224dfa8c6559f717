"""One car, from the tag's bytes to the manager's report, through real processes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.demo.booth_screen import ScreenError
from server.demo.evening import read_page
from server.demo.processes import command
from server.demo.show import Show
from server.manager.day_csv import COLUMNS
from tests.one_car import OneCar, first_port, post, until

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Show]:
    """A running district: cloud on its embedded database, three booths, a lot, each with a reader
    on a pty. In the browser it runs on PostgreSQL."""
    running = Show(tmp_path, first_port())
    try:
        running.start()
        yield running
    finally:
        running.stop()


def test_a_car_goes_from_one_booth_over_the_lot_to_another(show: Show) -> None:
    car = OneCar(show)

    visit_id = car.receive("herrera", "ana")
    until(lambda: car.state(visit_id) == "at_booth", "the cloud knows of the car")
    link = car.link()
    assert "AB1234" not in read_page(link), "a page behind a link shows no whole plate"

    car.tap("herrera", car.badge("luis"), car.key_tag)
    until(lambda: car.state(visit_id) == "to_lot", "the runner has taken the car")
    lot = car.screen("santa-ana")
    assert "H-0001" not in lot.show("/").text, "a locked screen names no car"
    car.tap("santa-ana", car.badge("luis"))
    until(lambda: "H-0001" in lot.show("/queue").text, "the lot sees the car coming")
    car.tap("santa-ana", car.key_tag)
    until(lambda: car.state(visit_id) == "parked", "the car is parked")

    assert post(f"{link}/request", booth_id="bovedas", when="now").status == 303
    until(lambda: car.state(visit_id) == "requested", "the request is known")
    until(lambda: "Las Bóvedas" in lot.show("/queue").text, "the lot knows who wants it where")
    car.tap("santa-ana", car.badge("luis"))
    # A second tap of a key within seconds of the first is taken for a slip of the hand.
    until(lambda: _taken(car, visit_id), "the car is on its way back")
    car.tap("bovedas", car.badge("luis"), car.key_tag)
    until(lambda: car.state(visit_id) == "ready", "the car is ready")

    _hand_over(car, visit_id, link)
    until(lambda: car.state(visit_id) == "handed_over", "the cloud knows of the hand-over")
    _assert_reported(car)
    _assert_rebuilt(show)
    _assert_logs_are_silent_about(show, car.plate, car.phone.removeprefix("+507"), link[-22:])


def _taken(car: OneCar, visit_id: str) -> bool:
    if car.state(visit_id) == "requested":
        car.tap("santa-ana", car.key_tag)
    return car.state(visit_id) == "to_booth"


def _hand_over(car: OneCar, visit_id: str, link: str) -> None:
    booth = car.screen("bovedas")
    code = car.code(link)
    car.tap("bovedas", car.badge("ana"), car.key_tag)
    wrong = str((int(code) + 1111) % 10_000).zfill(4)
    with pytest.raises(ScreenError):
        booth.fill(f"/hand-over/{visit_id}", {"code": wrong})
    assert booth.fill(f"/hand-over/{visit_id}", {"code": code}).path == "/queue"
    assert [len(text) <= 160 for text in car.texts()] == [True, True]


def _assert_reported(car: OneCar) -> None:
    """The manager's day and its CSV show the visit with its waits."""
    assert "H-0001" in car.manager("GET", "/manage/day").data.decode()
    text = car.manager("GET", "/manage/day.csv").data.decode("utf-8-sig")
    _, row = csv.DictReader(io.StringIO(text), COLUMNS)
    assert row["code"] == "H-0001"
    assert row["proof"] == "código del cliente"
    assert int(row["wait_s"]) >= 0


def _assert_rebuilt(show: Show) -> None:
    """Folding all events again gives the same rows."""
    said = show.crew.run("rebuild", [command("valet-server"), "rebuild"], show.server_env)
    assert re.fullmatch(r"0 differences", said)


def _assert_logs_are_silent_about(show: Show, *secrets: str) -> None:
    """No process wrote a plate, a phone number or a link's token."""
    logs = {path.name: path.read_text() for path in show.folder.glob("*.log")}
    assert len(logs) >= 10
    assert "message_sent" in logs["worker.log"]
    told = [(name, secret) for name, text in logs.items() for secret in secrets if secret in text]
    assert told == []
