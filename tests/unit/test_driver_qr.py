"""The text in the driver's QR, and the picture of it."""

from __future__ import annotations

import re

import pytest

from schemas.driver_qr import decode, encode
from server.driver.qr import qr_svg

TEXT = "CV1:H-0427:0815"


def test_code_and_digits_come_out_as_they_went_in() -> None:
    assert encode("H-0427", "0815") == TEXT
    assert decode(TEXT) == ("H-0427", "0815")
    assert decode(f" {TEXT}\r\n") == ("H-0427", "0815")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CV1",
        "CV1:H-0427",
        "CV1:H-0427:815",
        "CV1:H-0427:08155",
        "CV2:H-0427:0815",
        "cv1:h-0427:0815",
        "CV1:HH-0427:0815",
        "CV1:H-0427:0815:1",
        "CV1:H-0427:٠٨١٥",
        "https://valet.test/t/abc",
    ],
)
def test_any_other_text_is_no_drivers_qr(text: str) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(("code", "digits"), [("H-427", "0815"), ("H-0427", "815"), ("", "")])
def test_what_is_no_ticket_is_not_encoded(code: str, digits: str) -> None:
    with pytest.raises(ValueError, match="H-0427"):
        encode(code, digits)


def test_the_picture_is_the_smallest_qr_code_and_needs_nothing_from_elsewhere() -> None:
    svg = qr_svg(TEXT)

    # 21 modules and a quiet zone of four on each side.
    assert 'viewBox="0 0 29 29"' in svg
    assert len(svg) < 3000
    assert not re.search(r"style=|class=|href|<script|url\(", svg)
