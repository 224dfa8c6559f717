"""The unmodified package `mfrc522` 0.0.7 on the emulated chip: proof that the emulator is one.

It does there what it does on a Raspberry Pi, defects included; and our own driver, which uses no
more of the package than its register access, does not have them.
"""

from __future__ import annotations

import errno
import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from reader_agent.clock import FakeClock
from reader_agent.drivers.rc522_chip import Chip
from reader_agent.drivers.rc522_device import open_registers
from reader_agent.drivers.rc522_field import Field
from reader_agent.drivers.rc522_iso14443a import inventory
from reader_agent.drivers.rc522_package import PackageRegisters
from reader_agent.drivers.rc522_registers import HINT, OpenError
from reader_agent.drivers.rc522_session import Session
from reader_agent.drivers.reader import Listener
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.emulators.spi_modules import BCM, BOARD, Bus, Pins, stand_in
from reader_agent.emulators.tags.classic import MifareClassic
from reader_agent.emulators.tags.spec import make_tag
from reader_agent.presence import Arrival

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "mfrc522.json").read_text(encoding="utf-8")
)
GOLDEN = FACTS["package"]
UID = GOLDEN["read_id_no_block"]["uid"]
UID_AND_BCC = int(GOLDEN["read_id_no_block"]["returns"], 16)
TRANSFER_S = 0.001
"""Slower than a Pi, so that the package reads an answer with its first look, as in the trace."""
KEY = [0xFF] * 6


class Pi:
    """A Raspberry Pi with an emulated RC522 on SPI0, as the package sees it."""

    def __init__(self, node: Path) -> None:
        self.node = node
        self.node.touch()
        self.clock = FakeClock()
        self.emulator = RC522Emulator(Path("/nowhere"), self.clock)
        self.bus = Bus(self._transfer)
        self.pins = Pins(lambda high: self.emulator.set_reset_line(high=high))

    def _transfer(self, data: bytes) -> bytes:
        self.clock.advance(TRANSFER_S)
        return self.emulator.transfer(data)

    def put(self, spec: object) -> Any:
        """Lay a tag on the reader."""
        tag = make_tag(spec)
        self.emulator.put(tag)
        return tag

    def transfers_of(self, action: Callable[[], object]) -> int:
        """How many transfers it takes."""
        before = self.emulator.transfers
        action()
        return self.emulator.transfers - before

    def accesses_of(self, action: Callable[[], object]) -> list[str]:
        """The register accesses that it makes."""
        trace: list[str] = []
        self.emulator.chip.trace = trace
        action()
        self.emulator.chip.trace = None
        return trace

    def open(self, pin: int = 22) -> PackageRegisters:
        """Our own way to the registers."""
        registers = open_registers(str(self.node), pin, 1_000_000)
        assert isinstance(registers, PackageRegisters)
        return registers


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Pi]:
    machine = Pi(tmp_path / "spidev0.0")
    logger = logging.getLogger("mfrc522Logger")
    with stand_in(machine.bus, machine.pins):
        yield machine
    logger.handlers.clear()


@pytest.fixture
def package(pi: Pi) -> Any:
    assert version("mfrc522") == "0.0.7"
    return importlib.import_module("mfrc522")


@pytest.fixture
def simple(package: Any) -> Any:
    return package.SimpleMFRC522()


def test_its_set_up_makes_the_golden_accesses(pi: Pi, package: Any) -> None:
    assert pi.accesses_of(package.MFRC522) == GOLDEN["init"].split()


def test_its_read_makes_the_golden_accesses(pi: Pi, simple: Any) -> None:
    simple.read_id_no_block()
    pi.put(f"nfca:{UID}")
    trace = pi.accesses_of(simple.read_id_no_block)
    assert trace == GOLDEN["read_id_no_block"]["accesses"].split()


def test_it_reads_a_uid_and_its_xor_byte_as_one_number(pi: Pi, simple: Any) -> None:
    pi.put(f"nfca:{UID}")
    assert simple.read_id_no_block() == UID_AND_BCC


