"""Photos at the touchscreen: from a file, for a ticket or for the reception, offline too."""

from __future__ import annotations

import hashlib
import io

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.booth_client import text_of, token_of
from tests.booth_evening import ANA, KEYS, Evening
from tests.jpeg_file import SECRETS, chatty_jpeg, jpeg


def send(screen: FlaskClient, path: str, content: bytes, token: str | None = None) -> TestResponse:
    """Open the page and send a file from it."""
    token = token or token_of(screen.get(path))
    # As a browser writes it; what the file is called and said to be counts for nothing.
    body = (
        f'--cut\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
        '--cut\r\nContent-Disposition: form-data; name="photo"; filename="../../etc/x.php"\r\n'
        "Content-Type: text/html\r\n\r\n"
    ).encode()
    return screen.post(
        path,
        data=body + content + b"\r\n--cut--\r\n",
        content_type="multipart/form-data; boundary=cut",
    )


def sha256_of(content: bytes) -> str:
    """The hash by which a photo is called."""
    return hashlib.sha256(content).hexdigest()


def test_a_photo_of_a_ticket_is_kept_shown_and_counted(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    assert "Fotos 0" in text_of(screen.get(f"/tickets/{visit_id}"))

    answer = send(screen, f"/tickets/{visit_id}/photos", jpeg())

    assert (answer.status_code, answer.location) == (303, f"/tickets/{visit_id}/photos")
    assert "Foto guardada y sellada" in text_of(screen.get(answer.location))
    assert "Fotos 1" in text_of(screen.get(f"/tickets/{visit_id}"))
    image = screen.get(f"/photos/{visit_id}/{sha256_of(jpeg())}.jpg")
    assert (image.data, image.content_type) == (jpeg(), "image/jpeg")
    assert image.headers["X-Content-Type-Options"] == "nosniff"
    assert image.headers["Cache-Control"] == "no-store"


def test_what_a_telephone_wrote_beside_the_picture_is_not_kept(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()

    send(screen, f"/tickets/{visit_id}/photos", chatty_jpeg())

    (ref,) = evening.booth.photos.of(visit_id)
    content = screen.get(f"/photos/{visit_id}/{ref.sha256}.jpg").data
    assert not any(secret in content for secret in SECRETS)


def test_the_photos_of_a_reception_become_those_of_the_ticket(
    screen: FlaskClient, evening: Evening
) -> None:
    evening.tap(ANA)
    assert screen.get("/receive/photos").location == "/receive"
    evening.tap(KEYS[0])
    for seed in (1, 2, 3):
        assert send(screen, "/receive/photos", jpeg(seed=seed)).status_code == 303
    drop = {"sha256": sha256_of(jpeg(seed=2))}
    assert screen.post("/receive/photos/drop", data=drop).location == "/receive/photos"
    assert screen.get("/receive/photos/drop").location == "/receive/photos"
    first = sha256_of(jpeg(seed=1))
    assert screen.get(f"/photos/draft/{first}.jpg").data == jpeg(seed=1)

    evening.booth.edit_draft(plate="AB1234", no_phone=True)
    card = evening.booth.receive()

    refs = evening.booth.photos.of(card.visit_id)
    assert [ref.sha256 for ref in refs] == [first, sha256_of(jpeg(seed=3))]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "no se puede leer"),
        (b"<script>alert(1)</script>", 422, "no se puede leer"),
        (jpeg(width=60_000, height=60_000), 413, "demasiado grande"),
        (jpeg(2_000_001), 413, "demasiado grande"),
        (jpeg() + bytes(5_000_000), 413, "demasiado grande"),
    ],
)
def test_what_is_no_photo_is_said_in_words(
    screen: FlaskClient, evening: Evening, content: bytes, status: int, words: str
) -> None:
    visit_id = evening.received()

    answer = send(screen, f"/tickets/{visit_id}/photos", content)

    assert answer.status_code == status
    assert words in text_of(answer)
    assert evening.booth.photos.of(visit_id) == []


def test_enough_photos_are_enough(screen: FlaskClient, evening: Evening) -> None:
    evening.tap(ANA)
    evening.tap(KEYS[0])
    for seed in range(4):
        send(screen, "/receive/photos", jpeg(seed=seed))

    answer = send(screen, "/receive/photos", jpeg(seed=9))

    assert answer.status_code == 409
    assert "Ya están todas las fotos" in text_of(answer)


def test_a_double_tap_is_one_photo(screen: FlaskClient, evening: Evening) -> None:
    visit_id = evening.received()
    path = f"/tickets/{visit_id}/photos"
    token = token_of(screen.get(path))

    for _ in range(2):
        assert send(screen, path, jpeg(), token).status_code == 303

    assert len(evening.booth.photos.of(visit_id)) == 1


def test_another_page_in_the_kiosk_cannot_send_a_photo(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    form = {"token": "x", "photo": (io.BytesIO(jpeg()), "a.jpg")}

    answer = screen.post(
        f"/tickets/{visit_id}/photos", data=form, headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403
    assert evening.booth.photos.of(visit_id) == []


@pytest.mark.parametrize("name", ["draft/" + "a" * 64, "x/" + "b" * 64, "..%2f..%2fetc/passwd"])
def test_there_is_no_way_to_other_files(screen: FlaskClient, evening: Evening, name: str) -> None:
    evening.received()

    assert screen.get(f"/photos/{name}.jpg").status_code == 404


def test_a_photo_that_the_card_no_longer_reads_is_said(
    screen: FlaskClient, evening: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit_id = evening.received()
    send(screen, f"/tickets/{visit_id}/photos", jpeg())

    def fail(*_args: object) -> bytes:
        raise OSError(5, "as on a bad card")

    monkeypatch.setattr(evening.booth.photos.store, "read", fail)

    assert screen.get(f"/photos/{visit_id}/{sha256_of(jpeg())}.jpg").status_code == 404


def test_what_waits_and_what_is_not_accepted_is_on_the_status_screen(
    screen: FlaskClient, evening: Evening
) -> None:
    visit_id = evening.received()
    assert "por subir" not in text_of(screen.get("/status")).partition("Fotos")[2]

    for seed in (1, 2):
        send(screen, f"/tickets/{visit_id}/photos", jpeg(seed=seed))
    assert "2 por subir" in text_of(screen.get("/status"))
    waiting = list(evening.booth.photos.waiting())
    waiting[0].code = "unknown_photo"
    evening.booth.photos.waiting = lambda: waiting

    assert "1 no se aceptan" in text_of(screen.get("/status"))
