"""Keeps the tests off the network: only loopback and Unix sockets are let through."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def loopback_only() -> Iterator[None]:
    """Fail the test that looks up or connects to another machine, for the length of the block."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        yield


def is_local(host: object) -> bool:
    """Tell whether a host as given to the socket functions is this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guarded(call: Any) -> Any:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        address = arguments[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            _refuse(f"{address[0]}:{address[1]}")
        return call(self, *arguments)

    return guarded


def _guarded_lookup(call: Any) -> Any:
    def guarded(host: object, *arguments: Any, **options: Any) -> Any:
        if not is_local(host):
            _refuse(str(host))
        return call(host, *arguments, **options)

    return guarded


def _refuse(where: str) -> None:
    # Not an OSError: code that retries a lost network would hide it.
    pytest.fail(f"a test tried to reach {where}; tests stay on this machine")
