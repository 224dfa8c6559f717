"""Releases from a folder on the web: `newest.txt` names a version, and beside it lies its archive.

Nothing there is believed. Who answers can only keep a release back: what comes is signed, has to be
newer, and is not read past what a release may have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from reader_agent.config import LOOPBACK
from reader_agent.releases.manifest import RELEASE_BYTES_MAX, ReleaseError, order_of

NEWEST = "newest.txt"
_NAME_BYTES_MAX = 64
_CHUNK = 1024 * 1024
_TIMEOUT = urllib3.Timeout(connect=10, read=60)


def archive_name(version: str) -> str:
    """What a version's archive is called there."""
    return f"valet-agent-{version}.tar.gz"


class WebFolder:
    """A folder at an address that begins with https://. Raises `ReleaseError("bad_address")`."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        is_here = parts.hostname == LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            raise ReleaseError("bad_address", f"{address}: write an address that begins https://")
        self._address = address.rstrip("/")

    def newest(self) -> str:
        """The newest version there. Raises `ReleaseError`."""
        text = b"".join(self._read(NEWEST, _NAME_BYTES_MAX)).decode("ascii", "replace").strip()
        order_of(text)
        return text

    def fetch(self, version: str, place: Path) -> None:
        """Put a version's archive into a file. Raises `ReleaseError` and `OSError`."""
        with place.open("wb") as file:
            for chunk in self._read(archive_name(version), RELEASE_BYTES_MAX):
                file.write(chunk)

    def _read(self, name: str, bytes_max: int) -> Iterator[bytes]:
        retries = urllib3.Retry(2, redirect=0)
        try:
            with urllib3.PoolManager(retries=retries, timeout=_TIMEOUT) as pool:
                answer = pool.request("GET", f"{self._address}/{name}", preload_content=False)
                # What was not read to its end leaves a connection that nobody can use again.
                with contextlib.closing(answer):
                    yield from _parts(answer, name, bytes_max)
        except HTTPError as error:
            raise ReleaseError("out_of_reach", f"{name}: {type(error).__name__}") from error


def _parts(answer: BaseHTTPResponse, name: str, bytes_max: int) -> Iterator[bytes]:
    if answer.status != 200:
        raise ReleaseError("out_of_reach", f"{name}: answered {answer.status}")
    size = 0
    for chunk in answer.stream(_CHUNK, decode_content=False):
        size += len(chunk)
        if size > bytes_max:
            raise ReleaseError("not_a_release", f"{name} is too big")
        yield chunk
