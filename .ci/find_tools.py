"""Find or install what the tests need beyond Python: PostgreSQL's programs and a Chromium.

    .venv/bin/python .ci/find_tools.py [bench]

Runs after the bootstrap, inside the environment. The tests look in the same places by themselves
(tests/postgres.py, tests/chromium.py); this step only puts there what is missing, and says what it
found. With `bench`, also the servers that ours is measured against; the figures name those that
cannot be had, so they are no reason to fail.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import debian

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import chromium, postgres
from tests.bench.peers import programs


def main(wanted: list[str]) -> int:
    """Find or install each tool; the status is 1 where one of them cannot be had."""
    if wanted == ["bench"]:
        find_peers()
    complete = True
    for name, find, message in (
        ("PostgreSQL", find_postgres, postgres.HOW_TO_GET),
        ("Playwright's driver", find_driver, chromium.HOW_TO_START_DRIVER),
        ("Chromium", find_chromium, chromium.HOW_TO_GET),
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
