"""Photos for the driver and the manager: those that came, and in words those that did not."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from server.accounts import set_password
from server.driver.blueprint import CARD
from server.links import open_tap, token_of
from server.models import PhotoRow
from tests.jpeg_file import jpeg
from tests.photo_stage import PhotoStage, ref_of
from tests.station_door import StationDoors
from tests.station_lines import visit_id_of
from tests.visit_story import MANAGER, settings

SEALED = "Cada foto se sella al tomarla."


@pytest.fixture
def stage(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PhotoStage]:
    """A booth whose car has three photos: one came in time, one late, one not yet."""
    stage = PhotoStage(StationDoors(settings(tmp_path, database_url), monkeypatch))
    stage.photographed(jpeg(seed=1), jpeg(seed=2), jpeg(seed=3))
    stage.bring(jpeg(seed=1))
    stage.doors.wait(hours=2)
    stage.bring(jpeg(seed=2))
    yield stage
    stage.doors.close()


@pytest.fixture
def driver(stage: PhotoStage) -> FlaskClient:
    """A driver's phone."""
    return stage.doors.app.test_client()


@pytest.fixture
def manager(stage: PhotoStage) -> FlaskClient:
    """The manager's browser, in Spanish."""
    kit = stage.doors.kit
    kit.database.write(lambda session: set_password(session, MANAGER, "a long password"))
    client = stage.doors.app.test_client()
    client.post("/manage/language", data={"language": "es", "back": "/manage/"})
    form = {"person": MANAGER, "password": "a long password"}
    assert client.post("/manage/sign-in", data=form).status_code == 303
    return client


def link(stage: PhotoStage, path: str = "") -> str:
    """The driver's link."""
    return f"/t/{token_of(stage.doors.services.key, stage.visit_id)}{path}"


def image(seed: int) -> str:
    """The end of a photo's address."""
    return f"/photos/{ref_of(jpeg(seed=seed)).sha256}.jpg"


def rows(stage: PhotoStage) -> list[tuple[str, str, object]]:
    """What the cloud knows of its photos."""
    return [(row.sha256, row.state, row.stored_at) for row in stage.doors.kit.rows(PhotoRow)]


