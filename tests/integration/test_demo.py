"""`valet-server demo` as its user sees it: it starts, it can be clicked, it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import urllib3

from server.demo.processes import command
from tests.one_car import first_port, until

# Its links are there to be opened.
pytestmark = pytest.mark.shows_secrets


@pytest.mark.usefixtures("unmeasured")
def test_the_demo_prints_links_that_answer_and_leaves_nothing_running(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [command("valet-server"), "demo", "--port", str(first_port()), "--quiet-evening"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
    try:
        until(lambda: "Ctrl-C" in log.read_text() or demo.poll() is not None, "it says it runs")
        links = re.findall(r"http://127\.0\.0\.1:\d+/\S*", log.read_text())
        assert [urllib3.request("GET", link).status for link in links] == [200] * 6, log.read_text()
        _tap_on_the_board(links[0])
        children = _descendants(demo.pid)
        assert len(children) >= 10
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(60)
    assert code == 0, log.read_text()
    assert [pid for pid in children if _is_running(pid)] == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("valet-demo-")] == []


@pytest.mark.usefixtures("unmeasured")
def test_nothing_is_left_running_when_the_demo_is_killed_outright(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [command("valet-server"), "demo", "--port", str(first_port()), "--quiet-evening"],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
    try:
        until(lambda: "Ctrl-C" in log.read_text() or demo.poll() is not None, "it says it runs")
        children = _descendants(demo.pid)
        assert children
    finally:
        demo.kill()
        demo.wait()

    until(lambda: not any(_is_running(pid) for pid in children), "all children end")


def _tap_on_the_board(board: str) -> None:
    page = urllib3.request("GET", board).data.decode()
    tag = re.search(r'name="tag" value="([^"]+)"', page)
    assert tag is not None
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    tapped = urllib3.request(
        "POST", board + "tap", body=f"place=herrera&tag={tag[1]}", headers=form, redirect=False
    )
    assert tapped.status == 204
    refused = urllib3.request(
        "POST", board + "tap", body="place=nowhere&tag=x", headers=form, redirect=False
    )
    assert refused.status == 422


def _descendants(pid: int) -> list[int]:
    """Processes below `pid`, from /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().split(") ")[1].split()[1]
                )
            except (OSError, IndexError):
                continue
    found: list[int] = []
    frontier = [pid]
    while frontier:
        frontier = [child for child, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False
