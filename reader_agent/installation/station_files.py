"""Everything that makes a Raspberry Pi a station, as a list: files with their content, and links.

The texts are templates in `reader_agent/data/installation`; `{{name}}` stands for a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reader_agent.installation import layout
from reader_agent.installation.reader_rules import (
    ReaderName,
    adapter_rules,
    name_rules,
)
from reader_agent.releases import keeper

TEMPLATES = Path(__file__).parents[1] / "data" / "installation"
MARK = "Written by `valet-agent install`"
READY_WITHIN_S = 60
"""A start that takes longer has failed (systemd's TimeoutStartSec)."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_UNITS = "/etc/systemd/system"
_RULES = PurePosixPath("/etc/udev/rules.d")
_SCALE = re.compile(r"[1-3](\.[0-9]{1,2})?")
_HOSTS = re.compile(r"[A-Za-z0-9.-]{1,253}( [A-Za-z0-9.-]{1,253}){0,7}")
_FOLDER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")

# Template, where it goes.
_FILES = (
    ("valet-agent.service", f"{_UNITS}/valet-agent.service"),
    ("valet-settled.service", f"{_UNITS}/valet-settled.service"),
    ("data.mount", f"{_UNITS}/data.mount"),
    (
        "data-device.conf",
        rf"{_UNITS}/dev-disk-by\x2dlabel-valet\x2ddata.device.d/10-valet.conf",
    ),
    ("journal-flush.conf", f"{_UNITS}/systemd-journal-flush.service.d/10-valet.conf"),
    ("emergency.conf", f"{_UNITS}/emergency.service.d/10-valet.conf"),
    ("system.conf", "/etc/systemd/system.conf.d/10-valet.conf"),
    ("journald.conf", "/etc/systemd/journald.conf.d/10-valet.conf"),
    ("timesyncd.conf", "/etc/systemd/timesyncd.conf.d/10-valet.conf"),
    ("modules.conf", "/etc/modules-load.d/valet.conf"),
    ("sysusers.conf", "/etc/sysusers.d/valet.conf"),
    ("tmpfiles.conf", "/etc/tmpfiles.d/valet.conf"),
    ("boot.txt", "/boot/firmware/valet.txt"),
    ("station.env.example", f"{layout.LIBRARY}/station.env.example"),
)
_KIOSK_FILES = (
    ("valet-kiosk.service", f"{_UNITS}/valet-kiosk.service"),
    ("kiosk-slice.conf", f"{_UNITS}/user-{layout.KIOSK_ID}.slice.d/10-valet.conf"),
    ("valet-kiosk-renew.service", f"{_UNITS}/valet-kiosk-renew.service"),
    ("valet-kiosk-renew.timer", f"{_UNITS}/valet-kiosk-renew.timer"),
    ("kiosk_policy.json", "/etc/chromium/policies/managed/valet-booth.json"),
    ("starting.html", str(layout.STARTING_PAGE)),
)
_UPDATE_FILES = (
    ("valet-update.service", f"{_UNITS}/valet-update.service"),
    ("valet-update.timer", f"{_UNITS}/valet-update.timer"),
)
_READ_ONLY_FILES = (("overlayroot.conf", "/etc/overlayroot.local.conf"),)
_WANTED = (
    ("multi-user.target.wants", "valet-agent.service"),
    ("valet-agent.service.wants", "valet-settled.service"),
    ("local-fs.target.wants", "data.mount"),
)
_KIOSK_WANTED = (
    ("multi-user.target.wants", "valet-kiosk.service"),
    ("timers.target.wants", "valet-kiosk-renew.timer"),
)
_UPDATE_WANTED = (("timers.target.wants", "valet-update.timer"),)
# What changes the system by itself, holds up its start, or wears the card.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dphys-swapfile.service",
    "NetworkManager-wait-online.service",
    "systemd-networkd-wait-online.service",
)
_REMOTE = ("ssh.service", "ssh.socket")


