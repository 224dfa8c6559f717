"""A release as one file: a tar archive (gzip) that begins with its manifest and the signature.

Nothing of it is believed before the signature over the manifest is checked, and no file before its
SHA-256 is; whatever the manifest does not name is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reader_agent.releases.manifest import (
    MANIFEST,
    MANIFEST_BYTES_MAX,
    PROGRAM,
    SIGNATURE,
    SIGNATURE_BYTES,
    Entry,
    MadeFor,
    Manifest,
    ReleaseError,
    open_manifest,
    sign_manifest,
)

STARTER = Path(__file__).parents[1] / "data" / "release" / "valet-agent"
_CHUNK = 1024 * 1024
_FILE_MODE, _PROGRAM_MODE = 0o644, 0o755


def sources_in(lib: Path) -> dict[str, Path]:
    """The files of a release by their names: what pip has installed into `lib`, and what starts
    it. Raises `ReleaseError("bad_tree")` for what no release can hold."""
    sources = {PROGRAM: STARTER}
    for path in sorted(lib.rglob("*")):
        name = path.relative_to(lib).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ReleaseError("bad_tree", f"{name} is neither a file nor a folder")
        # What pip writes for people's shells names the Python of this machine.
        if path.is_file() and not name.startswith("bin/") and "__pycache__" not in path.parts:
            sources[f"lib/{name}"] = path
    return sources


def describe(sources: Mapping[str, Path], version: str, made_for: MadeFor) -> Manifest:
    """The manifest of these files."""
    files = {}
    for name, path in sources.items():
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        files[name] = Entry(sha256, len(content), is_program=name == PROGRAM)
    return Manifest(version, made_for, files)


def pack(
    sources: Mapping[str, Path], manifest: Manifest, private_key: bytes, archive: Path
) -> None:
    """Write a release. The same files make the same bytes, whoever packs them and when."""
    raw = manifest.as_bytes()
    with (
        archive.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, MANIFEST, raw, _FILE_MODE)
        _add(tar, SIGNATURE, sign_manifest(raw, private_key), _FILE_MODE)
        for name, entry in sorted(manifest.files.items()):
            mode = _PROGRAM_MODE if entry.is_program else _FILE_MODE
            _add(tar, name, sources[name].read_bytes(), mode)


def look(archive: Path, public_key: bytes) -> Manifest:
    """The manifest of an archive, if it was signed with the key. Raises `ReleaseError`."""
    with _opened(archive) as tar:
        return _signed_manifest(tar, public_key)[0]


def look_through(archive: Path, public_key: bytes) -> Manifest:
    """The manifest of an archive, if all of it is as signed. Raises `ReleaseError`."""
    with _opened(archive) as tar:
        manifest, _, _ = _signed_manifest(tar, public_key)
        for name, content in _signed_files(tar, manifest):
            _copy(content, None, manifest.files[name], name)
    return manifest


def unpack(archive: Path, public_key: bytes, folder: Path) -> Manifest:
    """Check everything and put it into a new folder. `settle` makes it last.

    Raises `ReleaseError`; what is in the folder then is nothing to use.
    """
    with _opened(archive) as tar:
        manifest, raw, signature = _signed_manifest(tar, public_key)
        folder.mkdir()
        (folder / MANIFEST).write_bytes(raw)
        (folder / SIGNATURE).write_bytes(signature)
        for name, content in _signed_files(tar, manifest):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                _copy(content, file, manifest.files[name], name)
            path.chmod(_PROGRAM_MODE if manifest.files[name].is_program else _FILE_MODE)
    return manifest


def settle(folder: Path) -> None:
    """What is in a folder, and the folder itself, outlives a power cut from here on."""
    for path in (*folder.rglob("*"), folder, folder.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check(folder: Path, public_key: bytes) -> Manifest:
    """Whether an unpacked release is still, byte for byte, what was signed. Raises
    `ReleaseError`. What Python compiled beside it is no part of it."""
    raw = (folder / MANIFEST).read_bytes()
    manifest = open_manifest(raw, (folder / SIGNATURE).read_bytes(), public_key)
    for name, entry in manifest.files.items():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ReleaseError("damaged", f"{name} is not as the manifest says")
    return manifest


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r|gz") as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReleaseError("damaged", f"{archive.name} cannot be unpacked: {error}") from error


def _signed_manifest(tar: tarfile.TarFile, public_key: bytes) -> tuple[Manifest, bytes, bytes]:
    raw = _first(tar, MANIFEST, MANIFEST_BYTES_MAX)
    signature = _first(tar, SIGNATURE, SIGNATURE_BYTES)
    return open_manifest(raw, signature, public_key), raw, signature


def _first(tar: tarfile.TarFile, name: str, size_max: int) -> bytes:
    member = tar.next()
    if member is None or member.name != name or not member.isreg() or member.size > size_max:
        raise ReleaseError("not_a_release", f"the archive has no {name} in its place")
    content = tar.extractfile(member)
    assert content is not None
    return content.read()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _signed_files(tar: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[str, IO[bytes]]]:
    """Every file that the manifest names, once each, and nothing else."""
    left = set(manifest.files)
    # A loop over `tar` would begin again with what was read before.
    while (member := tar.next()) is not None:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None or member.name not in left:
            raise ReleaseError("damaged", f"{member.name} is not in the manifest")
        left.remove(member.name)
        yield member.name, content
    if left:
        raise ReleaseError("damaged", f"{min(left)} is missing")


def _copy(content: IO[bytes], file: IO[bytes] | None, entry: Entry, name: str) -> None:
    digest, size = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
        # Not past what was signed: a card is soon full.
        if file is not None and size <= entry.size:
            file.write(chunk)
    if (digest.hexdigest(), size) != (entry.sha256, entry.size):
        raise ReleaseError("damaged", f"{name} is not as the manifest says")
