"""What a station makes of answers to its photos: the photo, the line, or an address of nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reader_agent import cloud
from reader_agent.cloud import CloudLost
from reader_agent.photo_cloud import PhotoCloud
from reader_agent.photo_store import KeptPhoto
from tests.photo_stage import ref_of
from tests.station_kit import config_of

PHOTO = KeptPhoto("01900000-0000-7000-8000-000000000001", "a" * 64)


@dataclass
class Said:
    """What the cloud is asked, and what it answers."""

    answer: bytes
    path: str = ""
    body: Mapping[str, Any] | None = None

    def ask(self, path: str, body: Mapping[str, Any]) -> bytes:
        """See `Asker`."""
        self.path, self.body = path, body
        return self.answer


class _Store(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        """Answer with the status that the address names."""
        self.server.came = self.rfile.read(int(self.headers["Content-Length"]))  # type: ignore[attr-defined]
        self.send_response(int(self.path.rpartition("/")[2].partition("?")[0]))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[ThreadingHTTPServer]:
    """A store that answers as it is told."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def photo_cloud(folder: Path, answer: object = None, url: str = "http://127.0.0.1:1") -> PhotoCloud:
    """The cloud of a station, at this address, with this answer."""
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return PhotoCloud(replace(config_of(folder), cloud_url=url), Said(content))


def place(url: str) -> dict[str, Any]:
    """Where to put a photo."""
    return {"url": url, "headers": {"Content-Type": "image/jpeg"}, "offset": 0}


def lost(act: Any, *args: Any) -> tuple[str, str | None]:
    """How an exchange failed."""
    with pytest.raises(CloudLost) as failed:
        act(*args)
    return failed.value.code, failed.value.problem


def test_a_station_asks_with_all_that_the_event_says(tmp_path: Path) -> None:
    said = Said(json.dumps({"state": "awaited", "put": place("/x")}).encode())
    photos = PhotoCloud(config_of(tmp_path), said)

    assert photos.ask(PHOTO, ref_of(b"12345"), "b" * 64)["put"]["url"] == "/x"

    wanted = {"visit_id": PHOTO.owner, **ref_of(b"12345").to_wire(), "found_sha256": "b" * 64}
    assert (said.path, said.body) == ("/v1/photos", wanted)
    photos.stored(PHOTO)
    assert said.path == f"/v1/photos/{PHOTO.sha256}/stored"


@pytest.mark.parametrize("answer", [b"<html>", {"state": "eaten"}, [], {"put": None}])
def test_an_answer_that_is_none_is_a_bad_line(tmp_path: Path, answer: object) -> None:
    photos = photo_cloud(tmp_path, answer)

    assert lost(photos.stored, PHOTO) == (cloud.BAD_ANSWER, "photo")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, cloud.BUSY),
        (408, cloud.BUSY),
        (429, cloud.BUSY),
        (500, cloud.BUSY),
        (503, cloud.BUSY),
        (507, cloud.BUSY),
        (302, cloud.BAD_REQUEST),
        (400, cloud.BAD_REQUEST),
        (404, cloud.BAD_REQUEST),
        (411, cloud.BAD_REQUEST),
    ],
)
def test_what_a_store_says_is_about_the_photo_or_about_the_moment(
    tmp_path: Path, store: ThreadingHTTPServer, status: int, code: str
) -> None:
    photos = photo_cloud(tmp_path)
    url = f"http://127.0.0.1:{store.server_port}/{status}?signed=1"

    assert lost(photos.put, place(url), [b"12", b"345"], 5) == (code, f"put_{status}")


def test_an_address_of_the_cloud_itself_is_under_its_own(
    tmp_path: Path, store: ThreadingHTTPServer
) -> None:
    photos = photo_cloud(tmp_path, url=f"http://127.0.0.1:{store.server_port}/base/")

    photos.put(place("/v1/photos/200?seal=x"), [b"12", b"345"], 5)

    assert store.came == b"12345"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url", ["http://store.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "x", "//evil/x"]
)
def test_photos_go_nowhere_that_is_not_https(tmp_path: Path, url: str) -> None:
    photos = photo_cloud(tmp_path, url="http://127.0.0.1:1")

    code, _ = lost(photos.put, place(url), [b"1"], 1)

    assert code in (cloud.BAD_ANSWER, cloud.UNREACHABLE)


def test_a_store_that_is_not_there_is_a_lost_line(tmp_path: Path) -> None:
    photos = photo_cloud(tmp_path)

    assert lost(photos.put, place("http://127.0.0.1:9/x"), [b"1"], 1)[0] == cloud.UNREACHABLE
