"""Photos into a bucket: what a station may put there is signed down to the last byte."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.stub import Stubber

from schemas.signing import public_key_of
from server import clock
from server.app import create_app, services
from server.config import ConfigError, load_config
from server.district import load_district
from server.models import PhotoRow
from server.photo_bucket import PhotoBucket
from server.photo_store import Found, Photo, Put
from server.stations import add_station
from tests.cloud_kit import CloudKit
from tests.fake_s3 import BUCKET, KEY_ID, REGION, SECRET, FakeS3, serving_s3
from tests.jpeg_file import jpeg
from tests.photo_booth import PRIVATE_KEY, STATION, PhotoBooth, until
from tests.photo_stage import ref_of
from tests.served_cloud import served
from tests.station_kit import refusal_of
from tests.visit_story import settings, small_district

CONTENT = jpeg()
VISIT = "01900000-0000-7000-8000-000000000001"
PHOTO = Photo(VISIT, ref_of(CONTENT).sha256, len(CONTENT))
NAME = f"photos/{VISIT}/{PHOTO.sha256}.jpg"


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    """An empty bucket."""
    with serving_s3() as s3:
        yield s3


@pytest.fixture
def bucket(s3: FakeS3) -> PhotoBucket:
    """The store in it."""
    return PhotoBucket(BUCKET, REGION, 900, s3.url)


def put(place: Put, body: bytes, *, leave_out: str = "", **headers: str) -> int:
    """Put a body where the cloud said, as a station does; the status."""
    parts = urlsplit(place.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    told = {**place.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    told.pop(leave_out, None)
    try:
        connection.request("PUT", f"{parts.path}?{parts.query}", body, told)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_bytes_that_were_signed_are_taken_and_found(s3: FakeS3, bucket: PhotoBucket) -> None:
    place = bucket.put(PHOTO, clock.now())
    assert (place.offset, bucket.look(PHOTO), bucket.read(PHOTO)) == (0, None, None)

    assert put(place, CONTENT) == 200

    assert (s3.objects, s3.types) == ({NAME: CONTENT}, {NAME: "image/jpeg"})
    assert bucket.look(PHOTO) == Found(PHOTO.sha256, PHOTO.size_bytes)
    assert bucket.read(PHOTO) == CONTENT
    bucket.drop(PHOTO)
    bucket.drop(PHOTO)
    assert (s3.objects, bucket.drop_parts(clock.now())) == ({}, 0)


def test_a_store_that_keeps_no_sums_is_read(s3: FakeS3, bucket: PhotoBucket) -> None:
    s3.keeps_sums = False
    assert put(bucket.put(PHOTO, clock.now()), CONTENT) == 200

    assert bucket.look(PHOTO) == Found(PHOTO.sha256, PHOTO.size_bytes)


OTHER_SUM = "A" * 43 + "="


@pytest.mark.parametrize(
    ("body", "leave_out", "headers", "status"),
    [
        (CONTENT, "", {"Content_Type": "text/html"}, 403),
        (CONTENT, "Content-Type", {}, 403),
        (CONTENT, "x-amz-checksum-sha256", {}, 403),
        (CONTENT, "", {"x_amz_checksum_sha256": OTHER_SUM}, 403),
        (CONTENT, "", {"x_amz_acl": "public-read"}, 403),
        (CONTENT + b"!", "", {}, 403),
        (CONTENT[:-1], "", {}, 403),
        (CONTENT[:-3] + b"!" + CONTENT[-2:], "", {}, 400),
    ],
)
def test_anything_else_is_refused(
    s3: FakeS3,
    bucket: PhotoBucket,
    body: bytes,
    leave_out: str,
    headers: dict[str, str],
    status: int,
) -> None:
    place = bucket.put(PHOTO, clock.now())

    assert put(place, body, leave_out=leave_out, **headers) == status

    assert s3.objects == {}


def test_an_address_is_for_one_object_and_a_while(s3: FakeS3, bucket: PhotoBucket) -> None:
    place = bucket.put(PHOTO, clock.now())
    elsewhere = replace(place, url=place.url.replace(VISIT, VISIT[:-1] + "2"))
    assert put(elsewhere, CONTENT) == 403
    longer = replace(place, url=place.url.replace("Expires=900", "Expires=9000"))
    assert put(longer, CONTENT) == 403

    s3.ahead = timedelta(seconds=899)
    assert put(place, CONTENT) == 200
    s3.ahead = timedelta(seconds=902)
    assert put(place, CONTENT) == 403


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "InternalError", "NoSuchBucket"])
def test_a_store_that_does_not_answer_is_not_taken_for_an_empty_one(
    bucket: PhotoBucket, code: str
) -> None:
    with Stubber(bucket.client) as stub:
        for call in ("head_object", "get_object", "delete_object"):
            stub.add_client_error(call, code, http_status_code=403)
        assert refusal_of(bucket.look, PHOTO) == "photo_store_lost"
        assert refusal_of(bucket.read, PHOTO) == "photo_store_lost"
        assert refusal_of(bucket.drop, PHOTO) == "photo_store_lost"


def test_what_is_asked_is_what_the_api_knows(bucket: PhotoBucket) -> None:
    name = {"Bucket": BUCKET, "Key": NAME}
    answer = {"ContentLength": 7, "ChecksumSHA256": "AAAA"}
    with Stubber(bucket.client) as stub:
        stub.add_response("head_object", answer, {**name, "ChecksumMode": "ENABLED"})
        stub.add_response("delete_object", {}, name)
        assert bucket.look(PHOTO) == Found("000000", 7)
        bucket.drop(PHOTO)
        stub.assert_no_pending_responses()


def test_a_store_that_is_away_is_said(tmp_path: Path) -> None:
    away = PhotoBucket(BUCKET, REGION, 900, "http://127.0.0.1:9")

    assert refusal_of(away.look, PHOTO) == "photo_store_lost"


def test_the_settings_name_a_bucket_or_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VALET_SERVER_PHOTO_STORE", "s3")
    with pytest.raises(ConfigError, match="PHOTO_BUCKET"):
        load_config()
    monkeypatch.setenv("VALET_SERVER_PHOTO_BUCKET", "Not a name")
    with pytest.raises(ConfigError, match="PHOTO_BUCKET: name a bucket"):
        load_config()
    monkeypatch.setenv("VALET_SERVER_PHOTO_BUCKET", BUCKET)
    assert (load_config().photo_store, load_config().photo_bucket) == ("s3", BUCKET)


@contextmanager
def cloud_with_bucket(folder: Path, url: str, s3: FakeS3) -> Iterator[tuple[CloudKit, str]]:
    """A cloud that keeps photos in the bucket, behind its door."""
    config = replace(settings(folder, url), photo_store="s3", photo_bucket=BUCKET)
    app = create_app(config)
    with app.app_context():
        database = services().database
    public_key = public_key_of(PRIVATE_KEY).hex()

    def fill(session: object) -> None:
        load_district(session, small_district())  # type: ignore[arg-type]
        add_station(session, STATION, "herrera", public_key, clock.now())  # type: ignore[arg-type]

    database.write(fill)
    with served(app) as address:
        yield CloudKit(database, config), address
    database.close()


def test_a_booth_brings_its_photos_to_the_bucket_and_begins_anew_after_a_cut(
    tmp_path: Path, sqlite_url: str, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    s3.cut_after = 40_000
    content = jpeg(100_000)
    with cloud_with_bucket(tmp_path, sqlite_url, s3) as (kit, address):
        booth = PhotoBooth(tmp_path, address)
        booth.start()
        visit_id = booth.receive()
        sha256 = booth.photograph(visit_id, content)
        until(booth.has_brought_all, "the photo is in the cloud")
        booth.close()

        assert s3.objects == {f"photos/{visit_id}/{sha256}.jpg": content}
        row = kit.one(PhotoRow)
        assert (row.state, row.stored_by) == ("stored", STATION)
    # All of it was sent twice: a bucket keeps no halves.
    puts = [length for method, _, length in s3.asked if method == "PUT"]
    assert puts == [len(content)] * 2
