"""Originality signatures that were published with their UIDs.

Only NXP can sign a UID, so an emulated tag passes for original only with one of these. NTAG21x:
READ_SIG, secp128r1; NTAG 424 DNA: Read_Sig, secp224r1. Sources: AN11350 and AN12196 (table 30) as
public test suites quote them, and proxmark3 (tools/recover_pk.py): signatures of real chips.
"""

from __future__ import annotations

_NTAG21X = {
    "04AB87F2CA1190": "67B1750BCCEB1174F9A33BF20E0226551A6366939B31F949848C3C087350FA90",
    "04E10CDA993C80": "8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3",
    "04DB0BDA993C80": "6048EFD9417CD10F6B7F1818D471A7FE5B46868D2EABDC6307A1E0AAE139D8D0",
}
_NTAG424 = {
    "04518DFAA96180": "D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD"
    "744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21",
    "0463474AA26A80": "27E9A50E6CA4BA9037C02F7D20A80D0284D0C1D83C67F5A5AC1D8A4E"
    "F86C9508417E4E9C6F85AA7920F0ABDED984CAF20467D66EA54BBF08",
    "04C46C222A6380": "344A806EBF704C05C19215D2F840529CE365AAD2D08A469A95896D75"
    "D477D9FAB02A0C827E9F215BD8EB0E56A3A9A008FB75D706AABBD4DA",
}
NTAG21X_BYTES, NTAG424_BYTES = 32, 56


def ntag21x_signature(uid: bytes) -> bytes:
    """The published signature of this UID; zeros for any other."""
    return bytes.fromhex(_NTAG21X.get(uid.hex().upper(), "00" * NTAG21X_BYTES))


def ntag424_signature(uid: bytes) -> bytes:
    """The published signature of this UID; zeros for any other."""
    return bytes.fromhex(_NTAG424.get(uid.hex().upper(), "00" * NTAG424_BYTES))
