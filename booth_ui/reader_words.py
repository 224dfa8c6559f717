"""A reader on the status screen, in words: what it is, what is wrong, when it last said anything.

Nothing here says that a reader works. Many only talk when a tag lies on them, and all that can be
known of those is that their port is open and when the last byte came.
"""

from __future__ import annotations

from dataclasses import dataclass

from booth_ui.badge import BAD, GOOD, WARN
from booth_ui.viewer import Viewer
from reader_agent.drivers.reader import ReaderHealth
from reader_agent.status import StationStatus

FAMILIES = frozenset({"em125", "pn532", "rc522", "r200", "scanner"})
FAULTS = frozenset(
    {
        "port_missing",
        "port_busy",
        "port_forbidden",
        "port_lost",
        "port_failed",
        "reader_silent",
        "reader_refused",
        "chip_silent",
        "chip_refused",
        "package_missing",
        "not_a_pi",
        "gpio_failed",
    }
)


@dataclass(frozen=True, slots=True)
class ReaderWords:
    """`level` gives colour and icon; `more` is the small line below."""

    name: str
    level: str
    state: str
    more: str


def reader_words(status: StationStatus, viewer: Viewer) -> list[ReaderWords]:
    """Every reader of the station."""
    return [_words(reader, status, viewer) for reader in status.readers]


def _words(reader: ReaderHealth, status: StationStatus, viewer: Viewer) -> ReaderWords:
    port, t = reader.port, viewer.t
    family = t(f"reader_family.{reader.family}") if reader.family in FAMILIES else reader.family
    age_s = status.age_s(port.last_byte_mono_ns)
    heard = t("reader.heard", age=viewer.age(age_s)) if age_s is not None else t("reader.unheard")
    level = BAD if port.fault or port.state != "open" else GOOD if age_s is not None else WARN
    state = t(_fault_key(port.fault)) if port.fault else t(f"reader.{port.state}")
    # The chip says what it is more exactly than the family does.
    more = " · ".join((reader.chip or family, heard))
    return ReaderWords(reader.name, level, state, more)


def _fault_key(fault: str) -> str:
    return f"reader_fault.{fault if fault in FAULTS else 'other'}"
