"""Plates and phone numbers as somebody sees them who may know that there is one, not which."""

from __future__ import annotations

_HIDDEN = "•"
_PLATE_SHOWN = 2
_PHONE_SHOWN = 4


def masked_plate(plate: str) -> str:
    """The last two characters, `••••34`: enough to tell two cars at one booth apart."""
    shown = plate[-_PLATE_SHOWN:] if len(plate) > _PLATE_SHOWN + 1 else ""
    return _HIDDEN * (len(plate) - len(shown)) + shown


def masked_phone(phone: str) -> str:
    """The last four digits of a number in E.164, `••••4567`."""
    return _HIDDEN * 4 + phone[-_PHONE_SHOWN:]
