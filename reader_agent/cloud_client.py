"""What a station asks the cloud over HTTP: signed, compressed, with an end to every wait.

`POST /v1/sync` (protocol: `schemas.sync`) and, when a card is made, `POST /v1/cards/keys`
(`schemas.card_keys`); both as in `schemas.signing`. The signature covers the body as it is sent,
after compression, so that the cloud checks it before it unpacks anything.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3
from marshmallow import ValidationError
from urllib3.connection import HTTPConnection, HTTPSConnection

from reader_agent import cloud
from reader_agent.cloud import Answer, Asked, CloudLost
from reader_agent.config import Config
from schemas.canonical import canonical_json
from schemas.card_keys import CardKeys
from schemas.signing import sign
from schemas.sync import CONTENT_TYPE, SyncAnswerSchema

SYNC_PATH = "/v1/sync"
CARD_KEYS_PATH = "/v1/cards/keys"
GZIP_FROM_BYTES = 1_000
CONNECT_TIMEOUT_S = 5
LONGEST_RETRY_AFTER_S = 3_600
_ANSWER = SyncAnswerSchema()
_CODE_OF_STATUS: Mapping[int, str] = {
    401: cloud.TURNED_AWAY,
    403: cloud.TURNED_AWAY,
    408: cloud.BUSY,
    413: cloud.TOO_LARGE,
    425: cloud.BUSY,
    429: cloud.BUSY,
    502: cloud.BUSY,
    503: cloud.BUSY,
    504: cloud.BUSY,
}


class CloudClient:
    """One pool of connections to one cloud. Thread-safe.

    `now` gives the best time known, for the signature; `private_key` is 32 raw bytes.
    """

    def __init__(self, config: Config, private_key: bytes, now: Callable[[], datetime]) -> None:
        parts = urlsplit(config.cloud_url)
        self._base_path = parts.path.rstrip("/")
        self._station_id = config.station_id
        self._private_key = private_key
        self._now = now
        self._timeout_s = config.limits.request_timeout_s
        self._most_bytes = config.limits.answer_bytes
        self._sockets = OpenSockets()
        self._pool = urllib3.connection_from_url(config.cloud_url, maxsize=3, retries=False)
        is_https = parts.scheme == "https"
        self._pool.ConnectionCls = _WatchedHTTPS if is_https else _WatchedHTTP
        self._pool.conn_kw["sockets"] = self._sockets

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud.exchange`."""
        body = asked.body(canonical_json(asked.header))
        content = self._post(SYNC_PATH, body, CONTENT_TYPE, self._timeout_s + asked.wait_s)
        return read_answer(content)

    def card_keys(self, tag: str, actor_id: str) -> CardKeys:
        """See `KeySource.card_keys`."""
        body = canonical_json({"tag": tag, "actor": actor_id})
        content = self._post(CARD_KEYS_PATH, body, "application/json", self._timeout_s)
        try:
            return CardKeys.from_wire(json.loads(content))
        except (ValidationError, ValueError):
            # Not a word of it in the error: it holds keys, or something that should have been.
            raise CloudLost(cloud.BAD_ANSWER, problem="card_keys") from None

    def close(self) -> None:
        """See `Cloud.close`."""
        self._sockets.close()
        self._pool.close()

    def _post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> bytes:
        """Sign, send and wait; the body of a good answer. Raises `CloudLost`."""
        path = self._base_path + path
        body, headers = self._packed(path, body, content_type)
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s)
        try:
            response = self._pool.urlopen(
                "POST",
                path,
                body,
                headers,
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            try:
                content = response.read(self._most_bytes + 1, decode_content=True)
                # Nothing is left to read in an answer within the limit; else it is not reused.
                response.drain_conn() if len(content) <= self._most_bytes else response.close()
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise CloudLost(cloud.UNREACHABLE, problem=type(error).__name__) from error
        if response.status != 200:
            raise _refused(response.status, response.headers, content)
        if len(content) > self._most_bytes:
            raise CloudLost(cloud.BAD_ANSWER, problem="too_large")
        return content

    def _packed(self, path: str, body: bytes, content_type: str) -> tuple[bytes, dict[str, str]]:
        headers = {"Content-Type": content_type, "Accept-Encoding": "gzip"}
        if len(body) > GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        unix_s = int(self._now().timestamp())
        headers |= sign(self._private_key, self._station_id, "POST", path, body, unix_s)
        return body, headers


def read_answer(content: bytes) -> Answer:
    """The checked answer in a response's body. Raises `CloudLost`."""
    try:
        answer: Answer = _ANSWER.loads(content.decode())
    except (ValidationError, ValueError) as error:
        raise CloudLost(cloud.BAD_ANSWER, problem=type(error).__name__) from error
    return answer


class OpenSockets:
    """The sockets of a pool, so that a long poll can be broken off from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._is_closed = False

    def add(self, sock: socket.socket) -> None:
        """Remember a socket that was just connected; once closed, shut it at once."""
        with self._lock:
            self._sockets.add(sock)
            if self._is_closed:
                _shut(sock)

    def close(self) -> None:
        """Wake every thread that waits on one of them."""
        with self._lock:
            self._is_closed = True
            for sock in self._sockets:
                _shut(sock)


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already, which is what was wanted.
        return


class _WatchedHTTP(HTTPConnection):
    def __init__(self, *args: Any, sockets: OpenSockets, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


class _WatchedHTTPS(HTTPSConnection):
    def __init__(self, *args: Any, sockets: OpenSockets, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.add(self.sock)


def _refused(status: int, headers: Mapping[str, str], content: bytes) -> CloudLost:
    default = cloud.SERVER_ERROR if status >= 500 else cloud.BAD_REQUEST
    return CloudLost(
        _CODE_OF_STATUS.get(status, default),
        problem=_problem_code(content) or str(status),
        retry_after_s=_retry_after_s(headers.get("Retry-After")),
    )


def _problem_code(content: bytes) -> str | None:
    try:
        problem = json.loads(content)
    except ValueError:
        return None
    code = problem.get("code") if isinstance(problem, dict) else None
    return code if isinstance(code, str) and len(code) <= 60 else None


def _retry_after_s(text: str | None) -> float | None:
    # Only the form in seconds: the other one needs a clock that is right.
    if text is None or not text.strip().isdecimal():
        return None
    return min(float(text), LONGEST_RETRY_AFTER_S)
