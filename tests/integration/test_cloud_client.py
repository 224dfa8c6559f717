"""The station's HTTP: signed, packed, and never waiting for ever, against a server on loopback."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from reader_agent import cloud as fault
from reader_agent import cloud_client
from reader_agent.cloud import Asked, CloudLost, pack
from reader_agent.cloud_client import CloudClient
from schemas.signing import is_signed, new_private_key, public_key_of
from tests.station_kit import ANA, HERRERA, StationKit, config_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PRIVATE_KEY = new_private_key()
Handler = Callable[[BaseHTTPRequestHandler, bytes], None]
ANSWER = {
    "ack_seq": 0,
    "verdicts": [],
    "gap": None,
    "chain_broken_at": None,
    "from_cursor": 0,
    "cursor": 0,
    "changes": [],
    "more": False,
    "server_time": NOW.isoformat(),
}


class LoopbackCloud:
    """Answers every POST with `handle`."""

    def __init__(self) -> None:
        self.handle: Handler = lambda request, _body: reply(request, 200, ANSWER)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        cloud = self

        class _Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                cloud.requests.append((dict(self.headers.items()), body))
                cloud.handle(self, body)

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Request)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def reply(request: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    """Send JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(content)


@pytest.fixture
def cloud() -> Iterator[LoopbackCloud]:
    loopback = LoopbackCloud()
    thread = threading.Thread(target=loopback.server.serve_forever, args=(0.01,))
    thread.start()
    yield loopback
    loopback.server.shutdown()
    thread.join()
    loopback.server.server_close()


@pytest.fixture
def client(cloud: LoopbackCloud, tmp_path: Path) -> Iterator[CloudClient]:
    made = _client(cloud, tmp_path)
    yield made
    made.close()


def _client(cloud: LoopbackCloud, folder: Path, **limits: int) -> CloudClient:
    config = replace(config_of(folder, HERRERA, **limits), cloud_url=cloud.url)
    return CloudClient(config, PRIVATE_KEY, lambda: NOW)


def _asked(*lines: bytes, wait_s: int = 0) -> Asked:
    return Asked({"v": 1, "wait_s": wait_s}, lines, 0, 0, wait_s)


def _code_of(client: CloudClient, asked: Asked) -> CloudLost:
    with pytest.raises(CloudLost) as error:
        client.exchange(asked)
    return error.value


def test_the_request_is_signed_as_it_is_sent(cloud: LoopbackCloud, client: CloudClient) -> None:
    assert client.exchange(_asked(b'{"a":1}', b'{"b":2}'))["cursor"] == 0
    ((headers, body),) = cloud.requests
    assert body == b'{"v":1,"wait_s":0}\n{"a":1}\n{"b":2}\n'
    assert headers["Content-Type"] == "application/x-ndjson"
    assert headers["Valet-Time"] == str(int(NOW.timestamp()))
    public_key = public_key_of(PRIVATE_KEY)
    assert is_signed(public_key, headers, "POST", "/v1/sync", body)
    assert not is_signed(public_key, headers, "POST", "/v1/sync", body + b" ")


def test_what_the_station_logs_next_has_the_id_that_the_cloud_was_told(
    cloud: LoopbackCloud, client: CloudClient
) -> None:
    for _ in range(2):
        client.exchange(_asked(b'{"a":1}'))
        with capture_logs(processors=[merge_contextvars]) as logged:
            structlog.get_logger().warning("station.problem")
        headers = cloud.requests[-1][0]
        assert logged[0]["request_id"] == headers["X-Request-Id"]
    assert len({headers["X-Request-Id"] for headers, _ in cloud.requests}) == 2


CARD_KEYS = {"keys": [f"{slot:02X}" * 16 for slot in range(5)], "url": "https://v.example/t"}


def test_the_keys_of_a_card_are_asked_for_with_a_signature(
    cloud: LoopbackCloud, client: CloudClient
) -> None:
    cloud.handle = lambda request, _body: reply(request, 200, CARD_KEYS)
    keys = client.card_keys("nfca:04C767F2066180", "sofia")
    assert (keys.meta, keys.url) == (b"\x01" * 16, "https://v.example/t")
    ((headers, body),) = cloud.requests
    assert json.loads(body) == {"tag": "nfca:04C767F2066180", "actor": "sofia"}
    assert headers["Content-Type"] == "application/json"
    assert is_signed(public_key_of(PRIVATE_KEY), headers, "POST", "/v1/cards/keys", body)


