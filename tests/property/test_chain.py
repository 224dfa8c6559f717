"""Whatever is sealed comes back, and no changed byte does."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.canonical import canonical_json
from schemas.chain import ChainError, seal, unseal

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(TEXT.filter(lambda key: key != "hash"), VALUES, min_size=1, max_size=6)


@given(BODIES)
def test_what_is_sealed_comes_back(body: dict[str, Any]) -> None:
    line, digest = seal(body)
    assert unseal(line) == (body, digest)
    assert b"\n" not in line


@given(BODIES, st.data())
def test_the_order_of_the_keys_changes_nothing(body: dict[str, Any], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(body.items()))))
    assert canonical_json(shuffled) == canonical_json(body)


@given(BODIES, st.integers(0), st.integers(1, 255))
def test_no_byte_can_be_changed_unnoticed(body: dict[str, Any], where: int, change: int) -> None:
    line = bytearray(seal(body)[0])
    line[where % len(line)] ^= change
    try:
        unseal(bytes(line))
    except ChainError:
        return
    raise AssertionError("a changed line was taken for a whole one")


@given(BODIES, BODIES)
def test_two_bodies_have_two_hashes(one: dict[str, Any], other: dict[str, Any]) -> None:
    assume(canonical_json(one) != canonical_json(other))
    assert seal(one)[1] != seal(other)[1]


@given(BODIES, st.integers(1))
def test_a_line_that_was_cut_is_no_line(body: dict[str, Any], cut: int) -> None:
    line = seal(body)[0]
    short = line[: len(line) - 1 - cut % len(line)]
    try:
        unseal(short)
    except ChainError:
        return
    raise AssertionError("a cut line was taken for a whole one")
