"""Numbers that can get a text message: a booth lets through what the plans of all countries do."""

from __future__ import annotations

import phonenumbers
import pytest

from schemas.phones import language_of, normalise_phone
from schemas.problems import Refusal
from server.sms.numbers import BAD_NUMBER, NO_SMS, fault_of


@pytest.mark.parametrize(
    ("phone", "fault"),
    [
        ("+50761234567", None),
        ("+13055551234", None),
        ("+34612345678", None),
        ("+5072123456", NO_SMS),
        ("+5078001234", NO_SMS),
        ("+442071234567", NO_SMS),
        ("+5076123", BAD_NUMBER),
        ("+999123456789", BAD_NUMBER),
        ("not a number", BAD_NUMBER),
    ],
)
def test_a_number_that_gets_no_message_says_why(phone: str, fault: str | None) -> None:
    assert fault_of(phone) == fault


def test_what_a_booth_takes_for_a_mobile_of_panama_is_one() -> None:
    for number in range(60_000_000, 70_000_000, 99_991):
        phone = normalise_phone(f"{str(number)[:4]}-{str(number)[4:]}")
        assert fault_of(phone) is None, phone


def test_a_landline_of_panama_is_caught_at_the_booth_and_by_the_plan() -> None:
    for number in range(2_000_000, 10_000_000, 99_991):
        with pytest.raises(Refusal):
            normalise_phone(str(number))
        if phonenumbers.is_valid_number(phonenumbers.parse(f"+507{number}")):
            mobile = phonenumbers.PhoneNumberType.MOBILE
            kind = phonenumbers.number_type(phonenumbers.parse(f"+507{number}"))
            # A few short ranges are mobiles in the plan: the booth asks for eight digits there.
            assert kind == mobile or fault_of(f"+507{number}") == NO_SMS, number


SPEAK_SPANISH = frozenset(
    [
        "AR",
        "BO",
        "CL",
        "CO",
        "CR",
        "CU",
        "DO",
        "EC",
        "ES",
        "GT",
        "HN",
        "MX",
        "NI",
        "PA",
        "PE",
        "PY",
        "SV",
        "UY",
        "VE",
    ]
)


def test_the_language_goes_by_the_country_of_the_number() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(
            region, phonenumbers.PhoneNumberType.MOBILE
        ) or phonenumbers.example_number(region)
        assert example is not None
        phone = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        expected = "es" if region in SPEAK_SPANISH else "en"
        if phonenumbers.region_code_for_number(phonenumbers.parse(phone)) == region:
            assert language_of(phone) == expected, region
