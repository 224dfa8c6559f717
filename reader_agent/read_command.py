"""`valet-agent read`: a reader on the command line.

It prints one JSON line for each arrival and nothing else; what there is to say about the port
goes to stderr. An arrival is one line: with `"confirmed": true` as soon as the station would act
on it, or with `"confirmed": false` when what would confirm it has not come in time. Only a tag
that is confirmed later still gives a second, confirmed line.
"""

from __future__ import annotations

import signal
import threading
from _thread import start_new_thread
from datetime import datetime

import click

from reader_agent.arrival_lines import ArrivalLines
from reader_agent.clock import SystemClock
from reader_agent.command_output import log_to_stderr, nobody_listens, say
from reader_agent.confirmation import Mode
from reader_agent.drivers.em125 import Framing
from reader_agent.drivers.reader import Listener
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.drivers.readers import FAMILIES, open_reader
from reader_agent.presence import Arrival

LISTENER_POLL_S = 0.05
FRAMINGS = [framing.value for framing in Framing]


@click.command()
@click.option("--reader", "family", type=click.Choice(list(FAMILIES)), required=True)
@click.option("--port", required=True, metavar="DEVICE", help="Device of the reader.")
@click.option("--framing", type=click.Choice(["auto", *FRAMINGS]), help="em125; default: auto.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), help="em125.")
@click.option("--option", "-o", "options", multiple=True, metavar="NAME=VALUE")
def read(family: str, port: str, options: tuple[str, ...], **settings: str | None) -> None:
    """Print every tag that arrives at a reader, as JSON lines, until stopped.

    A device that is not there is waited for. A line says "confirmed": true when the station
    would act on the tag. Any setting of the reader can be given with -o, as in its line of
    configuration.
    """
    if nobody_listens():
        # The number of a closed output would go to the next file that is opened: the reader.
        return
    log_to_stderr()
    clock = SystemClock()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On a thread of its own: the handler may interrupt `over.wait`, whose lock `set` needs.
        signal.signal(number, lambda *_: start_new_thread(over.set, ()))

    def print_arrival(arrival: Arrival, wall: datetime) -> None:
        try:
            say({**_facts(arrival, port), "wall": wall.isoformat()})
        except OSError:
            over.set()

    lines = ArrivalLines(print_arrival, clock)
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        config = ReaderConfig(family, port, {**given, **_pairs(options)})
        reader = open_reader(config, Listener(lines.arrived), clock)
    except ReaderConfigError as error:
        raise click.UsageError(str(error)) from None
    try:
        while not over.wait(LISTENER_POLL_S) and not nobody_listens():
            lines.tick(clock.mono_ns())
    finally:
        reader.close()
        lines.end()


def _pairs(options: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise click.UsageError(f"-o {option}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def _facts(arrival: Arrival, port: str) -> dict[str, object]:
    known = {"rssi_dbm": arrival.rssi_dbm, "text": arrival.text}
    return {
        "tag": arrival.tag,
        "reader": arrival.reader,
        "port": port,
        "confirmed": arrival.confirmed,
        "mono_ns": arrival.mono_ns,
        **{name: value for name, value in known.items() if value is not None},
    }
