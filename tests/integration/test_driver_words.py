"""What a driver says besides asking for the car: each is one event, and the same again is none."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from schemas.events import VISIT_TOLD
from server.models import EventRow, GuestRow, LinkRow, OtherGuestRow, PhotoRow
from tests.driver_phone import dump, headline, link, open_requests
from tests.jpeg_file import SECRETS, chatty_jpeg
from tests.visit_story import Story, StoryVisit

PLATE, PHONE = "AB1234", "+50761234567"
pytest_plugins = ("tests.driver_stage",)


def told(story: Story) -> list[tuple[str, dict[str, Any]]]:
    """What was said, oldest first: what about, and the rest of its data."""

    def read(session: Session) -> list[bytes]:
        rows = select(EventRow.line).where(EventRow.type == VISIT_TOLD).order_by(EventRow.seq)
        return list(session.scalars(rows))

    data = [json.loads(line)["data"] for line in story.database.read(read)]
    return [(one.pop("about"), one) for one in data]


def post(driver: FlaskClient, visit: StoryVisit, action: str, **fields: object) -> TestResponse:
    return driver.post(link(visit, f"/{action}"), data=fields)


def over(story: Story) -> StoryVisit:
    visit = story.receive("herrera", plate=PLATE, phone=PHONE)
    return visit.request("herrera").ready().hand_over()


def test_the_language_of_page_and_messages_is_changed_once(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    for _ in range(2):
        answer = post(driver, visit, "language", lang="en")
        assert (answer.status_code, answer.headers["Location"]) == (303, link(visit))

    assert told(story) == [("language", {"language": "en"})]
    assert visit.row().language == "en"
    assert headline(driver.get(link(visit))) == "We have your car"
    assert post(driver, visit, "language", lang="xx").status_code == 422


def test_whoever_will_ask_later_has_a_plan_and_no_request(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    for _ in range(2):
        fields = {"booth_id": "francia", "when": "later"}
        assert post(driver, visit, "request", **fields).status_code == 303

    assert told(story) == [("plan", {"booth_id": "francia"})]
    assert open_requests(story) == []
    page = driver.get(link(visit)).text
    assert "piensa en Plaza de Francia" in page
    assert re.search(r'value="francia" required checked', page)

    post(driver, visit, "request", booth_id="francia", when="now")
    assert len(open_requests(story)) == 1
    post(driver, visit, "request", booth_id="bolivar", when="later")
    assert open_requests(story) == []


def test_fine_and_a_rating_are_said_once_the_car_is_back(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")
    for action, fields in (("fine", {}), ("rating", {"stars": "5"}), ("problem", {"words": "no"})):
        assert post(driver, visit, action, **fields).status_code in (409, 422)
    assert told(story) == []

    visit.request("herrera").ready().hand_over()
    for stars in ("4", "4", "5", "9", "x"):
        post(driver, visit, "rating", stars=stars)
    for _ in range(2):
        post(driver, visit, "fine")

    assert told(story) == [("rating", {"stars": 4}), ("rating", {"stars": 5}), ("car_ok", {})]
    page = driver.get(link(visit)).text
    assert "Usted confirmó que todo está bien" in page
    assert 'value="5" aria-pressed="true"' in page


def test_a_problem_is_told_with_photos_and_once(story: Story, driver: FlaskClient) -> None:
    visit, picture = over(story), chatty_jpeg()
    for _ in range(2):
        photo = (io.BytesIO(picture), "IMG_1.jpg")
        answer = post(driver, visit, "problem", words="Golpe en la puerta", photo=photo)
        assert answer.status_code == 303

    ((about, data),) = told(story)
    assert about == "problem"
    (ref,) = data["photos"]
    page = driver.get(link(visit, "/problem")).text
    assert "Golpe en la puerta" in page
    assert "Golpe" not in json.dumps(data)
    stored = story.database.read(lambda session: session.scalars(select(PhotoRow)).one())
    assert (stored.sha256, stored.state) == (ref["sha256"], "stored")
    shown = driver.get(link(visit, f"/photos/{stored.sha256}.jpg"))
    assert shown.mimetype == "image/jpeg"
    assert len(shown.data) == stored.size_bytes
    assert not any(secret in shown.data for secret in SECRETS)


@pytest.mark.parametrize(
    ("content", "words", "status"),
    [(b"GIF89a", "no", 422), (b"", "no", 422), (b"x" * 300_000, "Golpe", 413)],
)
def test_a_report_that_cannot_be_kept_is_refused_in_words(
    story: Story, driver: FlaskClient, content: bytes, words: str, status: int
) -> None:
    object.__setattr__(
        driver.application.extensions["valet"].config, "driver_photo_bytes_max", 60_000
    )
    visit = over(story)
    fields: dict[str, object] = {"words": words}
    if content:
        fields["photo"] = (io.BytesIO(content), "a.jpg")
    answer = post(driver, visit, "problem", **fields)

    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert told(story) == []


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"x" * 99


@pytest.mark.parametrize(
    ("bad", "words"),
    [(HEIC, "Más compatible"), (b"\x89PNG", "no es JPEG"), (b"x" * 70_000, "demasiado grande")],
)
def test_a_photo_that_cannot_be_kept_costs_nothing_else_of_the_report(
    story: Story, driver: FlaskClient, bad: bytes, words: str
) -> None:
    object.__setattr__(
        driver.application.extensions["valet"].config, "driver_photo_bytes_max", 60_000
    )
    visit, good = over(story), chatty_jpeg()
    for _ in range(2):
        photos = [(io.BytesIO(good), "a.jpg"), (io.BytesIO(bad), "b.heic")]
        answer = post(driver, visit, "problem", words="Golpe en la puerta", photo=photos)
        assert answer.status_code == 422
        assert words in answer.text
        assert "Lo demás de su aviso quedó guardado" in answer.text
        assert "<blockquote>Golpe en la puerta</blockquote>" in answer.text

    ((about, data),) = told(story)
    assert (about, len(data["photos"])) == ("problem", 1)


def test_a_shared_link_shows_less_and_can_be_withdrawn(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera", plate=PLATE, phone=PHONE)
    visit.request("bolivar").take("bolivar").ready()
    for _ in range(2):
        post(driver, visit, "share", may_fetch="0")
    shared = shared_path(driver, visit)
    page = driver.get(shared)
    assert headline(page) == "Su carro está listo en Plaza Bolívar"
    for hidden in ('class="code"', "234", "<form", "/custody", "/data", "/photos"):
        assert hidden not in page.text, hidden
    for path in ("/custody", "/data", "/share", "/photos", "/problem", "/record.json"):
        assert driver.get(shared + path).status_code == 404, path
    for path in ("/request", "/cancel", "/share", "/withdraw", "/language"):
        assert driver.post(shared + path, data={"lang": "en"}).status_code == 404, path

    post(driver, visit, "share", may_fetch="1")
    assert driver.get(shared).status_code == 410
    fetching = shared_path(driver, visit)
    assert 'class="code"' in driver.get(fetching).text
    for _ in range(2):
        post(driver, visit, "withdraw")
    assert driver.get(fetching).status_code == 410
    assert [about for about, _ in told(story)] == ["shared", "shared", "unshared"]


def test_a_shared_link_ends_with_the_hand_over_and_is_kept_as_a_hash(
    story: Story, driver: FlaskClient
) -> None:
    visit = story.receive("herrera")
    post(driver, visit, "share", may_fetch="1")
    shared = shared_path(driver, visit)
    rows = story.database.read(lambda session: session.scalars(select(LinkRow)).all())
    assert len(shared.removeprefix("/t/")) == 22
    assert all(shared.removeprefix("/t/") not in repr(vars(row)) for row in rows)

    visit.request("herrera").ready().hand_over()
    assert driver.get(shared).status_code == 410
    assert driver.get(link(visit)).status_code == 200


def shared_path(driver: FlaskClient, visit: StoryVisit) -> str:
    found = re.search(
        r'href="https?://[^/]+(/t/[^"]+)" rel', driver.get(link(visit, "/share")).text
    )
    assert found is not None
    return found[1]


def test_a_driver_takes_the_data_home_and_erases_it(story: Story, driver: FlaskClient) -> None:
    visit = over(story)
    post(driver, visit, "problem", words="Golpe en la puerta")
    story.database.write(lambda session: set_another_record_apart(session, visit))
    taken = json.loads(driver.get(link(visit, "/data.json")).data)
    assert taken["you"] == {"plate": PLATE, "phone": PHONE}
    assert taken["said"][0]["words"] == "Golpe en la puerta"
    assert taken["events"][0]["type"] == "visit.received"

    assert post(driver, visit, "erase").status_code == 422
    for _ in range(2):
        assert post(driver, visit, "erase", sure="1").status_code == 303

    rows = story.database.read(
        lambda session: [
            *session.execute(select(GuestRow.sealed, GuestRow.plate_index, GuestRow.phone_index)),
            *session.execute(select(OtherGuestRow.sealed)),
        ]
    )
    assert {value for row in rows for value in row} == {None}
    assert [about for about, _ in told(story)] == ["problem", "erased"]
    page = driver.get(link(visit, "/data")).text
    assert "Sus datos se borraron" in page
    assert json.loads(driver.get(link(visit, "/data.json")).data)["you"] is None
    assert "Golpe" not in driver.get(link(visit, "/problem")).text
    # Every hash still holds.
    assert "La cadena está completa" in driver.get(link(visit, "/custody")).text


def set_another_record_apart(session: Session, visit: StoryVisit) -> None:
    row = OtherGuestRow(
        ref="r", digest="d", visit_id=visit.id, sealed=b"sealed", received_at=visit.story.now
    )
    session.add(row)


def test_nothing_is_erased_before_the_car_is_back(story: Story, driver: FlaskClient) -> None:
    visit = story.receive("herrera")

    answer = post(driver, visit, "erase", sure="1")

    assert answer.status_code == 409
    assert told(story) == []


def test_a_form_too_many_is_not_listened_to_also_after_a_restart(
    story: Story, driver: FlaskClient
) -> None:
    visit, other = story.receive("herrera"), story.receive("bolivar")
    limit = 5
    object.__setattr__(
        driver.application.extensions["valet"].config, "driver_tries_per_link", limit
    )
    answers = [post(driver, visit, "cancel").status_code for _ in range(limit + 1)]

    assert answers == [303] * limit + [429]
    before = dump(story.database)["visits"]
    assert post(driver, visit, "request", booth_id="bolivar", when="now").status_code == 429
    assert dump(story.database)["visits"] == before
    assert post(driver, other, "cancel").status_code == 303
    assert driver.get(link(visit)).status_code == 200
    story.wait(seconds=story.config.driver_tries_s + 1)
    assert post(driver, visit, "cancel").status_code == 303


def test_a_network_that_sends_too_much_is_not_listened_to(
    story: Story, driver: FlaskClient
) -> None:
    object.__setattr__(driver.application.extensions["valet"].config, "driver_tries_per_address", 3)
    answers = [driver.post(f"/t/guess{n}/request").status_code for n in range(5)]

    assert answers == [404, 404, 404, 429, 429]
    rows = "".join(dump(story.database)["driver_tries"])
    assert "127.0.0.1" not in rows
    assert "guess" not in rows
