"""udev rules (udev(7)) that give readers names that stay, and keep ModemManager off their ports.

An adapter with a serial number of its own is known by it; one without (CH340) by the USB socket
that it is in. One that nobody has named yet gets the rights all the same, and is found under
`/dev/serial/by-path`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# USB ids (vendor, product) of the adapters in readers; a modem's are not among them.
ADAPTERS = (
    ("1a86", "7523", "CH340"),
    ("1a86", "55d4", "CH9102"),
    ("10c4", "ea60", "CP210x"),
    ("0403", "6001", "FT232R"),
    ("0403", "6015", "FT-X"),
    ("067b", "2303", "PL2303"),
)
_NAME = re.compile(r"valet-[a-z0-9-]{1,32}")
_SOCKET = re.compile(r"[1-9][0-9]?-[1-9][0-9]?(\.[1-9][0-9]?){0,5}")
_SERIAL = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4}):([A-Za-z0-9._-]{1,64})")
_RIGHTS = 'GROUP="dialout", MODE="0660", ENV{ID_MM_DEVICE_IGNORE}="1", ENV{ID_MM_PORT_IGNORE}="1"'
_HEAD = """\
# {what} Written by `valet-agent install`.
ACTION=="remove", GOTO="valet_end"
SUBSYSTEM!="tty", GOTO="valet_end"
SUBSYSTEMS=="usb", GOTO="valet_usb"
GOTO="valet_end"
LABEL="valet_usb"
"""
_TAIL = 'LABEL="valet_end"\n'


@dataclass(frozen=True, slots=True)
class ReaderName:
    """A reader's name in `/dev`, and how udev knows its adapter."""

    name: str
    match: str


def parse_reader_name(text: str) -> ReaderName:
    """Read `valet-pn532=1-1.3` (USB socket) or `valet-scanner=10c4:ea60:0001` (ids and serial
    number). Raises `ValueError` with what is wrong."""
    name, equals, where = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise ValueError("write it as valet-pn532=1-1.3: a name that begins with valet-, and where")
    if _SOCKET.fullmatch(where):
        return ReaderName(name, f'KERNELS=="{where}"')
    ids = _SERIAL.fullmatch(where)
    if ids is None:
        raise ValueError(
            "where is a USB socket such as 1-1.3, or ids and serial number such as 10c4:ea60:0001"
        )
    vendor, product, serial = ids.groups()
    return ReaderName(
        name,
        f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", '
        f'ATTRS{{serial}}=="{serial}"',
    )


def adapter_rules() -> str:
    """Rights and peace for every adapter that a reader may have, named or not."""
    lines = [
        f'# {chip}\nATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", {_RIGHTS}'
        for vendor, product, chip in ADAPTERS
    ]
    return _file("Whatever adapter a reader has.", lines)


def name_rules(readers: Sequence[ReaderName]) -> str:
    """The names that somebody gave. Raises `ValueError` where two readers have one name or one
    place."""
    for values in ([reader.name for reader in readers], [reader.match for reader in readers]):
        if len(set(values)) < len(values):
            raise ValueError("two readers have the same name or the same place")
    # With the rights: a scanner that is a port by itself has none of the known adapters.
    lines = [f'{reader.match}, {_RIGHTS}, SYMLINK+="{reader.name}"' for reader in readers]
    return _file("Names that stay for the readers.", lines)


def _file(what: str, lines: Sequence[str]) -> str:
    return _HEAD.format(what=what) + "".join(f"{line}\n" for line in lines) + _TAIL
