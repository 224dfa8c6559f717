"""The guard that keeps tests on this machine."""

from __future__ import annotations

import socket

import pytest

from tests.network_guard import is_local


@pytest.mark.parametrize("host", [None, "", "localhost", b"localhost", "127.0.0.1", "127.8.8.8"])
def test_this_machine_is_local(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["::1", "::1%lo"])
def test_this_machine_is_local_in_ipv6(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "example.test", "2001:db8::1", "0.0.0.0"])
def test_another_machine_is_not_local(host: str) -> None:
    assert not is_local(host)


def test_connecting_to_another_machine_fails_the_test() -> None:
    with socket.socket() as client, pytest.raises(pytest.fail.Exception, match="192.0.2.1:80"):
        client.connect(("192.0.2.1", 80))


def test_a_datagram_to_another_machine_fails_the_test() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        pytest.raises(pytest.fail.Exception, match="192.0.2.1:53"),
    ):
        client.sendto(b"?", ("192.0.2.1", 53))


def test_looking_up_another_machine_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="example.test"):
        socket.getaddrinfo("example.test", 443)


def test_loopback_and_unix_sockets_are_let_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    left, right = socket.socketpair()
    left.close()
    right.close()
