"""Which numbers can get a text message, by the numbering plans of all countries.

A booth checks what is typed without this (`schemas.phones`): the plans take more room than the
agent. What it lets through is looked at here before it costs a message.
"""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

BAD_NUMBER = "bad_number"
NO_SMS = "no_sms"

# Where a plan does not tell mobiles from fixed lines, or a range is of both, the carrier decides.
_MAY_GET_SMS = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.UNKNOWN,
    }
)


def fault_of(phone: str) -> str | None:
    """Why a number (E.164) cannot get a text message: `bad_number` for one that no plan has,
    `no_sms` for a fixed line and its like; None where it can."""
    try:
        number = phonenumbers.parse(phone)
    except NumberParseException:
        return BAD_NUMBER
    if not phonenumbers.is_possible_number(number):
        return BAD_NUMBER
    return None if phonenumbers.number_type(number) in _MAY_GET_SMS else NO_SMS