def test_an_empty_poll_waits_busily_for_2013_transfers(pi: Pi, simple: Any) -> None:
    trace = pi.accesses_of(lambda: simple.read_id_no_block() is None)
    assert len(trace) == GOLDEN["empty_poll"]["transfers"]
    reads = [access for access in trace if access.startswith("R04")]
    assert len(reads) == GOLDEN["empty_poll"]["reads_of_com_irq"]
    assert simple.read_id_no_block() is None


def test_a_tag_that_lies_still_is_lost_at_every_second_poll(pi: Pi, simple: Any) -> None:
    pi.put(f"nfca:{UID}")
    reads = [simple.read_id_no_block() for _ in range(6)]
    assert reads == [UID_AND_BCC, None] * 3


def test_a_uid_of_seven_bytes_is_cut_and_told_as_another_number(pi: Pi, simple: Any) -> None:
    pi.put(f"nfca:{GOLDEN['cut_uid']['uid']}")
    assert simple.read_id_no_block() == int(GOLDEN["cut_uid"]["returns"], 16)


def test_it_writes_and_reads_the_text_of_a_classic_card(pi: Pi, simple: Any) -> None:
    tag = pi.put(f"nfca:{UID}")
    assert isinstance(tag, MifareClassic)
    text = "hook 14 " * 6
    assert simple.write_no_block(text) == (UID_AND_BCC, text)
    assert b"".join(bytes(tag.blocks[block]) for block in (8, 9, 10)) == text.encode()
    simple.read_id_no_block()  # the poll that a tag lying still does not answer
    assert simple.read_no_block() == (UID_AND_BCC, text)


def test_it_reads_and_writes_single_blocks(pi: Pi, package: Any) -> None:
    tag = pi.put(
        {"model": "classic1k", "uid": UID, "blocks": {"4": "00112233445566778899AABBCCDDEEFF"}}
    )
    reader = package.MFRC522()
    assert reader.MFRC522_Request(reader.PICC_REQIDL) == (reader.MI_OK, 16)
    status, uid = reader.MFRC522_Anticoll()
    assert (status, bytes(uid).hex().upper()) == (reader.MI_OK, UID + "40")
    assert reader.MFRC522_SelectTag(uid) == 0x08
    assert reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 4, KEY, uid) == reader.MI_OK
    assert bytes(reader.MFRC522_Read(4)) == bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    reader.MFRC522_Write(5, list(range(16)))
    assert bytes(tag.blocks[5]) == bytes(range(16))
    assert bytes(reader.MFRC522_Read(5)) == bytes(range(16))
    assert reader.MFRC522_Read(8) is None, "another sector was not opened"


def test_a_wrong_key_is_a_timeout_and_no_answer_follows(pi: Pi, package: Any) -> None:
    pi.put(f"nfca:{UID}")
    reader = package.MFRC522()
    reader.logger.handlers.clear()
    reader.logger.addHandler(logging.NullHandler())
    reader.MFRC522_Request(reader.PICC_REQIDL)
    _, uid = reader.MFRC522_Anticoll()
    reader.MFRC522_SelectTag(uid)
    assert reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 8, [0] * 6, uid) != reader.MI_OK
    assert reader.MFRC522_Read(8) is None


def test_crypto_left_on_silences_every_later_request(pi: Pi, package: Any) -> None:
    pi.put(f"nfca:{UID}")
    reader = package.MFRC522()
    reader.MFRC522_Request(reader.PICC_REQIDL)
    _, uid = reader.MFRC522_Anticoll()
    reader.MFRC522_SelectTag(uid)
    assert reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 8, KEY, uid) == reader.MI_OK
    answers = [reader.MFRC522_Request(reader.PICC_REQALL)[0] for _ in range(3)]
    assert answers == [reader.MI_ERR] * 3
    reader.MFRC522_StopCrypto1()
    assert reader.MFRC522_Request(reader.PICC_REQALL)[0] == reader.MI_OK


