"""Merkle trees of any size, against the definition in RFC 6962 as it is written there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server import verify_record
from server.merkle import TILE, Tree, leaf_hash, node_hash, path_of, root_by_path, root_of, split

COUNTS = st.integers(1, 70) | st.integers(TILE - 2, TILE + 2) | st.integers(700, 1100)


def leaves(count: int) -> list[bytes]:
    """So many different leaves."""
    return [leaf_hash(str(number).encode()) for number in range(count)]


def defined(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1: split at the largest power of two below the count."""
    if len(hashes) == 1:
        return hashes[0]
    at = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(defined(hashes[:at]), defined(hashes[at:]))


def defined_path(hashes: list[bytes], index: int) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(hashes) == 1:
        return []
    at = 1 << (len(hashes) - 1).bit_length() - 1
    if index < at:
        return [*defined_path(hashes[:at], index), defined(hashes[at:])]
    return [*defined_path(hashes[at:], index - at), defined(hashes[:at])]


@given(COUNTS)
def test_the_root_is_the_one_that_is_defined(count: int) -> None:
    hashes = leaves(count)
    tree = Tree()
    for each in hashes:
        tree.add(each)
    assert defined(hashes) == root_of(hashes) == tree.root() == root_of(split(tree.tiles()))


@given(COUNTS, st.data())
def test_the_path_of_any_leaf_is_the_one_that_is_defined(count: int, data: st.DataObject) -> None:
    hashes = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    path = path_of(hashes, index)
    assert path == defined_path(hashes, index)
    assert root_by_path(hashes[index], index, count, path) == root_of(hashes)
    assert verify_record.root_by_path(hashes[index], index, count, path) == root_of(hashes)


@given(COUNTS, st.data())
def test_a_path_through_the_tiles_is_the_same(count: int, data: st.DataObject) -> None:
    hashes = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    tiles = [root_of(hashes[start : start + TILE]) for start in range(0, count, TILE)]
    tile, at = divmod(index, TILE)
    within = path_of(hashes[tile * TILE : (tile + 1) * TILE], at)
    assert [*within, *path_of(tiles, tile)] == path_of(hashes, index)


@given(COUNTS, st.data())
def test_a_changed_proof_never_leads_to_the_root(count: int, data: st.DataObject) -> None:
    hashes = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    path, root = path_of(hashes, index), root_of(hashes)
    spoiled: list[tuple[bytes, int, int, list[bytes]]] = [
        (leaf_hash(b"another"), index, count, path),
        (hashes[index], index, count, [*path, hashes[0]]),
    ]
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        spoiled.append((hashes[index], index, count, path[:at] + path[at + 1 :]))
        changed = [*path[:at], hashes[index], *path[at + 1 :]]
        spoiled.append((hashes[index], index, count, changed))
        other = data.draw(st.integers(0, count - 1).filter(lambda other: other != index))
        spoiled.append((hashes[index], other, count, path))
    for case in spoiled:
        assert root_by_path(*case) != root
        assert verify_record.root_by_path(*case) != root