@pytest.mark.parametrize(
    ("status", "body", "code", "problem"),
    [
        (403, {"code": "not_allowed"}, fault.TURNED_AWAY, "not_allowed"),
        (422, {"code": "tag_random"}, fault.BAD_REQUEST, "tag_random"),
        (404, b"<html>", fault.BAD_REQUEST, "404"),
        (200, b"<html>a captive portal</html>", fault.BAD_ANSWER, "card_keys"),
        (200, CARD_KEYS | {"keys": ["00"]}, fault.BAD_ANSWER, "card_keys"),
    ],
)
def test_a_card_gets_no_keys_for_a_reason_that_holds_none(
    cloud: LoopbackCloud, client: CloudClient, status: int, body: Any, code: str, problem: str
) -> None:
    cloud.handle = lambda request, _body: reply(request, status, body)
    with pytest.raises(CloudLost) as error:
        client.card_keys("nfca:04C767F2066180", "sofia")
    assert (error.value.code, error.value.problem) == (code, problem)
    assert error.value.__cause__ is None


def test_a_long_body_is_packed_and_the_packed_bytes_are_signed(
    cloud: LoopbackCloud, client: CloudClient
) -> None:
    client.exchange(_asked(*[b'{"a":"%d"}' % number for number in range(500)]))
    ((headers, body),) = cloud.requests
    assert headers["Content-Encoding"] == "gzip"
    assert len(gzip.decompress(body).splitlines()) == 501
    assert is_signed(public_key_of(PRIVATE_KEY), headers, "POST", "/v1/sync", body)


def test_what_was_packed_ahead_goes_behind_its_header(
    cloud: LoopbackCloud, client: CloudClient
) -> None:
    lines = [b'{"a":"%d"}' % number for number in range(500)]
    client.exchange(replace(_asked(*lines), packed=pack(lines, 1)))
    client.exchange(_asked(*lines))
    (headers, body), (_, packed_at_once) = cloud.requests
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == gzip.decompress(packed_at_once)
    assert is_signed(public_key_of(PRIVATE_KEY), headers, "POST", "/v1/sync", body)


def test_a_station_may_be_told_not_to_pack(cloud: LoopbackCloud, tmp_path: Path) -> None:
    client = _client(cloud, tmp_path, gzip_level=0)
    client.exchange(_asked(*[b'{"a":"%d"}' % number for number in range(500)]))
    client.close()
    ((headers, body),) = cloud.requests
    assert "Content-Encoding" not in headers
    assert len(body.splitlines()) == 501


def test_a_packed_answer_is_read(cloud: LoopbackCloud, client: CloudClient) -> None:
    packed = gzip.compress(json.dumps(ANSWER).encode())
    cloud.handle = lambda request, _body: reply(request, 200, packed, Content_Encoding="gzip")
    assert client.exchange(_asked())["server_time"] == NOW


@pytest.mark.parametrize(
    ("status", "body", "code", "problem"),
    [
        (401, {"code": "unknown_station"}, fault.TURNED_AWAY, "unknown_station"),
        (403, {"code": "revoked_station"}, fault.TURNED_AWAY, "revoked_station"),
        (413, {"code": "too_many_events"}, fault.TOO_LARGE, "too_many_events"),
        (400, {"code": "bad_header"}, fault.BAD_REQUEST, "bad_header"),
        (302, {}, fault.BAD_REQUEST, "302"),
        (500, b"<html>", fault.SERVER_ERROR, "500"),
        (503, b"", fault.BUSY, "503"),
        (200, b"<html>a captive portal</html>", fault.BAD_ANSWER, "JSONDecodeError"),
        (200, {"ack_seq": 1}, fault.BAD_ANSWER, "ValidationError"),
    ],
)
def test_every_other_answer_has_a_name(
    cloud: LoopbackCloud, client: CloudClient, status: int, body: Any, code: str, problem: str
) -> None:
    cloud.handle = lambda request, _body: reply(request, status, body)
    error = _code_of(client, _asked())
    assert (error.code, error.problem) == (code, problem)


@pytest.mark.parametrize(
    ("header", "wanted"), [("7", 7), ("86400", 3600), ("Tue, 01 Jan 2030 00:00:00 GMT", None)]
)
def test_a_wish_to_be_left_alone_is_read(
    cloud: LoopbackCloud, client: CloudClient, header: str, wanted: float | None
) -> None:
    cloud.handle = lambda request, _body: reply(request, 429, {}, Retry_After=header)
    assert _code_of(client, _asked()).retry_after_s == wanted


