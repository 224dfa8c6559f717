"""Plates and phones as people type them."""

from __future__ import annotations

import pytest

from schemas.phones import language_of, normalise_phone
from schemas.plates import normalise_plate
from schemas.problems import Refusal


@pytest.mark.parametrize(
    ("typed", "plate"),
    [("ab1234", "AB1234"), (" AB-12 34 ", "AB1234"), ("123.456", "123456"), ("x·9", "X9")],
)
def test_a_plate_is_upper_case_without_ornament(typed: str, plate: str) -> None:
    assert normalise_plate(typed) == plate


@pytest.mark.parametrize("typed", ["", " ", "A", "A" * 11, "AB/12", "ÑANDU1", "AB\x0012", "٣٤٥٦"])
def test_what_cannot_be_a_plate_anywhere_is_refused(typed: str) -> None:
    with pytest.raises(Refusal, match="bad_plate"):
        normalise_plate(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("61234567", "+50761234567"),
        ("6123-4567", "+50761234567"),
        (" (6123) 45.67 ", "+50761234567"),
        ("+507 6123 4567", "+50761234567"),
        ("00507 61234567", "+50761234567"),
        ("+1 305 555 0123", "+13055550123"),
        ("0034612345678", "+34612345678"),
    ],
)
def test_a_number_becomes_e164(typed: str, number: str) -> None:
    assert normalise_phone(typed) == number


@pytest.mark.parametrize("typed", ["2234567", "+507 223-4567", "9001234"])
def test_a_fixed_line_in_panama_gets_no_text_messages(typed: str) -> None:
    with pytest.raises(Refusal, match="landline_phone"):
        normalise_phone(typed)


@pytest.mark.parametrize(
    "typed",
    ["", "+", "abc", "512345678", "+0123456789", "+1234", "+" + "1" * 16, "6123456７", "6" * 9],
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(Refusal, match="bad_phone"):
        normalise_phone(typed)


@pytest.mark.parametrize(
    "phone", ["+50761234567", "+34612345678", "+18095550123", "+18495550123", "+5215512345678"]
)
def test_a_spanish_speaking_country_is_written_to_in_spanish(phone: str) -> None:
    assert language_of(phone) == "es"


@pytest.mark.parametrize("phone", ["+13055550123", "+5511912345678", "+50161234567", "+447700900"])
def test_every_other_country_is_written_to_in_english(phone: str) -> None:
    assert language_of(phone) == "en"
