"""What a station asks the cloud over HTTP: signed, compressed, with an end to every wait.

`POST /v1/sync` (protocol: `schemas.sync`), when a card is made `POST /v1/cards/keys`
(`schemas.card_keys`), and for the station's own key what is in `schemas.enrolment`; all as in
`schemas.signing`. The signature covers the body as it is sent, after compression, so that the cloud
checks it before it unpacks anything.

A refusal that only a new signature can mend is mended here and not told: the clock was wrong (the
cloud says what time to sign with, and nothing else is done with it), the line delivered the request
twice, or the key has changed.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import structlog
import urllib3
from marshmallow import ValidationError
from structlog.contextvars import bind_contextvars
from urllib3.connection import HTTPConnection, HTTPSConnection

from reader_agent import cloud
from reader_agent.cloud import Answer, Asked, CloudLost, pack
from reader_agent.config import Config
from reader_agent.plain_answer import plain_answer
from reader_agent.station_key import KeyRing, StationKeyError
from schemas.canonical import canonical_json
from schemas.card_keys import CardKeys
from schemas.enrolment import ENROLL_PATH, KEY_PATH, EnrolledSchema
from schemas.request_ids import REQUEST_ID_HEADER, new_request_id
from schemas.signing import public_key_of, sign, sign_next_key
from schemas.sync import CONTENT_TYPE, SyncAnswerSchema

SYNC_PATH = "/v1/sync"
CARD_KEYS_PATH = "/v1/cards/keys"
JSON = "application/json"
GZIP_FROM_BYTES = 1_000
CONNECT_TIMEOUT_S = 5
LONGEST_RETRY_AFTER_S = 3_600
_DAY_S = 24 * 3_600
_RENEW_EVERY_S = 3_600
_ANSWER = SyncAnswerSchema()
_ENROLLED = EnrolledSchema()
_CLOCK, _REPLAYED, _BAD_SIGNATURE = "clock", "replayed", "bad_signature"
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

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A request before it is signed."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    timeout_s: float


class NotEnrolled(Exception):
    """The cloud did not let the station in: its problem's code, and all that it said."""

    def __init__(self, code: str, problem: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.code = code
        self.problem = problem


class CloudClient:
    """One pool of connections to one cloud. Thread-safe.

    `now` gives the best time known, for the signature; `keys` are the station's, or its one
    private key as 32 raw bytes.
    """

    def __init__(self, config: Config, keys: KeyRing | bytes, now: Callable[[], datetime]) -> None:
        parts = urlsplit(config.cloud_url)
        self._base_path = parts.path.rstrip("/")
        self._station_id = config.station_id
        self._keys = KeyRing(None, keys) if isinstance(keys, bytes) else keys
        self._now = now
        self._ahead_s = 0
        self._key_days = config.limits.key_days
        self._gzip_level = config.limits.gzip_level
        self._renewed_at_s: float | None = None
        self._timeout_s = config.limits.request_timeout_s
        self._most_bytes = config.limits.answer_bytes
        self._sockets = OpenSockets()
        self._pool = urllib3.connection_from_url(config.cloud_url, maxsize=4, retries=False)
        is_https = parts.scheme == "https"
        self._pool.ConnectionCls = _WatchedHTTPS if is_https else _WatchedHTTP
        self._pool.conn_kw["sockets"] = self._sockets

    def exchange(self, asked: Asked) -> Answer:
        """See `Cloud.exchange`."""
        if asked.wait_s:
            self._renew_key()
        # Nothing is hashed here but the body as a whole: any JSON will do.
        header = json.dumps(asked.header, separators=(",", ":")).encode()
        timeout_s = self._timeout_s + asked.wait_s
        if asked.packed is None:
            parcel = self._packed(SYNC_PATH, asked.body(header), CONTENT_TYPE, timeout_s)
        else:
            body = pack([header], self._gzip_level) + asked.packed
            parcel = _parcel(self._base_path + SYNC_PATH, body, CONTENT_TYPE, timeout_s, _GZIP)
        return read_answer(self._posted(parcel))

    def ask(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Post a small JSON body; the body of a good answer. Raises `CloudLost`."""
        return self._post(path, canonical_json(body), JSON, self._timeout_s)

    def card_keys(self, tag: str, actor_id: str) -> CardKeys:
        """See `KeySource.card_keys`."""
        content = self.ask(CARD_KEYS_PATH, {"tag": tag, "actor": actor_id})
        try:
            return CardKeys.from_wire(json.loads(content))
        except (ValidationError, ValueError):
            # Not a word of it in the error: it holds keys, or something that should have been.
            raise CloudLost(cloud.BAD_ANSWER, problem="card_keys") from None

    def enroll(self, code: str, config: Config, key: bytes) -> Mapping[str, str]:
        """Let this station in by a one-time code, under `key`; who it is by that code
        (`EnrolledSchema`). Raises `NotEnrolled` and `CloudLost`."""
        said = {
            "code": code,
            "public_key": public_key_of(key).hex(),
            "station_id": config.station_id,
            "place_id": config.place_id,
            "role": config.role,
            "letter": config.letter,
        }
        parcel = self._packed(ENROLL_PATH, canonical_json(said), JSON, self._timeout_s)
        status, _, content = self._send(parcel, key)
        if status != 200:
            problem = _problem_of(content)
            raise NotEnrolled(str(problem.get("code") or status), problem)
        try:
            enrolled: Mapping[str, str] = _ENROLLED.loads(content.decode())
        except (ValidationError, ValueError):
            raise CloudLost(cloud.BAD_ANSWER, problem="enrolled") from None
        return enrolled

    def change_key(self) -> None:
        """Give the station a new key: prepare it, announce it under the present one, and use it.

        An end at any moment leaves the station able to speak, and doing it again goes on where it
        was left. Raises `CloudLost`, and `StationKeyError` and `OSError` of the card.
        """
        present, coming = self._keys.current, self._keys.prepare()
        for key in (present, coming):
            proof = sign_next_key(coming, self._station_id, public_key_of(present))
            body = canonical_json({"public_key": public_key_of(coming).hex(), "proof": proof})
            self._post(KEY_PATH, body, JSON, self._timeout_s, key)
        _log.info("key.changed")

    def _renew_key(self) -> None:
        """Change a key that is too old; while there is nothing to send, and seldom if it fails."""
        made_at_s, now_s = self._keys.made_at_s(), self._now().timestamp()
        if not self._key_days or made_at_s is None:
            return
        last_s = self._renewed_at_s
        is_old = now_s - made_at_s > self._key_days * _DAY_S
        if not is_old or (last_s is not None and 0 <= now_s - last_s < _RENEW_EVERY_S):
            return
        self._renewed_at_s = now_s
        try:
            self.change_key()
        except (CloudLost, StationKeyError, OSError) as error:
            _log.warning("key.not_changed", error=str(error))

    def close(self) -> None:
        """See `Cloud.close`."""
        self._sockets.close()
        self._pool.close()

    def _post(
        self,
        path: str,
        body: bytes,
        content_type: str,
        timeout_s: float,
        key: bytes | None = None,
    ) -> bytes:
        """Sign, send and wait; the body of a good answer. Raises `CloudLost`.

        Signed with `key`, or else with the one in use; where the cloud does not know that one,
        with another one of this station.
        """
        return self._posted(self._packed(path, body, content_type, timeout_s), key)

    def _posted(self, parcel: _Parcel, key: bytes | None = None) -> bytes:
        """See `_post`."""
        tried, mended = [key or self._keys.current], set[str]()
        while True:
            status, headers, content = self._send(parcel, tried[-1])
            if status == 200:
                self._keys.worked(tried[-1])
                return content
            lost = _refused(status, headers, content)
            other = self._keys.other_than(tried) if lost.problem == _BAD_SIGNATURE else None
            if other is not None:
                tried.append(other)
            elif lost.problem in mended or not self._mend(lost.problem, content):
                raise lost
            else:
                mended.add(lost.problem or "")

    def _mend(self, problem: str | None, content: bytes) -> bool:
        """Whether signing anew with the same key may help."""
        return problem == _REPLAYED or (problem == _CLOCK and self._learn_time(content))

    def _send(self, parcel: _Parcel, key: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """One request and its answer: status, headers and body. Raises `CloudLost`."""
        unix_s = int(self._now().timestamp()) + self._ahead_s
        signed = sign(key, self._station_id, "POST", parcel.path, parcel.body, unix_s)
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=parcel.timeout_s)
        try:
            response = self._pool.urlopen(
                "POST",
                parcel.path,
                parcel.body,
                {**parcel.headers, **signed},
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
        if response.status == 200 and len(content) > self._most_bytes:
            raise CloudLost(cloud.BAD_ANSWER, problem="too_large")
        return response.status, response.headers, content

    def _learn_time(self, content: bytes) -> bool:
        """How far our clock is behind the cloud's, for signatures only; False if it did not say."""
        server_time = _problem_of(content).get("server_time")
        if not isinstance(server_time, int) or not 0 < server_time < 2**40:
            return False
        self._ahead_s = server_time - int(self._now().timestamp())
        _log.info("clock.signs_with_clouds_time", ahead_s=self._ahead_s)
        return True

    def _packed(self, path: str, body: bytes, content_type: str, timeout_s: float) -> _Parcel:
        path = self._base_path + path
        if not self._gzip_level or len(body) <= GZIP_FROM_BYTES:
            return _parcel(path, body, content_type, timeout_s)
        body = gzip.compress(body, compresslevel=self._gzip_level, mtime=0)
        return _parcel(path, body, content_type, timeout_s, _GZIP)


_GZIP: Mapping[str, str] = {"Content-Encoding": "gzip"}


def _parcel(
    path: str,
    body: bytes,
    content_type: str,
    timeout_s: float,
    encoding: Mapping[str, str] = MappingProxyType({}),
) -> _Parcel:
    # One for all tries of this round trip: what the cloud's log knows it by.
    named = {REQUEST_ID_HEADER: new_request_id()}
    # Each loop has a thread of its own: its next lines are about this round trip.
    bind_contextvars(request_id=named[REQUEST_ID_HEADER])
    headers = {"Content-Type": content_type, "Accept-Encoding": "gzip", **encoding, **named}
    return _Parcel(path, body, headers, timeout_s)


def read_answer(content: bytes) -> Answer:
    """The checked answer in a response's body. Raises `CloudLost`."""
    try:
        said = json.loads(content.decode())
        answer: Answer = plain_answer(said) or _ANSWER.load(said)
    except (ValidationError, ValueError, RecursionError) as error:
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
    problem = _problem_code(content) or str(status)
    # A line that doubles whatever is sent over it is a bad line, not a verdict on the station.
    code = cloud.BUSY if problem == _REPLAYED else _CODE_OF_STATUS.get(status, default)
    return CloudLost(
        code,
        problem=problem,
        retry_after_s=_retry_after_s(headers.get("Retry-After")),
    )


def _problem_code(content: bytes) -> str | None:
    code = _problem_of(content).get("code")
    return code if isinstance(code, str) and len(code) <= 60 else None


def _problem_of(content: bytes) -> Mapping[str, Any]:
    try:
        problem = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _retry_after_s(text: str | None) -> float | None:
    # Only the form in seconds: the other one needs a clock that is right.
    if text is None or not text.strip().isdecimal():
        return None
    return min(float(text), LONGEST_RETRY_AFTER_S)
