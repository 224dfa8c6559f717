"""Merkle trees: the published roots, and the tricks that they must not fall for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from server import verify_record
from server.merkle import (
    TILE,
    Tree,
    leaf_hash,
    node_hash,
    path_of,
    root_by_path,
    root_of,
    split,
)

# The test vectors of Certificate Transparency's reference implementation (merkle_tree_test).
CONTENTS = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [leaf_hash(bytes.fromhex(content)) for content in CONTENTS]


@pytest.mark.parametrize("count", range(1, 9))
def test_the_published_roots_come_out(count: int) -> None:
    assert root_of(LEAVES[:count]).hex() == ROOTS[count - 1]


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert root_of([]) == Tree().root() == hashlib.sha256(b"").digest()


def test_doubling_the_last_leaf_gives_another_root() -> None:
    for count in range(1, 9):
        doubled = [*LEAVES[:count], LEAVES[count - 1]]
        assert root_of(doubled) != root_of(LEAVES[:count])


def test_a_node_does_not_pass_for_a_leaf() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"\x01" + left + right) != node_hash(left, right)


def test_a_published_proof_leads_to_the_root() -> None:
    path = path_of(LEAVES, 5)
    assert [each.hex()[:8] for each in path] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert root_by_path(LEAVES[5], 5, 8, path) == bytes.fromhex(ROOTS[7])


@pytest.mark.parametrize(("index", "count"), [(-1, 8), (8, 8), (0, 0), (5, 5), (5, 300), (0, 1)])
def test_a_proof_of_a_place_that_is_not_there_leads_nowhere(index: int, count: int) -> None:
    path = path_of(LEAVES, 5)
    assert root_by_path(LEAVES[5], index, count, path) != bytes.fromhex(ROOTS[7])


@pytest.mark.parametrize("follow", [root_by_path, verify_record.root_by_path])
def test_the_last_leaf_of_an_odd_number_has_one_place_only(
    follow: Callable[[bytes, int, int, list[bytes]], bytes | None],
) -> None:
    path = path_of(LEAVES[:3], 2)
    assert follow(LEAVES[2], 2, 3, path) == bytes.fromhex(ROOTS[2])
    # Hashed in the same order, but the way would not end at the root.
    assert follow(LEAVES[2], 1, 3, path) is None
    assert follow(LEAVES[2], 3, 3, path) is None


def test_there_is_no_path_from_outside() -> None:
    for index in (-1, 8):
        with pytest.raises(IndexError):
            path_of(LEAVES, index)


def test_a_tree_keeps_one_hash_for_each_tile() -> None:
    tree = Tree()
    for number in range(2 * TILE + 1):
        tree.add(leaf_hash(str(number).encode()))
    tiles = split(tree.tiles())
    assert (tree.count, len(tiles)) == (2 * TILE + 1, 3)
    assert tiles[2] == leaf_hash(str(2 * TILE).encode())
