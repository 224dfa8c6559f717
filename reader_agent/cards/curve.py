"""Checking ECDSA signatures on the two small curves that NXP signs its chips with.

Plain arithmetic, because secp128r1 is in no library that we have, and because nothing here is
secret: signature, UID and key are public, so it does not matter that the time taken varies. It
must never be used to sign. Curves: SEC 2 version 1 (secp128r1) and version 2 (secp224r1);
the check: SEC 1 section 4.1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Point: TypeAlias = tuple[int, int] | None
"""Affine coordinates; None is the point at infinity."""


@dataclass(frozen=True, slots=True)
class Curve:
    """y² = x³ - 3x + b over the integers modulo `p`; `base` generates `order` points."""

    p: int
    b: int
    base: tuple[int, int]
    order: int

    @property
    def size(self) -> int:
        """Bytes of a coordinate, and of each half of a signature."""
        return (self.p.bit_length() + 7) // 8

    def has(self, point: tuple[int, int]) -> bool:
        """Whether a point lies on the curve."""
        x, y = point
        return (
            0 <= x < self.p
            and 0 <= y < self.p
            and (y * y - x * x * x + 3 * x - self.b) % self.p == 0
        )

    def add(self, one: Point, other: Point) -> Point:
        """The sum of two points."""
        if one is None or other is None:
            return other if one is None else one
        (x1, y1), (x2, y2) = one, other
        if x1 == x2 and (y1 + y2) % self.p == 0:
            return None
        if one == other:
            slope = 3 * (x1 * x1 - 1) * pow(2 * y1, -1, self.p)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.p)
        x3 = (slope * slope - x1 - x2) % self.p
        return x3, (slope * (x1 - x3) - y1) % self.p

    def times(self, factor: int, point: Point) -> Point:
        """`factor` times a point."""
        total: Point = None
        while factor:
            if factor & 1:
                total = self.add(total, point)
            point = self.add(point, point)
            factor >>= 1
        return total

    def point_of(self, encoded: bytes) -> tuple[int, int] | None:
        """The point that `04 ‖ x ‖ y` is; None if it is none of this curve."""
        if len(encoded) != 1 + 2 * self.size or encoded[0] != 0x04:
            return None
        x, y = int.from_bytes(encoded[1 : 1 + self.size]), int.from_bytes(encoded[1 + self.size :])
        return (x, y) if self.has((x, y)) else None

    def is_signed(self, key: tuple[int, int], message: int, signature: bytes) -> bool:
        """Whether `signature` (r ‖ s) over `message`, taken as the number it is, is by the owner
        of `key`."""
        r, s = int.from_bytes(signature[: self.size]), int.from_bytes(signature[self.size :])
        if len(signature) != 2 * self.size or not (0 < r < self.order and 0 < s < self.order):
            return False
        inverse = pow(s, -1, self.order)
        one = self.times(message * inverse % self.order, self.base)
        point = self.add(one, self.times(r * inverse % self.order, key))
        return point is not None and point[0] % self.order == r


SECP128R1 = Curve(
    p=0xFFFFFFFDFFFFFFFFFFFFFFFFFFFFFFFF,
    b=0xE87579C11079F43DD824993C2CEE5ED3,
    base=(0x161FF7528B899B2D0C28607CA52C5B86, 0xCF5AC8395BAFEB13C02DA292DDED7A83),
    order=0xFFFFFFFE0000000075A30D1B9038A115,
)
SECP224R1 = Curve(
    p=2**224 - 2**96 + 1,
    b=0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4,
    base=(
        0xB70E0CBD6BB4BF7F321390B94A03C1D356C21122343280D6115C1D21,
        0xBD376388B5F723FB4C22DFE6CD4375A05A07476444D5819985007E34,
    ),
    order=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
)
