"""Telephone numbers as they are typed at a booth, checked without a network.

Panama's numbering: country code 507; mobiles are 6 and seven digits, fixed lines have
seven digits (numbering metadata of the `phonenumbers` project, 9.0).
"""

from __future__ import annotations

import re

from schemas.problems import Refusal

PANAMA = "+507"
# Country codes of Spanish-speaking countries; the Dominican Republic shares +1.
_SPANISH_SPEAKING = tuple(
    f"+{code}"
    for code in (
        *(34, 51, 52, 53, 54, 56, 57, 58, *range(502, 508), 591, 593, 595, 598),
        *(1809, 1829, 1849),
    )
)


def normalise_phone(text: str) -> str:
    """The number in E.164, `+` and 7 to 15 digits; a bare number is taken as Panamanian.

    Raises `Refusal`: `landline_phone` for a Panamanian number that cannot get a text
    message, `bad_phone` for anything that is not a number.
    """
    number = re.sub(r"[\s().\-]", "", text)
    if number.startswith("00"):
        number = "+" + number[2:]
    if not number.startswith("+"):
        number = PANAMA + number
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise Refusal("bad_phone")
    if number.startswith(PANAMA):
        _check_panamanian(number.removeprefix(PANAMA))
    return number


def language_of(phone: str) -> str:
    """`es` or `en` by the country of an E.164 number."""
    return "es" if phone.startswith(_SPANISH_SPEAKING) else "en"


def _check_panamanian(national: str) -> None:
    if re.fullmatch(r"6[0-9]{7}", national):
        return
    raise Refusal("landline_phone" if re.fullmatch(r"[2-9][0-9]{6}", national) else "bad_phone")
