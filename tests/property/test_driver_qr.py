"""Whatever a scanner reads: the driver's QR is known as such, and nothing else is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.driver_qr import decode, encode

CODES = st.from_regex(r"[A-Z]-[0-9]{4}", fullmatch=True, alphabet=st.characters(codec="ascii"))
DIGITS = st.from_regex(r"[0-9]{4}", fullmatch=True, alphabet=st.characters(codec="ascii"))


@given(CODES, DIGITS)
def test_what_is_encoded_is_decoded(code: str, digits: str) -> None:
    assert decode(encode(code, digits)) == (code, digits)


@given(st.text())
def test_any_text_is_either_nothing_or_just_what_was_encoded(text: str) -> None:
    found = decode(text)
    assert found is None or encode(*found) == text.strip(" \t\r\n")
