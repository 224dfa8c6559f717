"""What a station asks the cloud about photos (protocol: `schemas.photo`)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from marshmallow import ValidationError
from urllib3.connection import HTTPConnection

from reader_agent import cloud
from reader_agent.cloud import CloudLost
from reader_agent.cloud_client import CONNECT_TIMEOUT_S
from reader_agent.config import LOOPBACK, Config
from reader_agent.photo_store import KeptPhoto
from schemas.photo import PHOTOS_PATH, PhotoAnswerSchema, PhotoRef, stored_path

_ANSWER = PhotoAnswerSchema()
# What the system has taken cannot be held back for an event: it takes little at a time.
_SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024),
]
_LOCAL = (LOOPBACK, "localhost", "::1")
# Any of these may be over when the cloud is asked for another place to put the photo.
_LATER = frozenset({403, 408, 425, 429})


class Asker(Protocol):
    """Who signs and posts."""

    def ask(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Post a small JSON body; the body of a good answer. Raises `CloudLost`."""


class PhotoCloud:
    """Every call raises `CloudLost`."""

    def __init__(self, config: Config, asker: Asker) -> None:
        self._asker = asker
        self._cloud_url = config.cloud_url.rstrip("/")
        self._timeout_s = config.limits.request_timeout_s

    def ask(
        self, photo: KeptPhoto, ref: PhotoRef, found_sha256: str | None = None
    ) -> Mapping[str, Any]:
        """What the cloud has of a photo, and where to put it (`PhotoAnswerSchema`).

        `found_sha256`: what the file hashes to by now, if that is something else.
        """
        said = {"visit_id": photo.owner, **ref.to_wire()}
        if found_sha256 is not None:
            said["found_sha256"] = found_sha256
        return self._answer(PHOTOS_PATH, said)

    def stored(self, photo: KeptPhoto) -> Mapping[str, Any]:
        """Say that the photo has been put; what the cloud found there."""
        return self._answer(stored_path(photo.sha256), {"visit_id": photo.owner})

    def put(self, place: Mapping[str, Any], body: Iterable[bytes], size_bytes: int) -> None:
        """Put `size_bytes` of a photo where the cloud said. Not signed: the address is."""
        url = place["url"]
        if url.startswith("/"):
            url = self._cloud_url + url
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise CloudLost(cloud.BAD_ANSWER, problem="put_address")
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        headers = {**place["headers"], "Content-Length": str(size_bytes)}
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=self._timeout_s)
        with urllib3.connection_from_url(
            url, maxsize=1, retries=False, socket_options=_SOCKET_OPTIONS
        ) as pool:
            try:
                response = pool.urlopen(
                    "PUT",
                    target,
                    body,
                    headers,
                    timeout=timeout,
                    redirect=False,
                    preload_content=False,
                )
                response.close()
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise CloudLost(cloud.UNREACHABLE, problem=type(error).__name__) from error
        _check(response.status)

    def _answer(self, path: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
        content = self._asker.ask(path, said)
        try:
            answer: Mapping[str, Any] = _ANSWER.load(json.loads(content))
        except (ValidationError, ValueError) as error:
            raise CloudLost(cloud.BAD_ANSWER, problem="photo") from error
        return answer


def _check(status: int) -> None:
    """Raises `CloudLost` for what is not a good answer to a put."""
    if 200 <= status < 300:
        return
    code = cloud.BUSY if status in _LATER or status >= 500 else cloud.BAD_REQUEST
    raise CloudLost(code, problem=f"put_{status}")