def test_an_answer_without_end_is_cut_off(cloud: LoopbackCloud, tmp_path: Path) -> None:
    client = _client(cloud, tmp_path, answer_bytes=65_536)
    bomb = gzip.compress(b" " * 10_000_000)
    cloud.handle = lambda request, _body: reply(request, 200, bomb, Content_Encoding="gzip")
    assert _code_of(client, _asked()).code == fault.BAD_ANSWER
    cloud.handle = lambda request, _body: reply(request, 200, ANSWER)
    assert client.exchange(_asked())["ack_seq"] == 0
    client.close()


def test_a_server_that_says_nothing_is_given_up(cloud: LoopbackCloud, tmp_path: Path) -> None:
    client = _client(cloud, tmp_path, request_timeout_s=1)
    ended = threading.Event()

    def say_nothing(_request: BaseHTTPRequestHandler, _body: bytes) -> None:
        ended.wait(60)

    cloud.handle = say_nothing
    started = time.monotonic()
    assert _code_of(client, _asked()).code == fault.UNREACHABLE
    assert time.monotonic() - started < 5
    ended.set()
    client.close()


def test_a_long_poll_may_last_longer_than_connecting_may(
    cloud: LoopbackCloud, client: CloudClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud_client, "CONNECT_TIMEOUT_S", 0.1)

    def answer_late(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        time.sleep(0.4)
        reply(request, 200, ANSWER)

    cloud.handle = answer_late
    assert client.exchange(_asked(wait_s=5))["cursor"] == 0


def refusing_first(
    cloud: LoopbackCloud, status: int, problem: dict[str, object], times: int
) -> Handler:
    """Refuses so many requests, then answers."""

    def handle(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        refused = len(cloud.requests) <= times
        reply(request, status if refused else 200, problem if refused else ANSWER)

    return handle


def test_a_wrong_clock_signs_with_the_clouds_time_and_goes_on_doing_so(
    cloud: LoopbackCloud, client: CloudClient
) -> None:
    problem: dict[str, object] = {"code": "clock", "server_time": 1_800_000_000}
    cloud.handle = refusing_first(cloud, 401, problem, 1)
    assert client.exchange(_asked())["cursor"] == 0
    assert client.exchange(_asked())["cursor"] == 0
    times = [int(headers["Valet-Time"]) for headers, _ in cloud.requests]
    assert times == [int(NOW.timestamp()), 1_800_000_000, 1_800_000_000]
    # The body of an event knows nothing of it.
    assert len({body for _, body in cloud.requests}) == 1


@pytest.mark.parametrize("server_time", [None, "noon", -5, 2**50])
def test_a_cloud_that_does_not_say_the_time_is_not_asked_again(
    cloud: LoopbackCloud, client: CloudClient, server_time: object
) -> None:
    problem = {"code": "clock", "server_time": server_time}
    cloud.handle = refusing_first(cloud, 401, problem, 9)
    lost = _code_of(client, _asked())
    assert (lost.code, lost.problem) == (fault.TURNED_AWAY, "clock")
    assert len(cloud.requests) == 1


def test_a_request_that_the_line_doubled_is_signed_anew(
    cloud: LoopbackCloud, client: CloudClient
) -> None:
    cloud.handle = refusing_first(cloud, 401, {"code": "replayed"}, 1)
    assert client.exchange(_asked())["cursor"] == 0
    first, second = (headers["Valet-Nonce"] for headers, _ in cloud.requests)
    assert first != second
    # A line that always does it is a bad line; nothing is said of the station.
    cloud.requests.clear()
    cloud.handle = refusing_first(cloud, 401, {"code": "replayed"}, 9)
    assert _code_of(client, _asked()).code == fault.BUSY
    assert len(cloud.requests) == 2


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    client = CloudClient(config_of(tmp_path), PRIVATE_KEY, lambda: NOW)
    assert _code_of(client, _asked()).code == fault.UNREACHABLE
    client.close()


def test_a_long_poll_is_broken_off_from_another_thread(
    cloud: LoopbackCloud, tmp_path: Path
) -> None:
    kit = StationKit(tmp_path)
    client = _client(cloud, tmp_path)
    held, ended = threading.Event(), threading.Event()

    def hold(request: BaseHTTPRequestHandler, body: bytes) -> None:
        header = json.loads(
            (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).split(b"\n")[0]
        )
        if header["wait_s"]:
            held.set()
            ended.wait(60)
            return
        reply(request, 200, ANSWER | {"ack_seq": kit.head_seq, "from_cursor": None})

    cloud.handle = hold
    sync = kit.station.sync_with(client)
    sync.start()
    kit.tap(ANA)
    assert held.wait(60)
    started = time.monotonic()
    sync.stop()
    assert time.monotonic() - started < 2
    assert not any(thread.is_alive() for thread in sync._threads)
    ended.set()
    kit.station.close()
