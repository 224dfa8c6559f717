"""One value has one byte string, and what has none is refused."""

from __future__ import annotations

import pytest

from schemas.canonical import NotCanonical, canonical_json


def test_keys_are_sorted_and_nothing_is_padded() -> None:
    assert canonical_json({"b": [1, 2], "a": {"d": None, "c": True}}) == (
        b'{"a":{"c":true,"d":null},"b":[1,2]}'
    )


def test_the_order_in_which_a_value_was_built_does_not_show() -> None:
    assert canonical_json({"x": 1, "y": 2}) == canonical_json({"y": 2, "x": 1})


def test_text_is_utf8_and_not_escaped() -> None:
    assert canonical_json("Peña ñ 😀") == '"Peña ñ 😀"'.encode()


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), float("inf"), [0.5], {"a": {"b": [1, 2.5]}}, (1, (2.0,))]
)
def test_a_float_is_refused_however_deep_it_lies(value: object) -> None:
    with pytest.raises(NotCanonical, match="float"):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {None: 1}}, [{True: 1}]])
def test_a_key_that_is_not_text_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical, match="key"):
        canonical_json(value)


def test_half_of_a_surrogate_pair_has_no_bytes() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json("\ud800")
