"""`valet-agent update` at a station, and `valet-agent release` where releases are made."""

from __future__ import annotations

import platform
import runpy
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click

from reader_agent.clock import SystemClock
from reader_agent.installation.layout import FOLDER, RELEASE_KEY, UNIT
from reader_agent.releases import archive as archives
from reader_agent.releases.manifest import MadeFor, Manifest, ReleaseError, order_of
from reader_agent.releases.release_key import load_key, load_public_key, make_key
from reader_agent.releases.shelf import Shelf
from reader_agent.releases.web_folder import WebFolder

_GLANCE_S = 1.0
_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_KEY_OPTION = click.option(
    "--key", "key_file", type=_PATH, default=RELEASE_KEY, show_default=True, metavar="FILE.pub",
    help="The public key that releases have to be signed with.",
)  # fmt: skip


@click.command()
@click.argument("archive", type=_FILE, required=False)
@click.option(
    "--from", "address", metavar="URL", help="A folder on the web with the newest release instead."
)
@_KEY_OPTION
@click.option("--folder", type=_PATH, default=FOLDER, show_default=True, help="Of the station.")
@click.option("--again", is_flag=True, help="Also a release that did not start here before.")
@click.option("--one-way", is_flag=True, help="Also one after which there is no way back.")
@click.option("--no-restart", is_flag=True, help="It starts with the next start of the station.")
@click.option(
    "--wait", "wait_s", type=int, default=600, show_default=True, metavar="SECONDS",
    help="For how long to watch the trial.",
)  # fmt: skip
def update(
    archive: Path | None,
    address: str | None,
    key_file: Path,
    folder: Path,
    again: bool,
    one_way: bool,
    no_restart: bool,
    wait_s: int,
) -> None:
    """Take a signed release, start it, and go back by itself if it does not start.

    The station is away for some seconds; what it has recorded and what waits to be sent stays as it
    is. Exit code 1: the release before is the one that runs, and a line says why.
    """
    if (archive is None) == (address is None):
        raise click.UsageError("name an archive, or a folder with --from")
    try:
        shelf = Shelf(folder / "releases", load_public_key(key_file))
        if archive is not None:
            taken = shelf.take(archive, again=again, one_way=one_way)
        else:
            fetched = _fetch(shelf, WebFolder(str(address)), folder)
            if fetched is None:
                click.echo("there is no newer release")
                return
            try:
                taken = shelf.take(fetched, again=again, one_way=one_way)
            finally:
                fetched.unlink()
    except (ReleaseError, OSError) as error:
        _fail(error)
    click.echo(f"release {taken.version} is in its place")
    if no_restart or not shelf.is_on_trial:
        click.echo("it begins with the next start of the station")
        return
    done = subprocess.run(["systemctl", "restart", "--no-block", UNIT], check=False)
    if done.returncode != 0:
        raise click.ClickException(f"systemctl could not restart {UNIT}; its words are above")
    _watch(shelf, taken, wait_s)


def _fetch(shelf: Shelf, source: WebFolder, folder: Path) -> Path | None:
    """The newest release of a folder as a file, None where it is not newer than ours."""
    newest, current = source.newest(), shelf.current
    if current is not None and order_of(newest) <= order_of(current.version):
        return None
    place = folder / "fetched.tar.gz"
    source.fetch(newest, place)
    return place


def _watch(shelf: Shelf, taken: Manifest, wait_s: int) -> None:
    clock, pause = SystemClock(), threading.Event()
    until_ns = clock.mono_ns() + wait_s * 1_000_000_000
    while shelf.is_on_trial and clock.mono_ns() < until_ns:
        pause.wait(_GLANCE_S)
    current = shelf.current
    if shelf.is_on_trial:
        click.echo("it is still on trial; the station decides by itself")
    elif current is not None and current.version == taken.version:
        click.echo(f"release {taken.version} has started and stays")
    else:
        came_back = "none" if current is None else current.version
        raise click.ClickException(f"{taken.version} did not start: {came_back} is back")


@click.group()
def release() -> None:
    """Make signed releases, and look at them."""


@release.command(name="key")
@click.argument("file", type=_PATH)
def release_key(file: Path) -> None:
    """Make the key that releases are signed with: FILE, to be kept off every station, and FILE.pub
    for the stations."""
    try:
        click.echo(make_key(file))
    except OSError as error:
        _fail(error)


@release.command(name="make")
@click.argument("lib", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--version", required=True, help="Such as 2026.11.1; has to rise.")
@click.option("--key", "key_file", required=True, type=_FILE, help="What `release key` made.")
@click.option("--out", required=True, type=_PATH, help="The archive to write.")
@click.option("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}",
              show_default=True, help="Of the stations.")  # fmt: skip
@click.option("--machine", default=platform.machine(), show_default=True,
              help="Processor of the stations (aarch64 for a Raspberry Pi), or any.")  # fmt: skip
def release_make(
    lib: Path, version: str, key_file: Path, out: Path, python: str, machine: str
) -> None:
    """Pack what `pip install --target LIB` has made, and sign it."""
    try:
        order_of(version)
        steps = runpy.run_path(str(lib / "reader_agent" / "migrations.py"))
        made_for = MadeFor(python, machine, len(steps["MIGRATIONS"]), steps["OLDEST_READER"])
        sources = archives.sources_in(lib)
        manifest = archives.describe(sources, version, made_for)
        archives.pack(sources, manifest, load_key(key_file), out)
    except (ReleaseError, OSError) as error:
        _fail(error)
    click.echo(f"{out}: release {version}, {len(manifest.files)} files, {manifest.size} bytes")


@release.command(name="verify")
@click.argument("archive", type=_FILE, required=False)
@_KEY_OPTION
@click.option("--folder", type=_PATH, default=FOLDER, show_default=True, help="Of the station.")
def release_verify(archive: Path | None, key_file: Path, folder: Path) -> None:
    """Whether an archive, or the release that this station runs, is what was signed."""
    try:
        public_key = load_public_key(key_file)
        if archive is None:
            manifest = Shelf(folder / "releases", public_key).check()
        else:
            manifest = archives.look_through(archive, public_key)
    except (ReleaseError, OSError) as error:
        _fail(error)
    made_for = manifest.made_for
    click.echo(
        f"release {manifest.version} for {made_for.machine} with Python {made_for.python}: "
        f"{len(manifest.files)} files, all as signed"
    )


def _fail(error: ReleaseError | OSError) -> NoReturn:
    code = f"{error.code}: " if isinstance(error, ReleaseError) else ""
    raise click.ClickException(f"{code}{error}")
