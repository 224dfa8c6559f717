"""Find or install what the tests need beyond Python: PostgreSQL's programs, etcd and a Chromium.

    .venv/bin/python .ci/find_tools.py [bench]

Runs after the bootstrap, inside the environment. The tests look in the same places by themselves
(tests/postgres.py, tests/etcd.py, tests/chromium.py); this step only puts there what is missing,
and says what it found. With `bench`, also the servers that ours is measured against; the figures
name those that cannot be had, so they are no reason to fail.
"""

from __future__ import annotations

import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import debian

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import chromium, etcd, postgres
from tests.bench.peers import programs

PANGO = {
    "pango-1.0": "libpango-1.0-0",
    "pangoft2-1.0": "libpangoft2-1.0-0",
    "harfbuzz-subset": "libharfbuzz-subset0",
}
"""What WeasyPrint loads, and the Debian packages that have it."""


def main(wanted: list[str]) -> int:
    """Find or install each tool; the status is 1 where one of them cannot be had."""
    if wanted == ["bench"]:
        find_peers()
    complete = True
    for name, find, message in (
        ("PostgreSQL", find_postgres, postgres.HOW_TO_GET),
        ("etcd", find_etcd, etcd.HOW_TO_GET),
        ("Playwright's driver", find_driver, chromium.HOW_TO_START_DRIVER),
        ("Chromium", find_chromium, chromium.HOW_TO_GET),
        ("Pango", find_pango, f"As root, run: apt-get install {' '.join(PANGO.values())}"),
    ):
        found = find()
        if found is None:
            print(f"\n{name} is missing. {message}", file=sys.stderr)
            complete = False
        else:
            print(f"{name}: {found}", flush=True)
    return 0 if complete else 1


def find_peers() -> None:
    """Say where each peer is, after unpacking those that are not there."""
    for program in programs.PEERS:
        found = programs.find(program)
        if found is None and debian.unpack(programs.UNPACKED, program):
            found = programs.find(program)
        print(f"{program}: {found or 'will not be measured'}", flush=True)


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs; the `dev` extra brings one, so it is there."""
    found = postgres.find_bin_dir()
    if found is None and debian.install("postgresql"):
        found = postgres.find_bin_dir()
    return found


def find_etcd() -> Path | None:
    """Return etcd's program. Unpacked, not installed: Debian's would run from then on."""
    found = etcd.find()
    if found is None and debian.unpack(etcd.UNPACKED, etcd.PACKAGE):
        found = etcd.find()
    return found


def find_driver() -> Path | None:
    """Return the Node that Playwright brings, with the one library that Debian may lack."""
    found = chromium.find_driver()
    if found is None and debian.install("libatomic1"):
        found = chromium.find_driver()
    return found


def find_chromium() -> Path | None:
    """Return a Chromium that starts, from Debian or Playwright where there was none."""
    found = chromium.find_executable()
    if found is None and debian.install("chromium", "fonts-dejavu-core"):
        found = chromium.find_executable()
    if found is None and _download_chromium():
        found = chromium.find_executable()
    return found if found is not None and _starts(found) else None


def find_pango() -> str | None:
    """Return the libraries with which reports become PDF files; Debian's Chromium brings them."""
    missing = [package for name, package in PANGO.items() if find_library(name) is None]
    if missing and not debian.install(*missing):
        return None
    found = [find_library(name) for name in PANGO]
    return ", ".join(str(name) for name in found) if all(found) else None


def _starts(executable: Path) -> bool:
    """Tell whether a browser's libraries are all there; says which is not."""
    asked = subprocess.run([executable, "--version"], check=False, capture_output=True, text=True)
    if asked.returncode != 0:
        print(f"{executable} does not start: {asked.stderr.strip()}", flush=True)
    return asked.returncode == 0


def _download_chromium() -> bool:
    """Let Playwright fetch its own build, for machines that are not Debian or not ours."""
    print("fetching Chromium with Playwright ...", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if line.startswith("Error")]
        print(errors[0] if errors else done.stdout[-400:], flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
