"""Releases made small: three files, signed with a key of one's own."""

from __future__ import annotations

from pathlib import Path

from reader_agent.releases import keeper
from reader_agent.releases.archive import describe, pack, sources_in
from reader_agent.releases.manifest import MadeFor, ReleaseError
from reader_agent.releases.shelf import Machine, Shelf
from schemas.signing import public_key_of

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PUBLIC_KEY = public_key_of(KEY)
PI = Machine("3.11", "aarch64")
MADE_FOR = MadeFor("3.11", "aarch64", schema=4, oldest_reader=4)


def lib_of(folder: Path, version: str) -> Path:
    """What pip would have installed: a package that knows its version."""
    lib = folder / f"lib-{version}"
    (lib / "booth_ui" / "__pycache__").mkdir(parents=True)
    (lib / "bin").mkdir()
    (lib / "booth_ui" / "__init__.py").write_text(f'VERSION = "{version}"\n')
    (lib / "booth_ui" / "cli.py").write_text(
        "from booth_ui import VERSION\n\n\ndef main(prog_name):\n    print(prog_name, VERSION)\n"
    )
    (lib / "booth_ui" / "__pycache__" / "cli.pyc").write_bytes(b"of another Python")
    (lib / "bin" / "valet-agent").write_text("#!/of/this/machine\n")
    return lib


def release_of(folder: Path, version: str, made_for: MadeFor = MADE_FOR, key: bytes = KEY) -> Path:
    """A signed archive of such a release."""
    archive = folder / f"{version}.tar.gz"
    sources = sources_in(lib_of(folder, version))
    pack(sources, describe(sources, version, made_for), key, archive)
    return archive


def shelf_of(folder: Path) -> Shelf:
    """The releases of a station in this folder."""
    return Shelf(folder / "releases", PUBLIC_KEY, PI)


def start(folder: Path) -> str | None:
    """What systemd does before each start; the release that is then started."""
    keeper.choose(folder / "releases")
    return keeper.current_of(folder / "releases")


def live(folder: Path) -> None:
    """What systemd does once the agent has lived for a while."""
    keeper.confirm(folder / "releases")


def take(station: Path, archive: Path, **options: bool) -> str:
    """What becomes of a release: `taken`, or why it was not."""
    try:
        shelf_of(station).take(archive, **options)
    except ReleaseError as error:
        return error.code
    return "taken"


def settled_station(folder: Path) -> Path:
    """A station that runs 2026.1, its first release."""
    station = folder / "station"
    station.mkdir()
    assert take(station, release_of(folder, "2026.1")) == "taken"
    assert start(station) == "2026.1"
    return station
