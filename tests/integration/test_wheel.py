"""The wheel that a station or a server installs carries the four packages and what they show."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"schemas", "reader_agent", "booth_ui", "server"}


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel from a copy of the tree, with its assets already built, off the network."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    left_out = shutil.ignore_patterns("__pycache__", "node_modules")
    (tree / "build" / "lib" / "renamed_long_ago").mkdir(parents=True)
    (tree / "build" / "lib" / "renamed_long_ago" / "__init__.py").touch()
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=left_out)
    for name in ("pyproject.toml", "setup.cfg", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(tree)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_four_packages_and_no_other(wheel_files: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_files}

    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_the_wheel_carries_the_bundles(wheel_files: set[str]) -> None:
    for face, bundle in (("booth_ui", "booth"), ("server", "manage")):
        folder = f"{face}/static/dist/"
        assert f"{folder}manifest.json" in wheel_files
        for suffix in (".js", ".css"):
            assert any(
                name.startswith(f"{folder}{bundle}-") and name.endswith(suffix)
                for name in wheel_files
            )


def test_the_wheel_carries_every_catalog_compiled(wheel_files: set[str]) -> None:
    sources = [path for face in ("booth_ui", "server") for path in ROOT.glob(f"{face}/**/*.po")]
    compiled = {str(path.relative_to(ROOT).with_suffix(".mo")) for path in sources}

    assert compiled - wheel_files == set()


def test_the_wheel_carries_every_template_and_migration(wheel_files: set[str]) -> None:
    shown = [
        str(path.relative_to(ROOT))
        for pattern in ("*/templates/**/*.*", "server/migrations/**/*.*", "*/data/**/*.*")
        for path in ROOT.glob(pattern)
        if path.is_file() and path.parts[len(ROOT.parts)] in PACKAGES
        if "__pycache__" not in path.parts
    ]

    assert set(shown) - wheel_files == set()


def test_the_wheel_carries_no_source_of_the_front_end(wheel_files: set[str]) -> None:
    assert [name for name in wheel_files if "/web/" in name or "node_modules" in name] == []
