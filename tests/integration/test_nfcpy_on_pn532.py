"""Unmodified nfcpy on the emulated PN532: its authors knew real chips, and not our emulator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import pytest

from reader_agent.cards.ndef import uri_of
from reader_agent.clock import SystemClock
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import PtyLine

URL = "https://example.com/t/7"
LONG_URL = "https://example.com/t/" + "7" * 300
TYPE_A = nfc.clf.RemoteTarget("106A")
META_KEY = "0102030405060708090A0B0C0D0E0F10"
FILE_KEY = "1112131415161718191A1B1C1D1E1F20"
SECURE = {
    "model": "ntag424",
    "uid": "04112233445577",
    "url": "https://example.com/t",
    "meta_key": META_KEY,
    "file_key": FILE_KEY,
}


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[PN532Emulator]:
    emulator = PN532Emulator(PtyLine(tmp_path / "valet-pn532"), SystemClock())
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def clf(emulator: PN532Emulator, tmp_path: Path) -> Iterator[Any]:
    """nfcpy's frontend on the emulated chip, opened as its own code opens one."""
    transport = nfc.clf.transport.TTY(os.path.realpath(tmp_path / "valet-pn532"))
    frontend = nfc.ContactlessFrontend()
    frontend.device = nfc.clf.pn532.init(transport)
    yield frontend
    frontend.close()


def sense(clf: Any) -> Any:
    return nfc.tag.activate(clf, clf.sense(TYPE_A))


def test_nfcpy_finds_the_chip_and_raises_its_speed(clf: Any, emulator: PN532Emulator) -> None:
    assert clf.device.chipset_name == "PN532v1.6"
    assert clf.device.chipset.transport.baudrate == emulator.firmware.baud == 921600
    codes = {command[0] for command in emulator.commands}
    assert {0x00, 0x02, 0x10, 0x12, 0x14, 0x32} <= codes


def test_nfcpy_puts_the_speed_back_and_the_chip_to_sleep(
    emulator: PN532Emulator, tmp_path: Path
) -> None:
    for _ in range(2):
        transport = nfc.clf.transport.TTY(os.path.realpath(tmp_path / "valet-pn532"))
        device = nfc.clf.pn532.init(transport)
        device.close()
        assert emulator.firmware.baud == 115200
        assert emulator.firmware.is_asleep
        assert emulator.commands[-1][0] == 0x16


def test_nfcpy_senses_nothing_where_nothing_lies(clf: Any) -> None:
    assert clf.sense(TYPE_A) is None


@pytest.mark.parametrize(
    ("spec", "uid", "sak"),
    [
        ("nfca:11223344", "11223344", 0x08),
        ("nfca:04112233445566", "04112233445566", 0x00),
        ("nfca:0102030405060708090A", "0102030405060708090a", 0x00),
        (SECURE, "04112233445577", 0x20),
    ],
)
def test_nfcpy_senses_cards_of_every_kind(
    clf: Any, emulator: PN532Emulator, spec: object, uid: str, sak: int
) -> None:
    emulator.put(spec)
    target = clf.sense(TYPE_A)
    assert target.sdd_res.hex() == uid
    assert target.sel_res[0] == sak


@pytest.mark.parametrize("url", [URL, LONG_URL])
def test_nfcpy_reads_the_link_of_an_ntag215(clf: Any, emulator: PN532Emulator, url: str) -> None:
    emulator.put({"model": "ntag215", "uid": "04AB87F2CA1190", "url": url})
    tag = sense(clf)
    assert tag.product == "NXP NTAG215"
    assert tag.identifier.hex() == "04ab87f2ca1190"
    assert [record.uri for record in tag.ndef.records] == [url]
    assert tag.signature[:4].hex() == "67b1750b"
    assert tag.dump()[0].startswith("000: 04 ab 87")


def test_nfcpy_writes_an_ntag215_which_remembers(clf: Any, emulator: PN532Emulator) -> None:
    emulator.put("nfca:04112233445566")
    tag = sense(clf)
    tag.ndef.octets = bytes.fromhex("D1010A5504") + b"casco.pa/"
    emulator.remove()
    assert not tag.is_present
    emulator.put("nfca:04112233445566")
    assert [record.uri for record in sense(clf).ndef.records] == ["https://casco.pa/"]


def test_nfcpy_reads_the_link_of_an_ntag424_which_counts(clf: Any, emulator: PN532Emulator) -> None:
    emulator.put(SECURE)
    links = []
    for _ in range(2):
        tag = sense(clf)
        assert tag.type == "Type4Tag"
        assert tag.is_present
        # Not as a record: ndeflib writes the signs of a query in its own way.
        links.append(uri_of(bytes(tag.ndef.octets)) or "")
    assert all(link.startswith("https://example.com/t?picc_data=") for link in links)
    assert links[0] != links[1]


def test_nfcpy_selects_one_of_two_cards_by_its_uid(clf: Any, emulator: PN532Emulator) -> None:
    emulator.put("nfca:04112233445566")
    emulator.put("nfca:04AAAAAAAAAAAA")
    for uid in ("04112233445566", "04aaaaaaaaaaaa"):
        wanted = nfc.clf.RemoteTarget("106A", sel_req=bytearray.fromhex(uid))
        assert clf.sense(wanted).sdd_res.hex() == uid