def test_a_card_that_leaves_in_mid_write_crashes_it(pi: Pi, package: Any) -> None:
    pi.put(f"nfca:{UID}")
    reader = package.MFRC522()
    reader.MFRC522_Request(reader.PICC_REQIDL)
    _, uid = reader.MFRC522_Anticoll()
    reader.MFRC522_SelectTag(uid)
    reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 4, KEY, uid)
    pi.emulator.remove()
    with pytest.raises(IndexError):
        reader.MFRC522_Write(4, [0] * 16)


def test_it_adds_a_log_handler_at_every_construction(package: Any) -> None:
    before = len(logging.getLogger("mfrc522Logger").handlers)
    for _ in range(3):
        package.MFRC522()
    assert len(logging.getLogger("mfrc522Logger").handlers) == before + 3


def test_left_to_itself_it_drives_the_line_of_the_uart(pi: Pi, package: Any) -> None:
    pi.pins.setmode(BCM)
    package.MFRC522()
    assert pi.pins.outputs == {15: 1}


# Our driver on the same package.


@pytest.mark.parametrize(
    ("mode", "header_pin", "driven"),
    [(None, 22, 22), (BOARD, 22, 22), (BCM, 22, 25), (None, 18, 18), (BCM, 18, 24)],
)
def test_our_driver_never_takes_the_uarts_pin(
    pi: Pi, mode: int | None, header_pin: int, driven: int
) -> None:
    pi.pins.mode = mode
    registers = pi.open(header_pin)
    assert pi.pins.outputs == {driven: 1}
    registers.close()
    assert pi.pins.cleaned == [driven]
    assert pi.pins.outputs == {}


def test_our_driver_leaves_the_pins_of_others_alone(pi: Pi) -> None:
    pi.pins.setmode(BCM)
    pi.pins.setup(18, 0)
    pi.open().close()
    assert pi.pins.outputs == {18: 0}
    assert pi.pins.mode == BCM


def test_our_driver_opens_it_ever_anew_without_handlers_handles_and_files(pi: Pi) -> None:
    files = len(list(Path("/proc/self/fd").iterdir()))
    handlers = list(logging.getLogger("mfrc522Logger").handlers)
    for _ in range(20):
        pi.open().close()
    assert logging.getLogger("mfrc522Logger").handlers == handlers
    assert pi.bus.open_handles == 0
    assert len(list(Path("/proc/self/fd").iterdir())) == files


def test_our_driver_reads_every_length_of_uid_through_the_package(pi: Pi) -> None:
    chip = Chip(pi.open(), pause=pi.clock.advance)
    assert chip.set_up()
    tags = ["nfca:3D99C723", "nfca:04416D412B0289", "nfca:04416D412B0289AABBCC"]
    for tag in tags:
        pi.put(tag)
    known: list[bytes] = []
    for _ in range(3):
        cards = inventory(chip, known)
        assert sorted(card.tag for card in cards) == sorted(tags)
        known = [card.uid for card in cards]


def test_our_driver_polls_through_the_package_with_few_transfers(pi: Pi) -> None:
    arrivals: list[Arrival] = []
    chip = Chip(pi.open(), pause=pi.clock.advance)
    field = Field("counter", Listener(arrivals.append), 0.125)
    session = Session("/dev/spidev0.0", chip, field, pi.clock, pause=pi.clock.advance)
    session.turn()
    assert 0 < pi.transfers_of(session.turn) <= 40
    pi.put({"model": "ntag215", "uid": "04E20B66100289", "url": "https://valet.example/t"})
    session.turn()
    assert [(each.tag, each.text) for each in arrivals] == [
        ("nfca:04E20B66100289", "https://valet.example/t")
    ]


