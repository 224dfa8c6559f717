"""`valet-agent read` and `valet-agent emulate em125` as processes, on a real pty."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reader_agent.commands import main
from reader_agent.emulators.pty_line import PtyLine
from tests.agent_process import AgentProcess

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "em125.json").read_text(encoding="utf-8")
)
FRAMES: list[dict[str, Any]] = FACTS["frames"]
TAG = str(FRAMES[0]["tag"])
GOOD = bytes.fromhex(FRAMES[0]["hex"])
LAST = bytes.fromhex(FRAMES[3]["hex"])


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    """A cable that the test writes to as the reader would."""
    cable = PtyLine(tmp_path / "valet-em125")
    cable.plug()
    yield cable
    cable.unplug()


@pytest.fixture
def device(tmp_path: Path) -> str:
    return str(tmp_path / "valet-em125")


@pytest.fixture
def read(line: PtyLine, device: str) -> Iterator[AgentProcess]:
    with AgentProcess("read", "--reader", "em125", "--port", device) as process:
        process.logged("reader.open")
        yield process


def confirmed_tap(process: AgentProcess) -> dict[str, Any]:
    """The next line, which must be a confirmed one."""
    said = process.said()
    assert said["confirmed"] is True
    return said


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reader_agent.commands", *args]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )


def test_each_captured_frame_is_printed_within_a_second(
    line: PtyLine, read: AgentProcess, device: str
) -> None:
    # One of each tag: what has just been read is not said again.
    for tag, fact in {fact["tag"]: fact for fact in FRAMES}.items():
        line.write(bytes.fromhex(fact["hex"]))
        arrival = read.said(timeout_s=1.0)
        assert (arrival["tag"], arrival["reader"], arrival["port"]) == (tag, "em125", device)
        assert arrival["confirmed"] is False
        assert arrival["mono_ns"] > 0
        assert arrival["wall"].endswith("+00:00")


def test_a_tag_that_stays_gives_one_line(line: PtyLine, read: AgentProcess) -> None:
    for _ in range(20):
        line.write(GOOD)
    line.write(LAST * 2)
    assert [(said["tag"], said["confirmed"]) for said in (read.said(), read.said())] == [
        (TAG, True),
        (FRAMES[3]["tag"], True),
    ]
    assert read.stop() == 0
    assert read.has_said_nothing_more()


def test_noise_and_cut_frames_print_nothing_and_hide_nothing(
    line: PtyLine, read: AgentProcess
) -> None:
    zeros = b"\x02" + FACTS["phantoms"]["text_forms"][-1].encode() + b"\x03"
    wrong = bytes.fromhex(FACTS["streams"][1]["hex"])
    line.write(bytes(range(256)) + zeros * 3 + wrong + GOOD[:9] + LAST)
    assert read.said()["tag"] == FRAMES[3]["tag"]
    assert read.stop() == 0
    assert read.has_said_nothing_more()


def test_a_device_that_is_not_there_yet_is_waited_for_and_mentioned_once(
    tmp_path: Path, device: str
) -> None:
    cable = PtyLine(tmp_path / "valet-em125")
    with AgentProcess("read", "--reader", "em125", "--port", device) as process:
        process.logged("port_missing")
        cable.plug()
        process.logged("reader.open")
        cable.write(GOOD * 2)
        assert confirmed_tap(process)["tag"] == TAG
        assert process.stop() == 0
        assert process.stderr.count("port_missing") == 1
    cable.unplug()


def test_a_device_that_goes_and_comes_back_is_read_again_and_says_so_once(
    line: PtyLine, read: AgentProcess
) -> None:
    line.write(GOOD[:8])
    line.unplug()
    read.logged("reader.lost")
    line.plug()
    read.logged("reader.back")
    line.write(GOOD[8:] + LAST)
    assert read.said()["tag"] == FRAMES[3]["tag"]
    assert read.stop() == 0
    assert read.has_said_nothing_more()
    assert (read.stderr.count("reader.lost"), read.stderr.count("reader.back")) == (1, 1)
    assert "Traceback" not in read.stderr


def test_a_reader_with_a_named_framing_ignores_the_others(line: PtyLine, device: str) -> None:
    args = ("read", "--reader", "em125", "--port", device, "--framing", "crlf")
    with AgentProcess(*args) as process:
        process.logged("reader.open")
        line.write(GOOD + bytes.fromhex(FRAMES[5]["hex"]))
        assert process.said()["tag"] == FRAMES[5]["tag"]


def test_a_single_shot_reader_never_confirms_a_stranger(line: PtyLine, device: str) -> None:
    args = ("read", "--reader", "em125", "--port", device, "--mode", "single")
    with AgentProcess(*args) as process:
        process.logged("reader.open")
        line.write(GOOD * 5 + LAST)
        assert [process.said()["confirmed"] for _ in range(2)] == [False, False]
        assert process.stop() == 0
        assert process.has_said_nothing_more()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(read: AgentProcess, number: int) -> None:
    assert read.stop(number) == 0
    assert "Traceback" not in read.stderr


def test_a_closed_output_ends_it_quietly(line: PtyLine, device: str) -> None:
    command = [sys.executable, "-m", "reader_agent.commands", "read", "--reader", "em125"]
    reading, writing = os.pipe()
    with subprocess.Popen(
        [*command, "--port", device], stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        os.close(reading)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in stderr


def test_without_an_output_it_ends_before_it_opens_the_reader(line: PtyLine, device: str) -> None:
    command = [sys.executable, "-m", "reader_agent.commands", "read", "--reader", "em125"]
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command, "--port", device],
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["read"], "--reader"),
        (["read", "--reader", "em125"], "--port"),
        (["read", "--reader", "em125", "--port", ""], "which device?"),
        (["read", "--reader", "telepathy", "--port", "/dev/null"], "telepathy"),
        (["read", "--reader", "em125", "--port", "/dev/null", "--mode", "psychic"], "psychic"),
        (["emulate", "em125"], "--link"),
        (["emulate", "em125", "--link", "/nowhere/at/all"], "cannot be made"),
        (["emulate", "em125", "--link", "/dev/null"], "is not a link"),
    ],
)
def test_bad_arguments_exit_with_2_and_say_what_is_wrong(args: list[str], complaint: str) -> None:
    ended = CliRunner().invoke(main, args)
    # What is not said in words is a traceback to the user.
    assert isinstance(ended.exception, SystemExit)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert complaint in ended.stderr


@pytest.mark.parametrize("framing", ["ascii", "raw", "crlf"])
def test_an_emulated_reader_is_read(tmp_path: Path, framing: str) -> None:
    link = str(tmp_path / "emulated")
    with (
        AgentProcess("emulate", "em125", "--link", link, "--framing", framing) as reader,
        AgentProcess("read", "--reader", "em125", "--port", link) as process,
    ):
        assert reader.said() == {"ready": link}
        process.logged("reader.open")
        reader.tell(json.dumps({"tag": TAG, "hold_ms": 200}))
        assert confirmed_tap(process)["tag"] == TAG
        assert reader.said() == {"done": "tag"}
        assert process.stop() == 0
        assert process.has_said_nothing_more()


def test_an_emulated_single_shot_reader_sends_one_frame_at_line_speed(tmp_path: Path) -> None:
    link = str(tmp_path / "emulated")
    with (
        AgentProcess("emulate", "em125", "--link", link, "--single", "--paced") as reader,
        AgentProcess("read", "--reader", "em125", "--port", link) as process,
    ):
        process.logged("reader.open")
        reader.tell(json.dumps({"tag": TAG, "hold_ms": 500}))
        assert process.said()["confirmed"] is False
        reader.said()
        assert reader.said() == {"done": "tag"}
        assert process.stop() == 0
        assert process.has_said_nothing_more()


def test_an_emulated_reader_can_be_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    link = tmp_path / "emulated"
    with (
        AgentProcess("emulate", "em125", "--link", str(link)) as reader,
        AgentProcess("read", "--reader", "em125", "--port", str(link)) as process,
    ):
        reader.said()
        process.logged("reader.open")
        reader.tell('{"unplug":true}')
        assert reader.said() == {"done": "unplug"}
        assert not link.is_symlink()
        reader.tell('{"plug":true}')
        assert reader.said() == {"done": "plug"}
        process.logged("reader.back")
        reader.tell(json.dumps({"raw": GOOD.hex()}))
        assert process.said()["tag"] == TAG


def test_an_emulated_reader_answers_nonsense_with_an_error_and_goes_on(tmp_path: Path) -> None:
    nonsense = [
        "what?",
        "[]",
        "{}",
        '{"unplug":false}',
        '{"raw":"0"}',
        '{"tag":"em4100:1"}',
        '{"tag":"w26:123456"}',
        json.dumps({"tag": TAG, "hold_ms": -1}),
        json.dumps({"tag": TAG, "hold_ms": "long"}),
    ]
    with AgentProcess("emulate", "em125", "--link", str(tmp_path / "emulated")) as reader:
        reader.said()
        for line in nonsense:
            reader.tell(line)
            assert list(reader.said()) == ["error"], line
            reader.tell('{"raw":""}')
            assert reader.said() == {"done": "raw"}, line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_emulated_reader_takes_its_link_away_when_it_ends(tmp_path: Path, number: int) -> None:
    link = tmp_path / "emulated"
    link.symlink_to("/dev/pts/left-over")
    with AgentProcess("emulate", "em125", "--link", str(link)) as reader:
        assert reader.said() == {"ready": str(link)}
        reader.tell(json.dumps({"tag": TAG, "hold_ms": 60_000}))
        assert reader.stop(number) == 0
        assert reader.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_an_emulated_reader_ends_with_its_input(tmp_path: Path) -> None:
    ended = run("emulate", "em125", "--link", str(tmp_path / "emulated"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
