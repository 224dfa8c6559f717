"""`valet-agent emulate`, `read` and `doctor` together, as a technician uses them: as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.sun import read_sun_url, verify_sun
from tests.agent_process import AgentProcess

UID = "04C5CA1001D380"
COUNTER = 7
KEY = "00112233445566778899AABBCCDDEEFF"
CARD: dict[str, object] = {
    "model": "ntag424",
    "uid": UID,
    "url": "https://v.example/t",
    "meta_key": KEY,
    "file_key": KEY,
    "counter": COUNTER,
}
EPC = "epc:E200001D7315016521408FC6"
HOLD_MS = 900


@contextmanager
def emulated(family: str, link: Path) -> Iterator[AgentProcess]:
    """A reader made of software, in a process of its own."""
    with AgentProcess("emulate", family, "--link", str(link)) as process:
        assert process.said() == {"ready": str(link)}
        yield process


def order(process: AgentProcess, **command: object) -> None:
    """Tell an emulator something and wait until it is done."""
    process.tell(json.dumps(command))
    assert "done" in process.said()


@pytest.mark.parametrize(
    ("family", "command", "tag"),
    [
        ("pn532", {"tag": CARD, "hold_ms": HOLD_MS}, f"nfca:{UID}"),
        ("rc522", {"tag": CARD, "hold_ms": HOLD_MS}, f"nfca:{UID}"),
        ("r200", {"tag": EPC, "rssi_dbm": -50, "hold_ms": HOLD_MS}, EPC),
        ("scanner", {"code": "CV1:H-0427:4711"}, "code:9525ecaf756ae5775428283f90ef0695"),
    ],
)
def test_what_is_laid_on_an_emulated_reader_is_printed(
    tmp_path: Path, family: str, command: dict[str, object], tag: str
) -> None:
    link = tmp_path / family
    with (
        emulated(family, link) as device,
        AgentProcess("read", "--reader", family, "--port", str(link)) as read,
    ):
        read.logged("reader.open")
        order(device, **command)
        arrival = said_of(read, device, command)
        assert (arrival["tag"], arrival["reader"], arrival["confirmed"]) == (tag, family, True)
        if family in ("pn532", "rc522"):
            proof = verify_sun(read_sun_url(arrival["text"]), bytes.fromhex(KEY), key_of)
            assert proof is not None
            assert (proof.uid, proof.counter > COUNTER) == (UID, True)
        assert read.stop() == 0


def key_of(_uid: str) -> bytes:
    return bytes.fromhex(KEY)


def said_of(read: AgentProcess, device: AgentProcess, command: dict[str, object]) -> dict[str, Any]:
    """The next confirmed line; a reader that is still looking for its chip gets the tag again."""
    while read.has_said_nothing_more():
        order(device, **command)
    said = read.said()
    while not said["confirmed"]:
        said = read.said()
    return said


def doctor(*ports: Path, wait_s: float = 3.0) -> tuple[int, list[dict[str, Any]]]:
    """What the doctor finds on these ports: the exit status, and a line for each."""
    options = [word for port in ports for word in ("--port", str(port))]
    command = [sys.executable, "-m", "reader_agent.commands", "doctor", "--json"]
    done = subprocess.run(
        [*command, "--wait", str(wait_s), *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("family", "chip"),
    [("pn532", "PN532 v1.6"), ("r200", "M100"), ("rc522", "MFRC522 v2.0")],
)
def test_the_doctor_recognises_readers_that_can_be_asked(
    tmp_path: Path, family: str, chip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / family
    if family == "rc522":
        # A socket cannot be told from a serial port by its name: the configuration says it.
        for name, value in station_settings(tmp_path, f"rc522:{link}").items():
            monkeypatch.setenv(name, value)
    with emulated(family, link):
        status, (finding,) = doctor(link)
    assert (finding["answers"], finding["wrong"]) == (family, [])
    assert finding["chip"].startswith(chip)
    assert status == 0


def test_the_doctor_names_who_holds_a_port(tmp_path: Path) -> None:
    link = tmp_path / "pn532"
    with (
        emulated("pn532", link),
        AgentProcess("read", "--reader", "pn532", "--port", str(link)) as read,
    ):
        read.logged("reader.open")
        status, (finding,) = doctor(link)
        assert status == 1
        assert str(read.process.pid) in finding["wrong"][0]


def test_the_doctor_says_that_a_device_is_missing(tmp_path: Path) -> None:
    status, (finding,) = doctor(tmp_path / "valet-none")
    assert status == 1
    assert "no such device" in finding["wrong"][0]


def test_the_doctor_hears_a_reader_that_only_talks(tmp_path: Path) -> None:
    link = tmp_path / "em125"
    with emulated("em125", link) as device:
        # On it for as long as the doctor asks others first.
        device.tell(json.dumps({"tag": "em4100:010063E9AE", "hold_ms": 20_000}))
        status, (finding,) = doctor(link, wait_s=1.0)
        assert (finding["answers"], finding["wrong"], status) == ("em125", [], 0)


def station_settings(folder: Path, readers: str) -> dict[str, str]:
    """What a station's environment has to say."""
    return {
        "VALET_AGENT_STATION_ID": "herrera-1",
        "VALET_AGENT_PLACE_ID": "herrera",
        "VALET_AGENT_ROLE": "booth",
        "VALET_AGENT_LETTER": "H",
        "VALET_AGENT_DATA_DIR": str(folder / "data"),
        "VALET_AGENT_CLOUD_URL": "http://127.0.0.1:9",
        "VALET_AGENT_READERS": readers,
    }
