"""A bucket of S3 on loopback, as strict as the real one where it matters for photos.

Presigned requests: AWS Signature Version 4, query parameters (Amazon S3 API reference,
"Authenticating Requests: Using Query Parameters"). The signature is computed anew with the SDK's
own signer over what really came, so that a header or a length other than the one that was signed
is refused, and so is what has expired. Other requests need a signature in their headers, checked
the same way. `x-amz-checksum-sha256` is checked against the bytes (API reference, PutObject).
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET, REGION, BUCKET = "AKIDTEST", "secret-for-tests", "us-east-1", "valet-photos"
_STAMP = "%Y%m%dT%H%M%SZ"
_SUM = "x-amz-checksum-sha256"


@dataclass
class FakeS3:
    """What is in the bucket, and how the store behaves. `ahead`: of the SDK's clock; `cut_after`:
    the next body ends there with its connection."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    keeps_sums: bool = True
    ahead: timedelta = timedelta(0)
    cut_after: int | None = None
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def fault_of(self, method: str, path: str, headers: dict[str, str]) -> str | None:
        """Why a request is not allowed, as S3 calls it; None where it is."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if "X-Amz-Signature" in query:
            return self._presigned_fault(method, path, headers, query)
        if not headers.get("authorization", "").startswith(
            f"AWS4-HMAC-SHA256 Credential={KEY_ID}/"
        ):
            return "AccessDenied"
        claimed = headers["authorization"].rpartition("Signature=")[2]
        names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        auth = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", REGION)
        request = self._request(method, path, {name: headers.get(name, "") for name in names})
        request.context["timestamp"] = headers.get("x-amz-date", "")
        request.context["payload_signing_enabled"] = False
        return None if self._signature(auth, request) == claimed else "SignatureDoesNotMatch"

    def _presigned_fault(
        self, method: str, path: str, headers: dict[str, str], query: dict[str, str]
    ) -> str | None:
        if not query.get("X-Amz-Credential", "").startswith(f"{KEY_ID}/"):
            return "InvalidAccessKeyId"
        begun = datetime.strptime(query["X-Amz-Date"], _STAMP).replace(tzinfo=UTC)
        expires = begun + timedelta(seconds=int(query["X-Amz-Expires"]))
        if datetime.now(UTC) + self.ahead > expires:
            return "AccessDenied"
        names = query["X-Amz-SignedHeaders"].split(";")
        bare = path.replace(f"&X-Amz-Signature={query['X-Amz-Signature']}", "")
        # Every x-amz header that comes has to be signed too.
        unsigned = {name for name in headers if name.startswith("x-amz-")} - set(names)
        if unsigned or any(name not in headers for name in names):
            return "AccessDenied"
        auth = S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", REGION)
        request = self._request(method, bare, {name: headers[name] for name in names})
        request.context["timestamp"] = query["X-Amz-Date"]
        matches = self._signature(auth, request) == query["X-Amz-Signature"]
        return None if matches else "SignatureDoesNotMatch"

    def _request(self, method: str, path: str, headers: dict[str, str]) -> AWSRequest:
        return AWSRequest(method=method, url=f"{self.url}{path}", headers=headers)

    @staticmethod
    def _signature(auth: Any, request: AWSRequest) -> str:
        canonical = auth.canonical_request(request)
        signature: str = auth.signature(auth.string_to_sign(request, canonical), request)
        return signature


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:
        """PutObject."""
        store, length = self.server.store, int(self.headers["Content-Length"])
        if self._is_refused():
            return
        if store.cut_after is not None and store.cut_after < length:
            self.rfile.read(store.cut_after)
            store.cut_after, self.close_connection = None, True
            self.connection.close()
            return
        body = self.rfile.read(length)
        told = self.headers.get(_SUM)
        if told is not None and told != _sum(body):
            self._answer(400, _error("BadDigest"))
            return
        store.objects[self._name()] = body
        store.types[self._name()] = self.headers.get("Content-Type", "")
        self._answer(200)

    def do_GET(self) -> None:
        """GetObject and HeadObject."""
        store = self.server.store
        if self._is_refused():
            return
        body = store.objects.get(self._name())
        if body is None:
            self._answer(404, _error("NoSuchKey"))
            return
        wants_sum = self.headers.get("x-amz-checksum-mode") == "ENABLED" and store.keeps_sums
        more = {_SUM: _sum(body)} if wants_sum else {}
        self._answer(200, body, {"Content-Type": store.types[self._name()], **more})

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        """DeleteObject, which also succeeds for what is not there."""
        if not self._is_refused():
            self.server.store.objects.pop(self._name(), None)
            self._answer(204)

    def _is_refused(self) -> bool:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", 0))
        self.server.store.asked.append((self.command, self._name(), length))
        fault = self.server.store.fault_of(self.command, self.path, headers)
        if fault is not None:
            # S3 may answer before it has read a body.
            self.close_connection = True
            self._answer(403, _error(fault))
        return fault is not None

    def _name(self) -> str:
        path = urlsplit(self.path).path
        return path.removeprefix(f"/{BUCKET}/")

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    store: FakeS3


@contextmanager
def serving_s3() -> Iterator[FakeS3]:
    """The bucket on a free port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.store = FakeS3(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _sum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
