"""The shape of the repository: what may lie where, how long a file may grow, which paths hold."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = {"schemas", "reader_agent", "booth_ui", "server", "firmware_notes", "tests"}
TOP_LEVEL_FILES = {
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "DECISIONS.md",
    "LICENSE",
    "Makefile",
    "OPERATIONS.md",
    "README.md",
    "RUNBOOK.md",
    "SECURITY.md",
    "pyproject.toml",
    "setup.cfg",
}
CODE = {".cfg", ".css", ".html", ".js", ".mjs", ".py", ".sh", ".sql", ".toml", ".txt"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
WRITTEN_BY_MACHINE = {".ci/constraints.txt", "booth_ui/package-lock.json"}
# A path of somebody's machine means nothing on any other.
MACHINE_PATH = re.compile(rb"(?<![\w.])/(?:home|root|Users|workspace|work)/[\w.-]")


@cache
def tracked_files() -> tuple[PurePosixPath, ...]:
    """Every file that is in git or about to be: not ignored, not deleted."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    names = sorted(name for name in listed.decode().split("\0") if name)
    return tuple(PurePosixPath(name) for name in names if (ROOT / name).is_file())


def code_files() -> Iterator[PurePosixPath]:
    for path in tracked_files():
        is_data = path.parts[:2] == ("tests", "data")
        if path.suffix in CODE and not is_data and str(path) not in WRITTEN_BY_MACHINE:
            yield path


@dataclass(frozen=True)
class Module:
    """What the tests ask of a Python file; `functions` are names, first lines and lengths."""

    says_what_it_is: bool
    functions: tuple[tuple[str, int, int], ...]


@cache
def modules() -> dict[PurePosixPath, Module]:
    """Every Python file, parsed once."""
    return {path: _parsed(path) for path in code_files() if path.suffix == ".py"}


def _parsed(path: PurePosixPath) -> Module:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = tuple(
        (node.name, node.lineno, (node.end_lineno or 0) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return Module(ast.get_docstring(tree) is not None, functions)


def test_the_top_level_holds_only_the_agreed_folders_and_files() -> None:
    tops = {path.parts[0] for path in tracked_files() if not path.parts[0].startswith(".")}
    files = {path.parts[0] for path in tracked_files() if len(path.parts) == 1}

    assert tops - FOLDERS - TOP_LEVEL_FILES == set()
    assert files & FOLDERS == set()


def test_every_agreed_file_is_there() -> None:
    assert {name for name in TOP_LEVEL_FILES if not (ROOT / name).is_file()} == set()


def test_no_code_file_is_longer_than_the_limit() -> None:
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in code_files()
    }

    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_the_limit() -> None:
    too_long = [
        f"{path}:{line} {name}: {lines} lines"
        for path, module in modules().items()
        # A migration is one list of tables and columns, however many there are.
        if path.parent != PurePosixPath("server/migrations/versions")
        for name, line, lines in module.functions
        if lines > MAX_FUNCTION_LINES
    ]

    assert too_long == []


def test_no_file_is_a_drawer_for_anything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "base", "common", "misc"}

    found = [str(path) for path in code_files() if path.suffix == ".py" and path.stem in drawers]
    assert found == []


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path, module in modules().items() if not module.says_what_it_is] == []


def test_every_path_in_the_architecture_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    quoted = re.findall(r"`([\w.\-]+(?:/[\w.\-*<>]*)+)`", text)
    ours = [path for path in quoted if path.split("/")[0] in FOLDERS | {".ci"}]

    assert ours, "ARCHITECTURE.md names no path of this repository"
    assert [path for path in ours if not _exists(path)] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    offenders = []
    for path in tracked_files():
        if path == PurePosixPath("tests/unit/test_repository.py"):
            continue
        found = MACHINE_PATH.search((ROOT / path).read_bytes())
        if found is not None:
            offenders.append(f"{path}: {found.group().decode()}")

    assert offenders == []


def test_the_lock_files_name_no_registry() -> None:
    locks = [".ci/constraints.txt", "booth_ui/package-lock.json"]

    assert [name for name in locks if "://" in (ROOT / name).read_text(encoding="utf-8")] == []


def _exists(path: str) -> bool:
    """Tell whether a quoted path, which may hold `*`, names something that git knows."""
    pattern = path.rstrip("/")
    names = {str(name) for name in tracked_files()}
    folders = {str(parent) for name in tracked_files() for parent in name.parents}
    return any(PurePosixPath(name).match(pattern) for name in names | folders)
