"""What a release is: everything in it is as somebody with our key has signed it."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from reader_agent.releases.archive import check, look, look_through, sources_in
from reader_agent.releases.manifest import ReleaseError, order_of, read_manifest
from reader_agent.releases.release_key import load_key, load_public_key, make_key
from tests.release_kit import (
    PUBLIC_KEY,
    lib_of,
    release_of,
    settled_station,
    start,
    take,
)


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station that runs 2026.1."""
    return settled_station(tmp_path)


def repacked(archive: Path, change: str) -> Path:
    """The archive with something done to it on the way."""
    with tarfile.open(archive) as tar:
        members = []
        for each in tar:
            opened = tar.extractfile(each)
            assert opened is not None
            members.append((each.name, opened.read()))
    if change == "a file is changed":
        members[-1] = (members[-1][0], b"import os\n")
    elif change == "a file is longer":
        members[-1] = (members[-1][0], members[-1][1] + b"#")
    elif change == "a file is missing":
        members.pop()
    elif change == "a file is added":
        members.append(("lib/booth_ui/more.py", b""))
    elif change == "a file comes twice":
        members.append(members[-1])
    elif change == "the manifest is changed":
        members[0] = (members[0][0], members[0][1].replace(b"2026.2", b"2026.3"))
    elif change == "the signature is missing":
        del members[1]
    else:
        assert change == "the manifest is not first"
        members.append(members.pop(0))
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("a file is changed", "damaged"),
        ("a file is longer", "damaged"),
        ("a file is missing", "damaged"),
        ("a file is added", "damaged"),
        ("a file comes twice", "damaged"),
        ("the manifest is changed", "not_signed"),
        ("the signature is missing", "not_a_release"),
        ("the manifest is not first", "not_a_release"),
    ],
)
def test_whatever_is_not_as_signed_is_refused(
    station: Path, tmp_path: Path, change: str, code: str
) -> None:
    archive = repacked(release_of(tmp_path, "2026.2"), change)

    with pytest.raises(ReleaseError) as refused:
        look_through(archive, PUBLIC_KEY)
    assert refused.value.code == code
    assert take(station, archive) == code
    assert start(station) == "2026.1"
    assert take(station, release_of(tmp_path, "2026.4")) == "taken"


@pytest.mark.parametrize(
    "content", [b"", b"no archive", gzip.compress(b"x" * 2000)], ids=["empty", "text", "gzip"]
)
def test_what_is_no_archive_is_refused(station: Path, tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "it.tar.gz"
    archive.write_bytes(content)

    assert take(station, archive) in ("damaged", "not_a_release")


def test_an_archive_that_breaks_off_is_refused(station: Path, tmp_path: Path) -> None:
    archive = release_of(tmp_path, "2026.2")
    archive.write_bytes(archive.read_bytes()[:-40])

    assert take(station, archive) == "damaged"


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../b", "manifest.json", "a//b", ""])
def test_a_manifest_cannot_name_what_lies_elsewhere(tmp_path: Path, name: str) -> None:
    told = json.loads(look(release_of(tmp_path, "2026.2"), PUBLIC_KEY).as_bytes())
    assert read_manifest(json.dumps(told).encode()).version == "2026.2"
    told["files"][name] = {"sha256": "0" * 64, "size": 1, "is_program": False}

    with pytest.raises(ReleaseError) as refused:
        read_manifest(json.dumps(told).encode())
    assert refused.value.code == "not_a_release"


@pytest.mark.parametrize(
    "change",
    [
        {"form": 2}, {"version": "1"}, {"version": "1.2-rc"}, {"version": "01.2"}, {"files": {}},
        {"files": {"bin/valet-agent": {"sha256": "x", "size": 1, "is_program": True}}},
        {"files": []}, {"schema": None},
    ],
)  # fmt: skip
def test_a_manifest_that_says_too_little_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    told = json.loads(look(release_of(tmp_path, "2026.2"), PUBLIC_KEY).as_bytes())

    with pytest.raises(ReleaseError):
        read_manifest(json.dumps({**told, **change}).encode())


def test_versions_are_numbers() -> None:
    ordered = ["0.1", "0.1.1", "0.2", "0.10", "2026.1", "2026.1.0.1"]
    assert sorted({*ordered}, key=order_of) == ordered
    assert order_of("1.2") == order_of("1.2.0")


def test_a_release_that_was_changed_on_the_card_is_noticed(station: Path) -> None:
    place = station / "releases" / "2026.1"
    check(place, PUBLIC_KEY)
    (place / "lib" / "booth_ui" / "cli.py").write_text("import os\n")

    with pytest.raises(ReleaseError, match="booth_ui/cli.py"):
        check(place, PUBLIC_KEY)


def test_a_release_starts_by_itself_and_is_compiled(station: Path) -> None:
    program = station / "releases" / "current" / "bin" / "valet-agent"
    assert program.stat().st_mode & 0o777 == 0o755
    # With this Python: the system's need not be the one that the kit says.
    done = subprocess.run([sys.executable, "-I", program], check=True, capture_output=True)
    assert done.stdout == b"valet-agent 2026.1\n"
    lib = station / "releases" / "2026.1" / "lib"
    assert len(list(lib.rglob("*.pyc"))) == 2
    assert not (lib / "bin").exists()


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    here, there = release_of(tmp_path, "2026.2"), release_of(tmp_path / "there", "2026.2")

    assert here.read_bytes() == there.read_bytes()


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "release.key"
    public = make_key(file)
    assert load_public_key(tmp_path / "release.key.pub").hex() == public
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(ReleaseError, match="can be read by others"):
        load_key(file)
    file.chmod(0o600)
    file.write_bytes(b"short")
    with pytest.raises(ReleaseError, match="32 bytes"):
        load_key(file)
    (tmp_path / "x.pub").write_text("zz")
    with pytest.raises(ReleaseError, match="64 hex digits"):
        load_public_key(tmp_path / "x.pub")


def test_a_link_in_what_pip_made_is_refused(tmp_path: Path) -> None:
    lib = lib_of(tmp_path, "2026.2")
    (lib / "loop").symlink_to("/etc")
    with pytest.raises(ReleaseError, match="loop is neither"):
        sources_in(lib)
