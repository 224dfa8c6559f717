"""What is wrong with the readers, in a technician's words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reader_agent.device_names import Device
from reader_agent.doctor import Finding, examine
from reader_agent.drivers.port_watch import PORT_BUSY, PORT_FAILED
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.reader_probe import Answer

Probe = Callable[[Device, str | None], Answer]


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    folder = tmp_path / "dev"
    folder.mkdir()
    (folder / "ttyUSB0").touch()
    return folder


def saying(answer: Answer) -> Probe:
    return lambda _device, _expected: answer


def the_one(dev: Path, answer: Answer, *configured: ReaderConfig) -> Finding:
    (finding,) = examine(configured, (), saying(answer), dev)
    return finding


def config(family: str, device: Path) -> ReaderConfig:
    return ReaderConfig(family, str(device), {})


def test_a_reader_that_answers_is_named_and_nothing_is_wrong(dev: Path) -> None:
    finding = the_one(dev, Answer("pn532", "PN532 v1.6"), config("pn532", dev / "ttyUSB0"))
    assert finding.wrong == []
    assert finding.line() == {
        "device": str(dev / "ttyUSB0"),
        "name": str(dev / "ttyUSB0"),
        "configured": "pn532",
        "answers": "pn532",
        "chip": "PN532 v1.6",
        "wrong": [],
    }


def test_a_port_that_nobody_configured_is_not_wrong(dev: Path) -> None:
    assert the_one(dev, Answer()).wrong == []


def test_two_swapped_plugs_are_pointed_out(dev: Path) -> None:
    finding = the_one(dev, Answer("r200", "M100"), config("pn532", dev / "ttyUSB0"))
    assert finding.wrong == [
        "configured as pn532, but a r200 answers: are two plugs swapped?",
    ]


def test_a_silent_reader_that_can_be_asked_is_a_matter_of_wiring(dev: Path) -> None:
    (said,) = the_one(dev, Answer(), config("pn532", dev / "ttyUSB0")).wrong
    assert "no pn532 answers" in said
    assert "TX goes to RX" in said


@pytest.mark.parametrize("family", ["em125", "scanner"])
def test_a_reader_that_only_talks_is_not_called_dead(dev: Path, family: str) -> None:
    (said,) = the_one(dev, Answer(), config(family, dev / "ttyUSB0")).wrong
    assert "only talks" in said
    assert "hold a tag or code to it" in said


def test_a_configured_device_that_is_not_there_is_listed(dev: Path) -> None:
    there, missing = examine((config("em125", dev / "valet-em125"),), (), saying(Answer()), dev)
    assert there.wrong == []
    assert missing.name == str(dev / "valet-em125")
    assert "no such device" in missing.wrong[0]


def test_a_busy_port_names_who_holds_it(dev: Path) -> None:
    with (dev / "ttyUSB0").open("rb"):
        (said,) = the_one(dev, Answer(fault=PORT_BUSY)).wrong
    assert "another process has it open" in said
    assert str(os.getpid()) in said


def test_a_fault_without_words_of_its_own_is_told_by_its_code(dev: Path) -> None:
    assert PORT_FAILED in the_one(dev, Answer(fault=PORT_FAILED)).wrong[0]


def test_no_permission_says_which_group(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (said,) = the_one(dev, Answer()).wrong
    assert "usermod -aG dialout" in said


def test_a_name_shared_by_all_adapters_is_wrong(dev: Path) -> None:
    by_id = dev / "serial" / "by-id"
    by_id.mkdir(parents=True)
    (by_id / "usb-1a86_USB_Serial-if00-port0").symlink_to(dev / "ttyUSB0")
    assert "name the socket" in the_one(dev, Answer()).wrong[0]


def test_only_the_asked_port_is_looked_at(dev: Path, tmp_path: Path) -> None:
    other = tmp_path / "pts"
    other.touch()
    (finding,) = examine((), (str(other),), saying(Answer("em125")), dev)
    assert (finding.device, finding.answer.family) == (str(other), "em125")