def words(page: str) -> str:
    """What a person reads."""
    body = re.sub(r"<(style|script).*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_the_drivers_page_leads_to_the_photos(stage: PhotoStage, driver: FlaskClient) -> None:
    page = driver.get(link(stage), headers={"Accept-Encoding": "gzip"})

    html = gzip.decompress(page.data).decode()
    assert "Estado y fotos del carro (3)" in html
    assert link(stage, "/photos") in html
    assert len(page.data) <= 12_000
    assert "<img" not in html


def test_a_page_without_photos_says_nothing_of_them(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors = StationDoors(settings(tmp_path, sqlite_url), monkeypatch)
    stage = PhotoStage(doors)
    doors.sync(stage.key, [stage.lines.received(1)])
    driver = doors.app.test_client()

    assert "Fotos" not in driver.get(link(stage)).text
    assert "No hay fotos de este carro" in driver.get(link(stage, "/photos")).text
    doors.close()


def test_every_photo_is_told_of_and_those_that_came_are_shown(
    stage: PhotoStage, driver: FlaskClient
) -> None:
    page = driver.get(link(stage, "/photos"))

    assert page.status_code == 200
    assert [link(stage, image(seed)) in page.text for seed in (1, 2, 3)] == [True, True, False]
    told = words(page.text)
    assert SEALED in told
    assert told.count("Plaza Herrera") == 3
    assert "2. 8:00 p. m. · Plaza Herrera Llegó tarde: 10:00" in told.replace("\u00a0", " ")
    assert "la imagen tarda en llegar" in told
    in_english = words(driver.get(link(stage, "/photos?lang=en")).text)
    assert "It came late" in in_english
    assert "the picture is slow to arrive" in in_english
    assert "driver." not in in_english


def test_a_photo_comes_as_it_was_taken_and_is_kept_nowhere(
    stage: PhotoStage, driver: FlaskClient
) -> None:
    answer = driver.get(link(stage, image(1)), headers={"Accept-Encoding": "gzip"})

    assert (answer.status_code, answer.data) == (200, jpeg(seed=1))
    headers = answer.headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Length"] == str(len(jpeg(seed=1)))
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in headers
    assert "img-src 'self'" in driver.get(link(stage, "/photos")).headers["Content-Security-Policy"]


def test_one_that_is_altered_is_told_of_and_not_shown(
    stage: PhotoStage, driver: FlaskClient
) -> None:
    other = jpeg(seed=9)[: len(jpeg(seed=3))].ljust(len(jpeg(seed=3)), b"!")
    assert stage.bring(jpeg(seed=3), other) == "altered"

    page = driver.get(link(stage, "/photos"))

    assert "no es la que se tomó: no se muestra" in page.text
    assert link(stage, image(3)) not in page.text
    assert driver.get(link(stage, image(3))).status_code == 404


@pytest.mark.parametrize("is_gone", [False, True])
def test_one_that_somebody_changed_in_the_store_is_not_shown(
    stage: PhotoStage, driver: FlaskClient, manager: FlaskClient, is_gone: bool
) -> None:
    (path,) = stage.doors.kit.config.photo_folder.rglob(f"*{image(1)[8:]}")
    path.unlink() if is_gone else path.write_bytes(jpeg(seed=8))
    status = 404 if is_gone else 410

    answers = [
        driver.get(link(stage, image(1))),
        manager.get(f"/manage/visits/{stage.visit_id}{image(1)}"),
    ]

    assert [answer.status_code for answer in answers] == [status, status]
    assert "No pudimos hacerlo" in answers[0].text
    assert ("no existe" if is_gone else "no es la que se tomó") in answers[1].text


def test_a_tap_of_the_claim_card_opens_the_photos_too(
    stage: PhotoStage, driver: FlaskClient
) -> None:
    now = stage.doors.now
    token = stage.doors.kit.database.write(
        lambda session: open_tap(session, stage.visit_id, now, 1_800)
    )
    assert driver.get(f"/t/{CARD}/photos").status_code == 410
    driver.set_cookie("valet_tap", token)

    assert "Estado y fotos del carro (3)" in driver.get(f"/t/{CARD}").text
    page = driver.get(f"/t/{CARD}/photos")
    assert f"/t/{CARD}{image(1)}" in page.text
    assert driver.get(f"/t/{CARD}{image(1)}").data == jpeg(seed=1)


@pytest.mark.parametrize(
    "path",
    ["/photos/" + "a" * 64 + ".jpg", "/photos/x.jpg", "/photos/%00.jpg", "/photos/..%2f..%2fx.jpg"],
)
def test_there_is_no_way_to_what_is_no_photo_of_this_car(
    stage: PhotoStage, driver: FlaskClient, manager: FlaskClient, path: str
) -> None:
    assert driver.get(link(stage, path)).status_code == 404
    assert manager.get(f"/manage/visits/{stage.visit_id}{path}").status_code in (400, 404)


def test_another_link_opens_none_of_these_photos(stage: PhotoStage, driver: FlaskClient) -> None:
    stage.doors.sync(stage.key, [stage.lines.received(2)])
    other = f"/t/{token_of(stage.doors.services.key, visit_id_of(2))}"

    assert driver.get(other).status_code == 200
    assert driver.get(f"{other}{image(1)}").status_code == 404
    assert driver.get(f"/t/{'x' * 22}{image(1)}").status_code == 404
    assert driver.get(f"/t/{'x' * 22}/photos").status_code == 404


def test_the_manager_sees_who_took_each_photo_when_and_what_became_of_it(
    stage: PhotoStage, manager: FlaskClient
) -> None:
    page = manager.get(f"/manage/visits/{stage.visit_id}")

    told = words(page.text)
    assert told.count("Ana Ríos") >= 3
    assert "Fotos tomadas" in told
    assert "Guardada" in told
    assert "Guardada con retraso" in told
    assert "Falta con retraso" in told
    assert "herrera-1" in told
    assert ref_of(jpeg(seed=3)).sha256[:12] in told
    address = f"/manage/visits/{stage.visit_id}{image(2)}"
    assert address in page.text
    answer = manager.get(address)
    assert (answer.data, answer.content_type) == (jpeg(seed=2), "image/jpeg")


def test_photos_are_for_managers_who_are_signed_in(stage: PhotoStage, driver: FlaskClient) -> None:
    answer = driver.get(f"/manage/visits/{stage.visit_id}{image(1)}")

    assert answer.status_code == 303
    assert "sign-in" in answer.headers["Location"]


def test_looking_at_photos_changes_nothing(
    stage: PhotoStage, driver: FlaskClient, manager: FlaskClient
) -> None:
    before = rows(stage)

    for client, address in (
        (driver, link(stage, "/photos")),
        (driver, link(stage, image(1))),
        (manager, f"/manage/visits/{stage.visit_id}"),
        (manager, f"/manage/visits/{stage.visit_id}{image(1)}"),
    ):
        assert client.get(address).status_code == 200

    assert rows(stage) == before
