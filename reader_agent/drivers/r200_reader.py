"""A UHF reader on a serial port. It says where a tag probably is, and never releases a car."""

from __future__ import annotations

import threading

from reader_agent.clock import Clock
from reader_agent.drivers.r200 import Frame, R200Parser, Region, tag_read
from reader_agent.drivers.r200_dialog import R200Dialog, Wish
from reader_agent.drivers.r200_policy import Nearness, NearnessJudge
from reader_agent.drivers.reader import Listener, ReaderHealth
from reader_agent.drivers.reader_config import Options, ReaderConfig
from reader_agent.drivers.serial_port import SerialPort
from reader_agent.observation import Observation
from reader_agent.presence import Presence

BAUD = 115_200
REPEAT_S = 2 / 3
"""A tag at the edge of the field is missed for a while: it has gone after 2 s without a read."""
GOODBYE_S = 0.5
RSSI_DBM = range(-120, 1)
READS = range(1, 51)
WINDOWS_MS = range(50, 10_001)
MARGINS_DB = range(61)
POWERS_DBM = range(34)
KEEP = "keep"


class R200Reader:
    """A serial port, a parser, a dialog with the module, a judge of nearness and a presence
    table, on the port's thread.

    Options: `name`; of the radio `region` (us, eu, korea, china_900, china_800; `keep` unless
    told), `power_dbm` (0 to 33; kept unless told) and `radio` (on, off); of the policy
    `min_rssi_dbm` (-65), `reads` (3), `window_ms` (1000) and `margin_db` (6), see `Nearness`.
    """

    def __init__(self, config: ReaderConfig, listener: Listener, clock: Clock) -> None:
        options = Options(config.options)
        self._config = config
        self._listener = listener
        self._clock = clock
        self._name = options.text("name", config.family)
        wish = _wish(options, config)
        self._judge = NearnessJudge(_nearness(options))
        options.refuse_others()
        self._parser = R200Parser()
        self._presence = Presence(self._judge.judge, repeat_s=REPEAT_S)
        self._closing = threading.Event()
        self._quiet = threading.Event()
        self._said_goodbye = False
        self._port = SerialPort(
            config.device,
            self._on_bytes,
            self._on_caught_up,
            clock=clock,
            on_open=self._on_open,
            baud=BAUD,
        )
        self._dialog = R200Dialog(wish, self._port.write)
        self._port.start()

    def health(self) -> ReaderHealth:
        """The port's state under this reader's name, and what the module says of itself."""
        config, port = self._config, self._port.health()
        chip = self._dialog.chip if port.state == "open" else None
        return ReaderHealth(self._name, config.family, config.device, port, chip)

    def close(self) -> None:
        """Tell the module to stop transmitting, close the port and end its thread."""
        self._closing.set()
        if self._port.health().state == "open":
            self._quiet.wait(GOODBYE_S)
        self._port.stop()

    def _on_open(self) -> None:
        self._parser.forget()
        self._dialog.begin(self._clock.mono_ns())

    def _on_bytes(self, data: bytes, mono_ns: int) -> None:
        self._take(self._parser.feed(data, mono_ns), mono_ns)

    def _on_caught_up(self, mono_ns: int) -> None:
        self._take(self._parser.tick(mono_ns), mono_ns)
        for departure in self._presence.tick(mono_ns):
            self._listener.on_departure(departure)
        if self._port.health().state == "open":
            self._talk(mono_ns)

    def _talk(self, mono_ns: int) -> None:
        if not self._closing.is_set():
            self._dialog.tick(mono_ns)
            self._port.report(self._dialog.fault)
        elif not self._said_goodbye:
            self._dialog.end()
            self._said_goodbye = True
        else:
            # What was ordered at the last turn has been sent before this one.
            self._quiet.set()

    def _take(self, frames: list[Frame], mono_ns: int) -> None:
        for frame in frames:
            self._port.good_frame()
            self._dialog.heard(frame, mono_ns)
            read = tag_read(frame)
            if read is None:
                continue
            self._judge.heard(read.tag, read.rssi_dbm, mono_ns)
            arrival = self._presence.observe(
                Observation(self._name, read.tag, mono_ns, frame.raw, read.rssi_dbm)
            )
            if arrival is not None:
                self._listener.on_arrival(arrival)


def _wish(options: Options, config: ReaderConfig) -> Wish:
    regions = {region.name.lower(): region for region in Region}
    region = options.choice("region", (KEEP, *regions), KEEP)
    power_dbm = options.number("power_dbm", 0, POWERS_DBM)
    return Wish(
        regions.get(region),
        power_dbm if "power_dbm" in config.options else None,
        options.choice("radio", ("on", "off"), "on") == "on",
    )


def _nearness(options: Options) -> Nearness:
    usual = Nearness()
    return Nearness(
        options.number("min_rssi_dbm", usual.min_rssi_dbm, RSSI_DBM),
        options.number("reads", usual.reads, READS),
        options.number("window_ms", usual.window_ms, WINDOWS_MS),
        options.number("margin_db", usual.margin_db, MARGINS_DB),
    )
