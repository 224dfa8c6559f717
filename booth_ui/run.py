"""The station's process: opens everything in order, waits, and closes it in the other order.

Screen first, so that a station whose reader or network is missing says so; the network last,
because nothing here waits for it.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import signal
import sqlite3
import sys
import threading
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import structlog

from booth_ui import sd_notify
from booth_ui.app import create_app
from booth_ui.screen_server import ScreenServer
from reader_agent.clock import Clock, SystemClock
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config, ConfigError, read_config
from reader_agent.drivers.reader import CardReader, Listener, Reader
from reader_agent.drivers.reader_config import ReaderConfigError
from reader_agent.drivers.readers import open_reader
from reader_agent.photo_upload import photo_upload_of
from reader_agent.practice import Practice
from reader_agent.presence import Arrival
from reader_agent.sign_in.pin_upload import pin_upload_of
from reader_agent.station import Station
from reader_agent.station_db import StationDBError
from reader_agent.station_key import KeyRing, StationKeyError

END_WITHIN_S = 2.8
"""systemd and the demo give three seconds; what hangs by then is shown and left behind."""
GLANCE_S = 1.0
STUCK_AFTER_S = 30
EXIT_BAD_CONFIG = 2
EXIT_CANNOT_START = 1

_log = structlog.get_logger(__name__)


def run_station(config_path: Path | None) -> int:
    """Run until SIGTERM or SIGINT; the exit status. Faults are told in words, without a trace."""
    _log_to_stderr()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On a thread of its own: the handler may interrupt `over.wait`, whose lock `set` needs.
        signal.signal(number, lambda *_: start_new_thread(over.set, ()))
    try:
        config = read_config(config_path)
    except ConfigError as error:
        for fault in error.faults:
            click.echo(f"valet-agent: {fault}", err=True)
        return EXIT_BAD_CONFIG
    try:
        with _running(config) as watched:
            sd_notify.notify(sd_notify.READY)
            _wait(over, watched)
            sd_notify.notify(sd_notify.STOPPING)
            # Everything that matters is on the disk already: a hang may not hold up a restart.
            faulthandler.dump_traceback_later(END_WITHIN_S, exit=True)
    except (StationDBError, StationKeyError, ReaderConfigError, OSError, sqlite3.Error) as error:
        click.echo(f"valet-agent: {error}", err=True)
        return EXIT_CANNOT_START
    finally:
        faulthandler.cancel_dump_traceback_later()
    return 0


class _Watched:
    """What has to move for the agent to count as alive."""

    def __init__(self, station: Station, readers: list[Reader], clock: Clock) -> None:
        self._station = station
        self._readers = readers
        self._clock = clock

    def is_alive(self) -> bool:
        """Whether the station answers and every reader's thread still gets round its loop."""
        self._station.status()
        turned = [reader.health().port.turned_mono_ns for reader in self._readers]
        oldest_ns = self._clock.mono_ns() - STUCK_AFTER_S * 1_000_000_000
        return all(mono_ns is None or mono_ns > oldest_ns for mono_ns in turned)


@contextmanager
def _running(config: Config) -> Iterator[_Watched]:
    with ExitStack() as opened:
        clock = SystemClock(assume_synced=config.assume_clock_synced)
        station = Station(config, clock)
        opened.callback(station.close)
        keys = KeyRing(config.data_dir)
        practice = Practice(station, config, clock)
        opened.callback(practice.stop)
        screen = ScreenServer(create_app(station, practice), config.screen_port)
        screen.start()
        # Streams end first, or the screen's threads would outlive the station.
        opened.callback(screen.stop)
        opened.callback(station.feed.close)
        readers = _open_readers(config, practice, clock, opened)
        station.attach_readers(lambda: [reader.health() for reader in readers])
        cards = _card_readers(readers)
        station.card_errands.attach_readers(cards.get)
        client = CloudClient(config, keys, station.now)
        station.card_errands.attach_keys(client)
        sync = station.sync_with(client)
        sync.start()
        opened.callback(sync.stop, 1.0)
        photos = photo_upload_of(station, client, config, clock)
        photos.start()
        opened.callback(photos.stop, 1.0)
        pins = pin_upload_of(station, client)
        pins.start()
        opened.callback(pins.stop, 0.2)
        # What was loaded stays: to look through all of it for garbage would hold up a tap.
        gc.freeze()
        _log.info("station.ready", place=config.place_id, role=config.role, screen=screen.url)
        yield _Watched(station, readers, clock)
        _log.info("station.ends", place=config.place_id)


def _open_readers(
    config: Config, practice: Practice, clock: Clock, opened: ExitStack
) -> list[Reader]:
    def arrived(arrival: Arrival) -> None:
        practice.on_arrival(arrival)

    listener = Listener(arrived, practice.on_departure, practice.is_enrolled)
    readers: list[Reader] = []
    for reader_config in config.readers:
        reader = open_reader(reader_config, listener, clock)
        opened.callback(reader.close)
        readers.append(reader)
    _refuse_twins(readers)
    return readers


def _refuse_twins(readers: list[Reader]) -> None:
    """Two readers of one name could not be told apart on the screen, nor asked anything."""
    names = [reader.health().name for reader in readers]
    for name in names:
        if names.count(name) > 1:
            raise ReaderConfigError(
                "reader_option_wrong", f"two readers are called {name}: add ?name=… to one of them"
            )


def _card_readers(readers: list[Reader]) -> dict[str, CardReader]:
    """Those that can talk to a card, by the name that their arrivals carry."""
    return {reader.health().name: reader for reader in readers if isinstance(reader, CardReader)}


def _wait(over: threading.Event, watched: _Watched) -> None:
    """Until told to end; meanwhile tell systemd that the agent lives, while it does."""
    period_s = sd_notify.watchdog_period_s()
    while not over.wait(period_s if period_s is not None else GLANCE_S):
        if period_s is not None and watched.is_alive():
            sd_notify.notify(sd_notify.ALIVE)


def _log_to_stderr() -> None:
    """`key=value` lines, which systemd's journal keeps and a person can search."""
    structlog.configure(
        processors=[
            # The id of the round trip that a line is about; the cloud's lines have the same.
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
