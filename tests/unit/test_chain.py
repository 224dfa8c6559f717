"""A sealed line proves itself; anything else is no line."""

from __future__ import annotations

import hashlib
import json

import pytest

from schemas.chain import ChainError, genesis, seal, unseal

BODY = {"seq": 1, "prev": genesis("j"), "data": {"plate": "ñ"}}


def code_of(line: bytes) -> str:
    """Why this is not a sealed line."""
    with pytest.raises(ChainError) as caught:
        unseal(line)
    return caught.value.code


def test_a_line_is_the_body_with_its_own_hash_as_the_last_member() -> None:
    line, digest = seal(BODY)
    assert json.loads(line) == {**BODY, "hash": digest}
    assert line.endswith(f',"hash":"{digest}"}}'.encode())


def test_the_hash_covers_exactly_the_bytes_before_it() -> None:
    line, digest = seal(BODY)
    covered = line[: line.rindex(b',"hash"')] + b"}"
    assert hashlib.sha256(covered).hexdigest() == digest


def test_unsealing_gives_back_what_was_sealed() -> None:
    line, digest = seal(BODY)
    assert unseal(line) == (BODY, digest)


def test_bytes_that_another_writer_ordered_otherwise_still_hold() -> None:
    raw = b'{"seq":1,  "a":2}'
    digest = hashlib.sha256(raw).hexdigest()
    line = raw[:-1] + b',"hash":"' + digest.encode() + b'"}'
    assert unseal(line) == ({"seq": 1, "a": 2}, digest)


def test_every_journal_begins_differently_and_always_alike() -> None:
    assert genesis("a") == genesis("a") != genesis("b")
    assert len(genesis("a")) == 64


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"hash":""}',
        b"not json at all",
        b',"hash":"' + b"0" * 64 + b'"}',
        seal(BODY)[0][:-1],
        seal(BODY)[0] + b" ",
        seal(BODY)[0] + b"\r",
    ],
)
def test_what_does_not_end_in_a_hash_is_not_sealed(line: bytes) -> None:
    assert code_of(line) == "not_sealed"


def test_a_changed_body_a_changed_hash_and_an_upper_case_hash_are_bad() -> None:
    line, digest = seal(BODY)
    assert code_of(line.replace(b'"seq":1', b'"seq":2')) == "bad_hash"
    assert code_of(line.replace(digest.encode(), b"0" * 64)) == "bad_hash"
    assert code_of(line.replace(digest.encode(), digest.upper().encode())) == "bad_hash"


@pytest.mark.parametrize(
    "raw", [b"[1,2}", b'"text}', b'{"a":\xff}', b'{"a":' + b"[" * 20_000 + b"}"]
)
def test_a_true_hash_over_no_object_is_not_json(raw: bytes) -> None:
    digest = hashlib.sha256(raw).hexdigest()
    assert code_of(raw[:-1] + b',"hash":"' + digest.encode() + b'"}') == "not_json"
