"""`valet-agent emulate`: a reader made of software, which obeys JSON lines on its input."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click

from reader_agent.clock import SystemClock
from reader_agent.command_output import say
from reader_agent.drivers.em125 import Framing
from reader_agent.emulators.command_lines import Obedient, serve
from reader_agent.emulators.em125 import EM125Emulator
from reader_agent.emulators.pn532 import PN532Emulator
from reader_agent.emulators.pty_line import LinkError, PtyLine
from reader_agent.emulators.r200 import R200Emulator
from reader_agent.emulators.rc522 import RC522Emulator
from reader_agent.emulators.scanner import ENDS, ScannerEmulator

FRAMINGS = [framing.value for framing in Framing]
_LINK = click.option(
    "--link", required=True, type=click.Path(path_type=Path), help="Name of the device."
)
_TIMING = click.option(
    "--timing",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Stretches its answers: 2 is half as fast, 0 at once.",
)


@click.group()
def emulate() -> None:
    """Be a reader: a device made of software that a station can open."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_quietly)


@emulate.command("em125")
@_LINK
@click.option("--framing", type=click.Choice(FRAMINGS), default="ascii", show_default=True)
@click.option(
    "--repeat-ms",
    type=click.IntRange(min=1),
    default=65,
    show_default=True,
    help="From frame to frame while a tag lies on the reader.",
)
@click.option("--single", is_flag=True, help="One frame a presentation, however long it lasts.")
@click.option("--paced", is_flag=True, help="Send no faster than 9600 baud.")
def emulate_em125(link: Path, framing: str, repeat_ms: int, single: bool, paced: bool) -> None:
    """Be a 125 kHz reader that takes commands as JSON lines on its input.

    \b
    {"tag": "em4100:010063E9AE", "hold_ms": 300}   lay a tag on it
    {"raw": "0230"}                                send bytes as they are
    {"unplug": true}  {"plug": true}               take the device away, bring it back
    """
    line = PtyLine(link)
    emulator = EM125Emulator(
        line,
        SystemClock(),
        framing=Framing(framing),
        repeat_ms=None if single else repeat_ms,
        paced=paced,
    )
    with _link_in_words():
        try:
            line.plug()
            _obey_until_the_end(emulator, link)
        finally:
            line.unplug()


@emulate.command("pn532")
@_LINK
@_TIMING
def emulate_pn532(link: Path, timing: float) -> None:
    """Be a PN532 on a serial line, with the tags of emulators/tags/spec.py.

    \b
    {"tag": "nfca:04416D412B0289", "hold_ms": 300}
    {"tag": {"model": "ntag424", "uid": "04C5CA1001D380"}}
    {"put": ...}  {"remove": true}  {"fault": "no_ack", "count": 1}
    {"unplug": true}  {"plug": true}
    """
    _run(PN532Emulator(PtyLine(link), SystemClock(), timing=timing), link)


@emulate.command("r200")
@_LINK
@_TIMING
@click.option("--pair", type=click.Choice(["bb", "aa"]), default="bb", show_default=True)
def emulate_r200(link: Path, timing: float, pair: str) -> None:
    """Be a UHF module; header and end of its frames are BB 7E or AA DD.

    \b
    {"tag": "epc:E200001D7315016521408FC6", "rssi_dbm": -55, "hold_ms": 3000}
    {"put": ...}  {"remove": true}  {"fault": "bad_crc", "count": 1}
    {"unplug": true}  {"plug": true}
    """
    _run(R200Emulator(PtyLine(link), SystemClock(), pair=pair, timing=timing), link)


@emulate.command("scanner")
@_LINK
@_TIMING
@click.option("--end", type=click.Choice(list(ENDS)), default="crlf", show_default=True)
@click.option("--plain", is_flag=True, help="It has no command channel: it only talks.")
def emulate_scanner(link: Path, timing: float, end: str, *, plain: bool) -> None:
    """Be a scanner of QR codes and barcodes, a GM65 unless told otherwise.

    \b
    {"code": "052301"}                    scan a code
    {"fault": "split", "count": 1}
    {"unplug": true}  {"plug": true}
    """
    scanner = ScannerEmulator(PtyLine(link), SystemClock(), end=end, gm65=not plain, timing=timing)
    _run(scanner, link)


@emulate.command("rc522")
@click.option("--link", required=True, type=click.Path(path_type=Path), help="Name of the socket.")
def emulate_rc522(link: Path) -> None:
    """Be an RC522, register by register, on a Unix socket that a station opens as its device.

    \b
    {"tag": "nfca:3D99C723", "hold_ms": 300}
    {"put": ...}  {"remove": true}  {"fault": "chip_reset", "count": 1}
    {"unplug": true}  {"plug": true}
    """
    _run(RC522Emulator(link, SystemClock()), link)


class _Device(Obedient, Protocol):
    """An emulator with a thread of its own."""

    def start(self) -> None:
        """Appear."""

    def stop(self) -> None:
        """Disappear."""


def _run(device: _Device, link: Path) -> None:
    with _link_in_words():
        device.start()
        try:
            _obey_until_the_end(device, link)
        finally:
            device.stop()


def _obey_until_the_end(emulator: Obedient, link: Path) -> None:
    with contextlib.suppress(BrokenPipeError):
        say({"ready": str(link)})
        serve(emulator, sys.stdin.buffer, say)


@contextmanager
def _link_in_words() -> Iterator[None]:
    try:
        yield
    except LinkError as error:
        raise click.UsageError(str(error)) from None


def _end_quietly(*_: object) -> None:
    raise SystemExit(0)