class InstallError(Exception):
    """A station cannot be made of this; the message says why."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What differs from station to station. `ntp`: hosts with the time, divided by spaces;
    `updates`: the folder on the web that new releases come from, empty for none."""

    port: int = 8080
    scale: str = "1"
    ntp: str = "time.cloudflare.com"
    readers: tuple[ReaderName, ...] = ()
    release_key: str | None = None
    updates: str = ""
    has_screen: bool = True
    has_remote: bool = False
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class StationFile:
    """A file to be, readable for all and written by root."""

    path: PurePosixPath
    content: str


@dataclass(frozen=True, slots=True)
class StationLink:
    """A link to be."""

    path: PurePosixPath
    target: str


def station_files(choices: Choices) -> list[StationFile | StationLink]:
    """All of it, files before the links to them. What was chosen before and is not chosen now
    stays as it is: names of readers, the key of releases, a read-only root. Raises `InstallError`
    and `ValueError`."""
    if not _SCALE.fullmatch(choices.scale):
        raise InstallError("--scale: write a number from 1 to 3.99")
    if not _HOSTS.fullmatch(choices.ntp):
        raise InstallError("--ntp: write names of hosts")
    if choices.updates and not _FOLDER.fullmatch(choices.updates):
        raise InstallError("--updates: write an address that begins with https://")
    values = _values(choices)
    texts = (*_FILES, *(_KIOSK_FILES if choices.has_screen else ()))
    texts += _UPDATE_FILES if choices.updates else ()
    texts += _READ_ONLY_FILES if choices.is_read_only else ()
    found: list[StationFile | StationLink] = [
        StationFile(PurePosixPath(path), _filled(name, values)) for name, path in texts
    ]
    found.append(StationFile(PurePosixPath(layout.KEEPER), _keeper_text()))
    found.append(StationFile(_RULES / "70-valet-adapters.rules", adapter_rules()))
    if choices.readers:
        names = name_rules(choices.readers)
        found.append(StationFile(_RULES / "71-valet-readers.rules", names))
    if choices.release_key is not None:
        found.append(StationFile(PurePosixPath(layout.RELEASE_KEY), f"{choices.release_key}\n"))
    return [*found, *_links(choices)]


def _values(choices: Choices) -> Mapping[str, str]:
    return {
        "folder": str(layout.FOLDER),
        "keeper": str(layout.KEEPER),
        "user": layout.USER,
        "user_id": str(layout.USER_ID),
        "kiosk_user": layout.KIOSK_USER,
        "kiosk_id": str(layout.KIOSK_ID),
        "starting_page": str(layout.STARTING_PAGE),
        "state_file": str(keeper.STATE_FILE),
        "ready_within_s": str(READY_WITHIN_S),
        "settled_after_s": str(keeper.SETTLED_AFTER_S),
        "port": str(choices.port),
        "scale": choices.scale,
        "ntp": choices.ntp,
        "updates": choices.updates,
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: values[place[1]], text)


def _keeper_text() -> str:
    return Path(keeper.__file__).read_text(encoding="utf-8")


def _links(choices: Choices) -> Iterator[StationLink]:
    wanted = (*_WANTED, *(_KIOSK_WANTED if choices.has_screen else ()))
    wanted += _UPDATE_WANTED if choices.updates else ()
    for folder, unit in wanted:
        yield StationLink(PurePosixPath(_UNITS, folder, unit), f"{_UNITS}/{unit}")
    for unit in (*_MASKED, *(() if choices.has_remote else _REMOTE)):
        yield StationLink(PurePosixPath(_UNITS, unit), "/dev/null")
    started = f"{layout.FOLDER}/releases/current/bin/valet-agent"
    yield StationLink(PurePosixPath(layout.COMMAND), started)
    yield StationLink(PurePosixPath("/var/log/journal"), f"{layout.DATA}/log/journal")
