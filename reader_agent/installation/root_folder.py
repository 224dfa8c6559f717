"""The system that is made a station: this machine, or the tree of an image under a folder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reader_agent.installation.station_files import InstallError, StationFile, StationLink

_MOUNTS = Path("/proc/self/mounts")
_FILE_MODE = 0o644


class RootFolder:
    """Writes what differs and nothing else, each file whole or not at all."""

    def __init__(self, root: Path, mounts: Path = _MOUNTS) -> None:
        """`mounts`: where the kernel says what is mounted."""
        self._root = root
        self._mounts = mounts

    def differences(self, wanted: list[StationFile | StationLink]) -> Iterator[str]:
        """What `write` would change, as lines of a unified diff."""
        for each in wanted:
            if isinstance(each, StationLink):
                found = self._target_of(each)
                if found != each.target:
                    yield f"{each.path}: {found or 'nothing'} becomes a link to {each.target}"
                continue
            content = self._content_of(each)
            if content != each.content:
                yield from difflib.unified_diff(
                    (content or "").splitlines(),
                    each.content.splitlines(),
                    fromfile="/dev/null" if content is None else str(each.path),
                    tofile=str(each.path),
                    lineterm="",
                )

    def write(self, wanted: list[StationFile | StationLink]) -> list[str]:
        """Make it so; the paths that were changed. Raises `InstallError` and `OSError`."""
        self._refuse_overlay()
        changed = []
        for each in wanted:
            if isinstance(each, StationLink):
                is_new = self._target_of(each) != each.target
                if is_new:
                    self._link(each)
            else:
                is_new = self._content_of(each) != each.content
                if is_new:
                    self._write(each)
            if is_new:
                changed.append(str(each.path))
        return changed

    def _refuse_overlay(self) -> None:
        if self._root != Path("/"):
            return
        for line in self._mounts.read_text(encoding="utf-8").splitlines():
            _, where, kind, *_ = line.split()
            if where == "/" and kind == "overlay":
                raise InstallError(
                    "the root is read-only, what is written now would be gone with the next start: "
                    "run it with `overlayroot-chroot`, then restart"
                )

    def _content_of(self, file: StationFile) -> str | None:
        try:
            return self._place_of(file.path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def _target_of(self, link: StationLink) -> str | None:
        place = self._place_of(link.path)
        if place.is_symlink():
            return str(place.readlink())
        return "a file or folder" if place.exists() else None

    def _place_of(self, path: PurePosixPath) -> Path:
        """Where a path of the system lies. Raises `InstallError` for one that leads out of it."""
        place = self._root / path.relative_to("/")
        root = self._root.resolve()
        if not place.parent.resolve().is_relative_to(root):
            raise InstallError(f"{path} leads out of {self._root}")
        return place

    def _write(self, file: StationFile) -> None:
        place = self._place_of(file.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.valet")
        with draft.open("w", encoding="utf-8") as opened:
            opened.write(file.content)
            os.fchmod(opened.fileno(), _FILE_MODE)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(place)
        _sync(place.parent)

    def _link(self, link: StationLink) -> None:
        place = self._place_of(link.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            self._set_aside(place)
        draft = place.with_name(f".{place.name}.valet")
        draft.unlink(missing_ok=True)
        draft.symlink_to(link.target)
        draft.replace(place)
        _sync(place.parent)

    def _set_aside(self, folder: Path) -> None:
        # The log that was kept on the root until now: nothing of it is lost.
        place = folder.with_name(f"{folder.name}.before-valet")
        if place.exists():
            raise InstallError(f"{place} is in the way: look at it, then remove it")
        folder.rename(place)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
