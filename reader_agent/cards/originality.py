"""Whether a chip is the maker's own: the signature over its UID that the factory left in it.

READ_SIG `3C 00` of NTAG21x and Ultralight EV1 (32 bytes, secp128r1), Read_Sig `90 3C 00 00 01 00
00` of NTAG 424 DNA and DESFire (56 bytes, secp224r1, ends in 9190): r ‖ s over the UID as it is,
without a hash. NXP AN11350 and AN12196 section 7.2; the keys stand there, and in proxmark3,
tools/recover_pk.py, with signatures of real chips that they were found from.

It keeps cheap copies of blank chips out at enrolment. It never changes, so a device that can say
any UID can say its signature too: it is no proof at a tap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reader_agent.cards.conversation import REFUSED, Card, CardError, Talk
from reader_agent.cards.curve import SECP128R1, SECP224R1, Curve
from reader_agent.cards.ev2 import READ_SIGNATURE, native_apdu
from reader_agent.cards.status import NATIVE_OK, SIGNATURE_OK, checked

TYPE2_READ_SIGNATURE = bytes([READ_SIGNATURE, 0x00])


@dataclass(frozen=True, slots=True)
class MakerKey:
    """A public key that a maker signs a family of chips with: `point` is `04 ‖ x ‖ y`."""

    chips: str
    curve: Curve
    point: bytes


def _key(chips: str, curve: Curve, x: str, y: str) -> MakerKey:
    return MakerKey(chips, curve, bytes.fromhex("04" + x + y))


MAKER_KEYS: tuple[MakerKey, ...] = (
    _key(
        "NTAG21x",
        SECP128R1,
        "494E1A386D3D3CFE3DC10E5DE68A499B",
        "1C202DB5B132393E89ED19FE5BE8BC61",
    ),
    _key(
        "MIFARE Ultralight EV1",
        SECP128R1,
        "90933BDCD6E99B4E255E3DA55389A827",
        "564E11718E017292FAF23226A96614B8",
    ),
    _key(
        "NTAG 424 DNA",
        SECP224R1,
        "8A9B380AF2EE1B98DC417FECC263F8449C7625CECE82D9B916C992DA",
        "209D68422B81EC20B65A66B5102A61596AF3379200599316A00A1410",
    ),
    _key(
        "MIFARE DESFire EV2",
        SECP224R1,
        "B304DC4C615F5326FE9383DDEC9AA892DF3A57FA7FFB3276192BC0EA",
        "A252ED45A865E3B093A3D0DCE5BE29E92F1392CE7DE321E3E5C52B3A",
    ),
    _key(
        "MIFARE DESFire EV3",
        SECP224R1,
        "1DB46C145D0A36539C6544BD6D9B0AA62FF91EC48CBC6ABAE36E0089",
        "A46F0D08C8A715EA40A63313B92E90DDC1730230E0458A33276FB743",
    ),
    _key(
        "MIFARE DESFire Light",
        SECP224R1,
        "0E98E117AAA36457F43173DC920A8757267F44CE4EC5ADD3C5407557",
        "1AEBBF7B942A9774A1D94AD02572427E5AE0A2DD36591B1FB34FCF3D",
    ),
)


def check(card: Card, keys: Sequence[MakerKey] = MAKER_KEYS) -> Talk[bool | None]:
    """Whether the chip's signature over its UID is by one of `keys`; None if it has none.

    None is no verdict: many honest chips are unsigned (MIFARE Classic, DESFire EV1, first
    Ultralights), and so is a copy that leaves the signature out. Raises `CardError` `card_gone` and
    `card_answer_broken`.
    """
    try:
        if card.speaks_apdu:
            answer = yield native_apdu(READ_SIGNATURE, b"\x00")
            signature = checked(answer, "reading the signature", SIGNATURE_OK, NATIVE_OK)
        elif card.is_type2:
            signature = yield TYPE2_READ_SIGNATURE
        else:
            return None
    except CardError as error:
        if error.code == REFUSED:
            return None
        raise
    return any(_is_by(key, card.uid, signature) for key in keys)


def _is_by(key: MakerKey, uid: bytes, signature: bytes) -> bool:
    point = key.curve.point_of(key.point)
    if point is None:
        raise ValueError(f"the key of {key.chips} is no point of its curve")
    return key.curve.is_signed(point, int.from_bytes(uid), signature)
