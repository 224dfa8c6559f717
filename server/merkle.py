"""Merkle trees as RFC 6962 and RFC 9162 (section 2.1) define them, over SHA-256.

Leaves and nodes are hashed with another first byte each, so that no node can pass for a leaf,
and the last of an odd number goes up as it is: nothing is doubled, so two lists of leaves never
have one root (CVE-2012-2459 came of doubling).

A tree is kept as the roots of its tiles, whole subtrees of `TILE` leaves: a proof then needs the
leaves of one tile and these few roots, not the whole day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32
# A power of two: only then are the tiles subtrees of the whole tree.
TILE = 256
_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf with this content."""
    return hashlib.sha256(_LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two others."""
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of leaves, or of tiles; over none it is SHA-256 of nothing."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path_of(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """What has to be hashed with the hash at `index`, from below, to come to the root."""
    if not 0 <= index < len(hashes):
        raise IndexError(index)
    path = []
    level = list(hashes)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level, index = _above(level), index >> 1
    return path


def root_by_path(hashed: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a proof leads to; None if it cannot be one of that place in such a tree
    (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < count:
        return None
    place, last = index, count - 1
    for other in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            hashed = node_hash(other, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = node_hash(hashed, other)
        place, last = place >> 1, last >> 1
    return hashed if last == 0 else None


class Tree:
    """A tree that grows leaf by leaf and holds no more than one tile of them."""

    def __init__(self) -> None:
        self.count = 0
        self._tiles: list[bytes] = []
        self._leaves: list[bytes] = []

    def add(self, hashed: bytes) -> None:
        """Append the hash of the next leaf."""
        self.count += 1
        self._leaves.append(hashed)
        if len(self._leaves) == TILE:
            self._tiles.append(root_of(self._leaves))
            self._leaves.clear()

    def tiles(self) -> bytes:
        """The roots of all tiles in a row, the last one of however many leaves it has."""
        last = [root_of(self._leaves)] if self._leaves else []
        return b"".join([*self._tiles, *last])

    def root(self) -> bytes:
        """The root of the whole."""
        return root_of(split(self.tiles()))


def split(tiles: bytes) -> list[bytes]:
    """The single hashes out of a row of them."""
    return [tiles[start : start + HASH_BYTES] for start in range(0, len(tiles), HASH_BYTES)]


def _above(level: list[bytes]) -> list[bytes]:
    above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*above, level[-1]] if len(level) & 1 else above