def test_our_driver_resets_the_chip_by_its_pin(pi: Pi) -> None:
    chip = Chip(pi.open(), pause=pi.clock.advance)
    pi.emulator.fault("rst_low")
    assert not chip.set_up()
    chip.pulse_reset()
    assert chip.set_up()


def test_a_second_process_finds_the_device_busy(pi: Pi) -> None:
    first = pi.open()
    with pytest.raises(OpenError) as refused:
        pi.open()
    assert refused.value.fault == "port_busy"
    first.close()
    pi.open().close()


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [
        (RuntimeError("Cannot determine SOC peripheral base address"), "gpio_failed"),
        (type("error", (Exception,), {"__module__": "lgpio"})("'GPIO busy'"), "gpio_failed"),
        (RuntimeError("No access to /dev/mem.  Try running as root!"), "gpio_failed"),
        (PermissionError(errno.EACCES, "Permission denied"), "port_forbidden"),
    ],
)
def test_a_pin_that_cannot_be_had_is_told_and_leaves_nothing_open(
    pi: Pi, refusal: Exception, fault: str
) -> None:
    pi.pins.refusal = refusal
    files = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OpenError) as refused:
        pi.open()
    assert refused.value.fault == fault
    assert str(refusal.args[-1]) in refused.value.detail
    assert pi.bus.open_handles == 0
    assert len(list(Path("/proc/self/fd").iterdir())) == files


def test_a_bus_that_is_not_there_is_missing(pi: Pi) -> None:
    pi.bus.is_there = False
    with pytest.raises(OpenError) as refused:
        pi.open()
    assert refused.value.fault == "port_missing"


@pytest.mark.parametrize(
    ("error", "fault", "advice"),
    [
        (RuntimeError("This module can only be run on a Raspberry Pi!"), "not_a_pi", "rpi-lgpio"),
        (ImportError("No module named 'mfrc522'"), "package_missing", "--no-deps mfrc522"),
        (OSError("can not open gpiochip"), "gpio_failed", "rpi-lgpio"),
    ],
)
def test_a_package_that_cannot_be_imported_is_told_with_what_to_do(
    pi: Pi, monkeypatch: pytest.MonkeyPatch, error: Exception, fault: str, advice: str
) -> None:
    def fail(name: str) -> Any:
        raise error

    monkeypatch.setattr("reader_agent.drivers.rc522_package.importlib.import_module", fail)
    with pytest.raises(OpenError) as refused:
        pi.open()
    assert refused.value.fault == fault
    assert advice in HINT[fault]
    assert str(error) in refused.value.detail


def test_here_the_real_rpi_gpio_is_not_installed(tmp_path: Path) -> None:
    # No stand-ins: what a laptop with the package and without its dependencies says.
    node = tmp_path / "spidev0.0"
    node.touch()
    with pytest.raises(OpenError) as refused:
        open_registers(str(node), 22, 1_000_000)
    assert refused.value.fault in ("package_missing", "not_a_pi")
    assert "mfrc522" not in sys.modules


def test_a_device_without_permission_is_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    node = tmp_path / "spidev0.0"
    node.touch()
    monkeypatch.setattr("reader_agent.drivers.rc522_package.os.open", refuse)
    with pytest.raises(OpenError) as refused:
        open_registers(str(node), 22, 1_000_000)
    assert refused.value.fault == "port_forbidden"
    assert "spi and gpio" in HINT["port_forbidden"]


def test_a_pin_that_fails_later_is_a_failure_of_the_bus_and_leaves_nothing_open(pi: Pi) -> None:
    registers = pi.open()
    files = len(list(Path("/proc/self/fd").iterdir()))
    pi.pins.refusal = RuntimeError("lgpio: unknown handle")
    with pytest.raises(OSError, match="unknown handle"):
        registers.pulse_reset()
    with pytest.raises(OSError, match="unknown handle"):
        registers.close()
    assert pi.bus.open_handles == 0
    assert len(list(Path("/proc/self/fd").iterdir())) == files - 1
