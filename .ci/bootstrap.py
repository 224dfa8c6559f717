"""Make `.venv` hold exactly what setup.cfg and .ci/constraints.txt ask for.

    python3 .ci/bootstrap.py agent,server

Needs only Python 3.11 and its standard library. An environment that already fits is left alone,
one made for other pins is made anew, and one that only lacks an extra is added to. Where Debian's
Python lacks its `venv` package, it is installed, or a message says how to.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".bootstrap.json"
CONSTRAINTS = ROOT / ".ci" / "constraints.txt"
OLDEST_PYTHON = (3, 11)


class BootstrapError(Exception):
    """What went wrong and what to do about it, in words for the person at the terminal."""


def main(arguments: list[str]) -> int:
    """Bring the environment up to date with the extras in the one argument, comma-separated."""
    if len(arguments) != 1:
        print("usage: bootstrap.py EXTRA[,EXTRA...]", file=sys.stderr)
        return 2
    try:
        ensure_environment(set(arguments[0].split(",")))
        ensure_assets()
    except BootstrapError as error:
        print(f"\nbootstrap: {error}", file=sys.stderr)
        return 1
    return 0


def ensure_environment(extras: set[str]) -> None:
    """Make, complete or keep `.venv`."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        raise BootstrapError(f"needs Python 3.11 or newer, not {found}; try make PYTHON=python3.11")
    wanted = fingerprint()
    there = extras_there(wanted)
    if there is None:
        make_venv()
    elif extras <= there:
        return
    extras = extras | (there or set())
    install(extras)
    stamp = {"fingerprint": wanted, "extras": sorted(extras)}
    STAMP.write_text(json.dumps(stamp) + "\n", encoding="utf-8")


def fingerprint() -> str:
    """Hash, as hex, what decides the environment: Python, its place, and every pin."""
    setup = configparser.RawConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    pins = {name: dict(setup[name]) for name in setup.sections() if name.startswith("options")}
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    parts = [
        repr(sys.version_info[:3]),
        str(ROOT),
        json.dumps(pins, sort_keys=True),
        pyproject.partition("[tool.")[0],
        CONSTRAINTS.read_text(encoding="utf-8"),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def extras_there(wanted: str) -> set[str] | None:
    """Return the extras in a working environment made for `wanted`, None where there is none."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        # An upgrade of the system can take away the Python under an environment.
        subprocess.run([PYTHON, "-c", ""], check=True, capture_output=True)
        return set(stamp["extras"]) if stamp["fingerprint"] == wanted else None
    except (OSError, ValueError, KeyError, TypeError, subprocess.CalledProcessError):
        return None


def make_venv() -> None:
    """Make an empty environment, first getting Debian's venv package where it is missing."""
    if find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        if not debian.install(package):
            raise BootstrapError(
                "this Python cannot make virtual environments, and we may not install what it "
                f"lacks.\nAs root, run: apt-get install {package}"
            )
    print(f"making {VENV.name} with Python {sys.version.split()[0]} ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "venv", VENV], check=False)
    if done.returncode != 0:
        raise BootstrapError(f"{sys.executable} -m venv failed; its words are above")


def install(extras: set[str]) -> None:
    """Install this project in place with `extras`, every version as pinned."""
    print(f"installing {', '.join(sorted(extras))} into {VENV.name} ...", flush=True)
    # setuptools comes along because building the assets by hand needs it too.
    pip("--constraint", str(CONSTRAINTS), "setuptools", "--editable", f".[{','.join(extras)}]")
    if "dev" in extras:
        # The tests drive an emulated chip with it. What it depends on talks to a Raspberry Pi's
        # pins, is built by a C compiler, and is replaced by stand-ins there.
        pip("--no-deps", *rc522_pins())


def rc522_pins() -> list[str]:
    """Return the packages of the extra for RC522 readers, as setup.cfg pins them."""
    setup = configparser.RawConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup["options.extras_require"]["rc522"].split()


def ensure_assets() -> None:
    """Rebuild bundles and catalogs whose sources changed since the project was installed."""
    check: list[str | Path] = [PYTHON, "-m", "booth_ui.build_assets", "--check"]
    if subprocess.run(check, cwd=ROOT, check=False).returncode != 0:
        print("building the screens ...", flush=True)
        # Through pip, whose build environment brings Node; a plain machine has none.
        pip("--no-deps", "--editable", ".")


def pip(*arguments: str) -> None:
    """Run pip install in the environment.

    Bytecode is made of what is imported, when it is: of most modules never.
    """
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BootstrapError("pip could not install what is pinned; its words are above")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
