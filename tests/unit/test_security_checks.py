"""The two checks of `make check` that look for weaknesses: they fail when they should, and say when
they could not look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).resolve().parents[2]
EXCEPTIONS = ROOT / ".ci" / "security_exceptions.toml"


@contextmanager
def advisories(known: dict[str, list[str]], *, is_whole: bool = True) -> Iterator[str]:
    """An advisory database on loopback, which answers as OSV's API (POST /v1/querybatch)."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            results = [
                {"vulns": [{"id": one} for one in known[query["package"]["name"]]]}
                if query["package"]["name"] in known
                else {}
                for query in asked
            ]
            body = json.dumps({"results": results if is_whole else results[1:]}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(address: str, **environment: str) -> tuple[int, str]:
    """Exit code and words of an audit against a database."""
    run = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "audit_dependencies.py")],
        env={**os.environ, "VALET_AUDIT_ADDRESS": address, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    return run.returncode, run.stdout


def test_an_advisory_about_a_package_of_ours_fails_the_check() -> None:
    with advisories({"flask": ["GHSA-made-up"], "htmx.org": ["GHSA-of-npm"]}) as address:
        code, said = audit(address)
    assert code == 1
    assert "flask 3.1.3: GHSA-made-up" in said
    assert "htmx.org 4.0.1: GHSA-of-npm" in said


def test_no_advisory_passes_and_tells_how_many_packages_were_asked_for() -> None:
    with advisories({"left-pad": ["GHSA-elsewhere"]}) as address:
        code, said = audit(address)
    assert code == 0
    assert "packages, no open advisory" in said


def test_who_could_not_look_says_so_and_fails_where_it_is_required() -> None:
    nowhere = "http://127.0.0.1:9/"
    assert audit(nowhere)[0] == 0
    code, said = audit(nowhere, VALET_AUDIT="required")
    assert (code, "COULD NOT LOOK" in said) == (1, True)
    with advisories({}, is_whole=False) as address:
        assert "COULD NOT LOOK" in audit(address)[1]


def test_a_weakness_without_a_reason_fails_the_check(tmp_path: Path) -> None:
    weak = tmp_path / "weak.py"
    weak.write_text("import subprocess\nsubprocess.call('ls ' + input(), shell=True)\n")
    command = [sys.executable, str(ROOT / ".ci" / "find_weaknesses.py"), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert f"{weak}:2: B602" in run.stdout


def test_every_exception_names_its_reason_and_its_files() -> None:
    content = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))
    for one in content["finding"]:
        assert set(one) == {"test", "paths", "why"}
        assert len(one["why"].split()) >= 5
        # Only asserts are everywhere.
        if one["test"] != "B101":
            for pattern in one["paths"]:
                assert any(ROOT.glob(pattern)), pattern
                assert not pattern.startswith("*")
    for one in content.get("advisory", []):
        assert set(one) == {"id", "why", "until"}


def test_both_are_part_of_make_check_and_only_what_needs_no_network_of_make_test() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    def recipe(target: str) -> str:
        return makefile.partition(f"\n{target}:")[2].partition("\n\n")[0]

    assert ".ci/find_weaknesses.py" in recipe("_lint")
    assert "_lint" in recipe("check").splitlines()[0].split()
    assert ".ci/audit_dependencies.py" in recipe("check")
    assert ".ci/audit_dependencies.py" not in recipe("_lint") + recipe("test")
