"""A signature holds for one request of one station, and for nothing else."""

from __future__ import annotations

import pytest

from schemas.signing import (
    NONCE_HEADER,
    SIGNATURE_HEADER,
    STATION_HEADER,
    TIME_HEADER,
    is_signed,
    new_private_key,
    public_key_of,
    sign,
)

# RFC 8032, section 7.1, test 1.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
BODY = b'{"v":1}\n'


def signed(body: bytes = BODY) -> dict[str, str]:
    """The headers of one signed request."""
    return sign(SECRET, "herrera-1", "POST", "/v1/sync", body, 1_900_000_000)


def test_the_public_key_is_the_one_of_the_rfc() -> None:
    assert public_key_of(SECRET) == PUBLIC
    assert len(new_private_key()) == 32


def test_a_signed_request_is_signed() -> None:
    assert is_signed(PUBLIC, signed(), "POST", "/v1/sync", BODY)


def test_it_holds_for_no_other_method_path_body_or_key() -> None:
    headers = signed()
    assert not is_signed(PUBLIC, headers, "PUT", "/v1/sync", BODY)
    assert not is_signed(PUBLIC, headers, "POST", "/v1/other", BODY)
    assert not is_signed(PUBLIC, headers, "POST", "/v1/sync", BODY + b" ")
    assert not is_signed(public_key_of(new_private_key()), headers, "POST", "/v1/sync", BODY)


@pytest.mark.parametrize("name", [STATION_HEADER, TIME_HEADER, NONCE_HEADER])
def test_no_header_may_be_another_or_missing(name: str) -> None:
    assert not is_signed(PUBLIC, {**signed(), name: "7"}, "POST", "/v1/sync", BODY)
    less = {key: value for key, value in signed().items() if key != name}
    assert not is_signed(PUBLIC, less, "POST", "/v1/sync", BODY)


@pytest.mark.parametrize("value", ["", "00", "zz" * 64, "0" * 128, "ñ" * 64])
def test_rubbish_is_no_signature(value: str) -> None:
    headers = {**signed(), SIGNATURE_HEADER: value}
    assert not is_signed(PUBLIC, headers, "POST", "/v1/sync", BODY)


def test_the_same_request_twice_has_two_nonces() -> None:
    assert signed()[NONCE_HEADER] != signed()[NONCE_HEADER]
