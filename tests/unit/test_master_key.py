"""The master key: made once, kept closed, and every secret out of it."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from server.master_key import KeyFileError, MasterKey, load_master_key

KEY = MasterKey(b"\x01" * 32)


def test_the_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    first = load_master_key(path)
    assert load_master_key(path) == first
    assert len(first.secret) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["master.key"]


def test_two_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    barrier = threading.Barrier(4)
    keys = []

    def start() -> None:
        barrier.wait()
        keys.append(load_master_key(path))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 4
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    "content", [b"", b"00", b"zz" * 32, b"0" * 65, b"00 " * 32, b"\xff" * 64, b"0" * 63 + b"\x00"]
)
def test_a_file_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="backup"):
        load_master_key(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_key_and_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        load_master_key(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(KeyFileError):
        load_master_key(tmp_path / "file" / "master.key")


def test_each_purpose_and_each_thing_has_its_own_key() -> None:
    derived = {KEY.derive("a"), KEY.derive("b"), KEY.derive("a", "x"), KEY.derive("a", "x", "y")}
    assert len(derived) == 4
    assert all(len(key) == 32 for key in derived)
    assert KEY.derive("a", "x") == KEY.derive("a", "x")


def test_what_is_sealed_opens_only_under_its_key_purpose_and_name() -> None:
    sealed = KEY.seal("guest", "ref", b"plain")
    assert KEY.unseal("guest", "ref", sealed) == b"plain"
    assert b"plain" not in sealed
    assert sealed != KEY.seal("guest", "ref", b"plain")
    for key, purpose, ref, record in (
        (MasterKey(b"\x02" * 32), "guest", "ref", sealed),
        (KEY, "other", "ref", sealed),
        (KEY, "guest", "other", sealed),
        (KEY, "guest", "ref", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(KeyFileError, match="master key"):
            key.unseal(purpose, ref, record)
