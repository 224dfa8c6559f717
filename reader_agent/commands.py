"""`valet-agent read` and `valet-agent emulate`: a reader on the command line, and one made of
software.

`read` prints one JSON line for each arrival and nothing else; what there is to say about the
port goes to stderr. An arrival is one line: with `"confirmed": true` as soon as the station would
act on it, or with `"confirmed": false` when a repeat that would confirm it has not come in time.
Only a tag that is confirmed later still gives a second, confirmed line.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click
import structlog

from reader_agent.arrival_lines import ArrivalLines
from reader_agent.clock import SystemClock
from reader_agent.confirmation import Mode
from reader_agent.drivers.em125 import Framing
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.drivers.readers import FAMILIES, open_reader
from reader_agent.emulators.command_lines import serve
from reader_agent.emulators.em125 import EM125Emulator
from reader_agent.emulators.pty_line import LinkError, PtyLine
from reader_agent.presence import Arrival

STDOUT = 1
LISTENER_POLL_S = 0.05
FRAMINGS = [framing.value for framing in Framing]


@click.command()
@click.option("--reader", "family", type=click.Choice(list(FAMILIES)), required=True)
@click.option("--port", required=True, metavar="DEVICE", help="Serial device of the reader.")
@click.option("--framing", type=click.Choice(["auto", *FRAMINGS]), help="Default: auto.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), help="Default: auto.")
def read(family: str, port: str, **settings: str | None) -> None:
    """Print every tag that arrives at a reader, as JSON lines, until stopped.

    A device that is not there is waited for. A line says "confirmed": true when the station
    would act on the tag.
    """
    if _nobody_listens():
        # The number of a closed output would go to the next file that is opened: the reader.
        return
    _log_to_stderr()
    clock = SystemClock()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())

    def print_arrival(arrival: Arrival, wall: datetime) -> None:
        try:
            _say({**_facts(arrival, port), "wall": wall.isoformat()})
        except OSError:
            over.set()

    lines = ArrivalLines(print_arrival, clock)
    given = {name: value for name, value in settings.items() if value is not None}
    config = ReaderConfig(family, port, given)
    try:
        reader = open_reader(config, Listener(lines.arrived), clock)
    except ReaderConfigError as error:
        raise click.UsageError(str(error)) from None
    try:
        while not over.wait(LISTENER_POLL_S) and not _nobody_listens():
            lines.tick(clock.mono_ns())
    finally:
        reader.close()
        lines.end()


@click.group()
def emulate() -> None:
    """Be a reader: a device made of software that a station can open."""


@emulate.command("em125")
@click.option("--link", required=True, type=click.Path(path_type=Path), help="Name of the device.")
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
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_quietly)
    line = PtyLine(link)
    emulator = EM125Emulator(
        line,
        SystemClock(),
        framing=Framing(framing),
        repeat_ms=None if single else repeat_ms,
        paced=paced,
    )
    try:
        line.plug()
        with contextlib.suppress(BrokenPipeError):
            _say({"ready": str(link)})
            serve(emulator, sys.stdin.buffer, _say)
    except LinkError as error:
        raise click.UsageError(str(error)) from None
    finally:
        line.unplug()


@click.group()
def main() -> None:
    """The reader commands alone, for `python -m reader_agent.commands`."""


main.add_command(read)
main.add_command(emulate)


def _facts(arrival: Arrival, port: str) -> dict[str, object]:
    return {
        "tag": arrival.tag,
        "reader": arrival.reader,
        "port": port,
        "confirmed": arrival.confirmed,
        "mono_ns": arrival.mono_ns,
    }


def _say(fact: Mapping[str, object]) -> None:
    """One JSON line, out at once; unbuffered, so that nothing is left to flush at the end."""
    os.write(STDOUT, json.dumps(fact).encode() + b"\n")


def _nobody_listens() -> bool:
    """Whether the other end of our output is closed, which a write would notice only later."""
    poll = select.poll()
    poll.register(STDOUT, 0)
    return bool(poll.poll(0))


def _end_quietly(*_: object) -> None:
    raise SystemExit(0)


def _log_to_stderr() -> None:
    """Log lines must not get between the JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"]),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


if __name__ == "__main__":
    main()
