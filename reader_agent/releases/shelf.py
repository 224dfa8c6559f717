"""The releases of a station, side by side, and the one that is started.

A new one is unpacked beside the others, put on trial and only then named by the link that systemd
starts; `keeper` confirms it or takes it back. Each step is on the card before the next begins, so
that a power cut at any moment leaves a station that starts: on the release before, or on the new
one with its trial still to come. The journal lies elsewhere and is not touched.
"""

from __future__ import annotations

import compileall
import fcntl
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reader_agent.releases import archive as archives
from reader_agent.releases import keeper
from reader_agent.releases.manifest import (
    MANIFEST,
    Manifest,
    ReleaseError,
    order_of,
    read_manifest,
)

_INCOMING = ".incoming"
_ANY = "any"
# Python's own copies of the modules, and what the agent writes meanwhile.
_ROOM_FACTOR, _ROOM_BYTES = 2, 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Machine:
    """What releases have to be made for."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    name: str = platform.machine()


class Shelf:
    """The folder of releases. Takes only what was signed with the key that belongs to
    `public_key`."""

    def __init__(self, folder: Path, public_key: bytes, machine: Machine | None = None) -> None:
        self._folder = folder
        self._public_key = public_key
        self._machine = machine or Machine()

    @property
    def current(self) -> Manifest | None:
        """The release that is started; None where there is none yet."""
        name = keeper.current_of(self._folder)
        return None if name is None else self._manifest_of(name)

    @property
    def is_on_trial(self) -> bool:
        """Whether the release that is started still has to show that it does."""
        trial = keeper.read_trial(self._folder)
        return trial is not None and trial.release == keeper.current_of(self._folder)

    def take(self, archive: Path, *, again: bool = False, one_way: bool = False) -> Manifest:
        """Check a release and make it the one that is started next, on trial.

        `again`: also one that did not start here before. `one_way`: also one after which the
        present one could not read the station's database. Raises `ReleaseError` and `OSError`; the
        release that is there stays the one that is started.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._held():
            manifest = archives.look(archive, self._public_key)
            before = self.current
            self._check_machine(manifest)
            if before is not None:
                self._check_order(manifest, before, again=again, one_way=one_way)
            self._make_room(manifest, before)
            self._unpack(archive, manifest)
            if before is not None:
                keeper.write_trial(self._folder, keeper.Trial(manifest.version, before.version))
            keeper.switch(self._folder, manifest.version)
        return manifest

    def check(self) -> Manifest:
        """Whether the release that is started is still what was signed. Raises `ReleaseError`."""
        name = keeper.current_of(self._folder)
        if name is None:
            raise ReleaseError("not_a_release", f"there is no release in {self._folder}")
        return archives.check(self._folder / name, self._public_key)

    def _manifest_of(self, name: str) -> Manifest:
        return read_manifest((self._folder / name / MANIFEST).read_bytes())

    @contextmanager
    def _held(self) -> Iterator[None]:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise ReleaseError("on_trial", "another update is under way") from None
        finally:
            os.close(descriptor)

    def _check_machine(self, manifest: Manifest) -> None:
        wanted, here = manifest.made_for, self._machine
        if wanted.machine not in (_ANY, here.name) or wanted.python != here.python:
            raise ReleaseError(
                "wrong_machine",
                f"release {manifest.version} is for {wanted.machine} with Python {wanted.python}, "
                f"this is {here.name} with Python {here.python}",
            )

    def _check_order(
        self, manifest: Manifest, before: Manifest, *, again: bool, one_way: bool
    ) -> None:
        if self.is_on_trial:
            raise ReleaseError("on_trial", f"release {before.version} is still on trial")
        if order_of(manifest.version) <= order_of(before.version):
            raise ReleaseError(
                "too_old",
                f"release {manifest.version} is not newer than {before.version}: to go back, sign "
                "the older program under a newer version",
            )
        if keeper.was_bad(self._folder, manifest.version) and not again:
            raise ReleaseError(
                "was_bad", f"release {manifest.version} did not start here: --again to try it again"
            )
        if manifest.made_for.oldest_reader > before.made_for.schema and not one_way:
            raise ReleaseError(
                "no_way_back",
                f"release {before.version} cannot read what {manifest.version} writes, so it could "
                "not come back: --one-way to go on all the same",
            )

    def _make_room(self, manifest: Manifest, before: Manifest | None) -> None:
        kept = {None if before is None else before.version}
        for path in self._folder.iterdir():
            is_ours = (path / MANIFEST).is_file() or path.name == _INCOMING
            if is_ours and not path.is_symlink() and path.name not in kept:
                shutil.rmtree(path)
        needed = manifest.size * _ROOM_FACTOR + _ROOM_BYTES
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise ReleaseError(
                "no_room", f"{needed >> 20} MB are needed for the release, {free >> 20} are free"
            )

    def _unpack(self, archive: Path, manifest: Manifest) -> None:
        incoming, place = self._folder / _INCOMING, self._folder / manifest.version
        archives.unpack(archive, self._public_key, incoming)
        # The agent may not write there: what is not compiled now is compiled at each start.
        compileall.compile_dir(
            incoming / "lib", quiet=2, stripdir=str(incoming), prependdir=str(place)
        )
        archives.settle(incoming)
        incoming.rename(place)
        keeper.sync_folder(self._folder)
