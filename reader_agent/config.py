"""A station's settings: one KEY=VALUE file and the environment, which wins.

Every key begins with `VALET_AGENT_`, so that the same file serves as a systemd EnvironmentFile.
All faults are told at once, in words: what is wrong, and what a right line looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from environs import Env, EnvValidationError
from environs import ValidationError as Wrong

from reader_agent.drivers.reader_config import EXAMPLE as READER_EXAMPLE
from reader_agent.drivers.reader_config import ReaderConfig, ReaderConfigError
from reader_agent.drivers.readers import parse_reader
from schemas.catalog import DEFAULT_LANGUAGE, LANGUAGES
from schemas.district import BOOTH, LOT
from schemas.photo import PHOTOS_PER_EVENT_MAX

PREFIX = "VALET_AGENT_"
LOOPBACK = "127.0.0.1"

_EXAMPLES: dict[str, str] = {
    "STATION_ID": "caseta-herrera-1",
    "PLACE_ID": "caseta-herrera",
    "ROLE": "booth",
    "LETTER": "H",
    "DATA_DIR": "/var/lib/valet-agent",
    "CLOUD_URL": "https://valet.example.org",
    "READERS": READER_EXAMPLE,
    "SCREEN_PORT": "8080",
    "LANGUAGE": "es",
    "TARIFF_CENTS_PER_MIN": "3",
    "ASSUME_CLOCK_SYNCED": "no",
    "ASKS_PIN": "yes",
    "PIN_KEY_FILE": "/run/credentials/valet-agent.service/pin.key",
}


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One setting that is missing or wrong."""

    name: str
    wrong: str
    example: str

    def __str__(self) -> str:
        return f"{self.name}: {self.wrong}; for example {self.name}={self.example}"


class ConfigError(Exception):
    """The station cannot start with these settings. `faults` names every one that is wrong."""

    def __init__(self, faults: list[ConfigFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.code = "bad_config"
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of a station. Waits in seconds, sizes in bytes. `key_days`: a key that is older
    is changed for a new one, 0 for never. `gzip_level` 0 sends what it has as it is. A car that was
    here is known again for `known_car_days`, 0 for never.

    After `pin_tries` wrong PINs of one person none is taken for `pin_lock_s`, twice as long each
    time, up to `pin_lock_max_s`. Who has typed it here types it again after `pin_again_s` without
    a touch, and has `pin_wait_s` to do so. One guess costs `pin_memory_kib`, `pin_passes` over it
    and `pin_lanes` (`schemas.staff_pin`).

    The driver of a car that stands ready is called after `call_after_s`, again after
    `call_again_after_s` more, and after `repark_after_s` more the car goes back to the lot. A key
    is out for too long after `key_alarm_percent` of its drive's usual time and `key_alarm_slack_s`.
    A list on the screen has `page_rows` rows. What was said of a car can be taken back for
    `undo_s`. A key that no visit came for is shown for `unknown_key_h` hours.

    Photos: one has at most `photo_bytes` and `photo_megapixels`; a reception at most
    `reception_photos`, a visit `visit_photos`. None is taken that would leave the disk less than
    `photo_room_mb`, none that the cloud has is kept for longer than `photo_keep_days`, and one
    that it refuses is tried again after `photo_retry_s`.
    """

    batch_events: int = 1_000
    batch_bytes: int = 524_288
    answer_bytes: int = 16_777_216
    gzip_level: int = 1
    long_poll_wait_s: int = 25
    request_timeout_s: int = 15
    backoff_cap_s: int = 60
    actor_idle_s: int = 90
    code_tries: int = 5
    code_lock_s: int = 300
    tap_repeat_s: int = 5
    disk_warn_percent: int = 90
    search_results: int = 50
    known_car_days: int = 90
    pin_tries: int = 5
    pin_lock_s: int = 60
    pin_lock_max_s: int = 3_600
    pin_again_s: int = 3_600
    pin_wait_s: int = 120
    pin_memory_kib: int = 65_536
    pin_passes: int = 3
    pin_lanes: int = 4
    call_after_s: int = 300
    call_again_after_s: int = 300
    repark_after_s: int = 600
    key_alarm_percent: int = 150
    key_alarm_slack_s: int = 180
    page_rows: int = 40
    undo_s: int = 60
    unknown_key_h: int = 48
    key_days: int = 90
    photo_bytes: int = 2_000_000
    photo_megapixels: int = 12
    reception_photos: int = 4
    visit_photos: int = 12
    photo_room_mb: int = 256
    photo_keep_days: int = 7
    photo_retry_s: int = 3_600


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one station. `screen_port` is on loopback only. `tariff_cents_per_min` is the
    posted price that the valet tells the driver, 0 where only the sign says it. `asks_pin`: a badge
    alone signs nobody on; `pin_key_file`: what seals the PINs here, if it does not lie in
    `data_dir`."""

    station_id: str
    place_id: str
    role: Literal["booth", "lot"]
    letter: str
    data_dir: Path
    cloud_url: str
    readers: tuple[ReaderConfig, ...]
    screen_port: int = 8080
    language: str = DEFAULT_LANGUAGE
    tariff_cents_per_min: int = 0
    assume_clock_synced: bool = False
    asks_pin: bool = True
    pin_key_file: Path | None = None
    limits: Limits = Limits()


def read_config(path: Path | None = None) -> Config:
    """The settings in the file at `path` and in the environment. Raises `ConfigError`."""
    env = Env(eager=False, prefix=PREFIX)
    faults = _read_file(env, path)
    values = _read_values(env)
    limits = {name: _limit(env, name) for name in _LIMIT_RANGES}
    try:
        env.seal()
    except EnvValidationError as error:
        faults += _faults_of(error)
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: fault.name))
    return Config(**values, limits=Limits(**limits))


def _read_file(env: Env, path: Path | None) -> list[ConfigFault]:
    if path is None:
        return []
    if not path.is_file():
        return [ConfigFault("--config", f"no such file: {path}", "/etc/valet-agent.env")]
    env.read_env(path, recurse=False)
    known = {PREFIX + name for name in (*_EXAMPLES, *(key.upper() for key in _LIMIT_RANGES))}
    # A key with a slip of the pen would otherwise be a setting that quietly does nothing.
    return [
        ConfigFault(name, "no such setting", f"one of: {', '.join(sorted(known))}")
        for name in sorted(_names_in(path) - known)
    ]


def _names_in(path: Path) -> set[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {
        line.removeprefix("export ").partition("=")[0].strip()
        for line in lines
        if line and not line.startswith("#")
    }


def _read_values(env: Env) -> dict[str, Any]:
    return {
        "station_id": env.str("STATION_ID", validate=_is_name),
        "place_id": env.str("PLACE_ID", validate=_is_name),
        "role": cast("Literal['booth', 'lot']", env.str("ROLE", validate=_one_of(BOOTH, LOT))),
        "letter": env.str("LETTER", validate=_matches(r"[A-Z]", "write one letter, A to Z")),
        "data_dir": env.path("DATA_DIR", validate=_is_absolute),
        "cloud_url": env.str("CLOUD_URL", validate=_is_url),
        "readers": _readers(env.str("READERS", "", validate=_are_readers)),
        "screen_port": env.int("SCREEN_PORT", 8080, validate=_within(1, 65_535)),
        "language": env.str("LANGUAGE", DEFAULT_LANGUAGE, validate=_one_of(*LANGUAGES)),
        "tariff_cents_per_min": env.int("TARIFF_CENTS_PER_MIN", 0, validate=_within(0, 10_000)),
        "assume_clock_synced": env.bool("ASSUME_CLOCK_SYNCED", False),
        "asks_pin": env.bool("ASKS_PIN", True),
        "pin_key_file": env.path("PIN_KEY_FILE", None, validate=_is_absolute_if_any),
    }


_LIMIT_RANGES: dict[str, range] = {
    "batch_events": range(1, 1_001),
    "batch_bytes": range(1_024, 524_289),
    "answer_bytes": range(65_536, 67_108_865),
    "gzip_level": range(10),
    "long_poll_wait_s": range(56),
    "request_timeout_s": range(1, 121),
    "backoff_cap_s": range(1, 601),
    "actor_idle_s": range(10, 3_601),
    "code_tries": range(1, 11),
    "code_lock_s": range(1, 86_401),
    "tap_repeat_s": range(61),
    "disk_warn_percent": range(1, 101),
    "search_results": range(1, 501),
    "known_car_days": range(366),
    "pin_tries": range(1, 21),
    "pin_lock_s": range(1, 86_401),
    "pin_lock_max_s": range(1, 86_401),
    "pin_again_s": range(60, 86_401),
    "pin_wait_s": range(10, 601),
    "pin_memory_kib": range(8, 1_048_577),
    "pin_passes": range(1, 21),
    "pin_lanes": range(1, 17),
    "call_after_s": range(30, 7_201),
    "call_again_after_s": range(30, 7_201),
    "repark_after_s": range(30, 14_401),
    "key_alarm_percent": range(100, 1_001),
    "key_alarm_slack_s": range(7_201),
    "page_rows": range(5, 201),
    "undo_s": range(601),
    "unknown_key_h": range(1, 721),
    "key_days": range(3_651),
    "photo_bytes": range(10_000, 4 * 1024 * 1024 + 1),
    "photo_megapixels": range(1, 101),
    "reception_photos": range(1, PHOTOS_PER_EVENT_MAX + 1),
    "visit_photos": range(1, 101),
    "photo_room_mb": range(100_001),
    "photo_keep_days": range(366),
    "photo_retry_s": range(1, 86_401),
}


def _limit(env: Env, name: str) -> int:
    allowed = _LIMIT_RANGES[name]
    default = getattr(Limits(), name)
    value = env.int(name.upper(), default, validate=_within(allowed.start, allowed.stop - 1))
    return cast("int", value)


def _faults_of(error: EnvValidationError) -> list[ConfigFault]:
    messages = cast("Mapping[str, list[str]]", error.error_messages)
    return [_fault(name, reasons) for name, reasons in messages.items()]


def _fault(name: str, reasons: list[str]) -> ConfigFault:
    bare = name.removeprefix(PREFIX)
    example = _EXAMPLES.get(bare) or str(getattr(Limits(), bare.lower()))
    wrong = "missing" if "not set" in reasons[0] else "; ".join(reasons).rstrip(".")
    return ConfigFault(name, wrong, example)


def _readers(text: str | None) -> tuple[ReaderConfig, ...]:
    # Also asked for a text that `_are_readers` has already refused: the seal then raises.
    try:
        return tuple(map(parse_reader, _lines_of(text or "")))
    except ReaderConfigError:
        return ()


def _lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split(",") if line.strip()]


def _are_readers(text: str) -> None:
    for line in _lines_of(text):
        try:
            parse_reader(line)
        except ReaderConfigError as error:
            raise Wrong(str(error)) from None


def _matches(pattern: str, advice: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise Wrong(advice)

    return check


def _one_of(*choices: str) -> Callable[[str], None]:
    return _matches("|".join(choices), f"write one of {', '.join(choices)}")


def _within(least: int, most: int) -> Callable[[int], None]:
    def check(value: int) -> None:
        if not least <= value <= most:
            raise Wrong(f"write a whole number from {least} to {most}")

    return check


_is_name = _matches(r"[a-z0-9][a-z0-9-]{0,38}", "lower-case letters, digits and dashes, up to 39")


def _is_absolute(path: Path) -> None:
    if not path.is_absolute():
        raise Wrong("write the whole path, from /")


def _is_absolute_if_any(path: Path | None) -> None:
    if path is not None:
        _is_absolute(path)


def _is_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise Wrong("write an address that begins with https://")
    if parts.scheme == "http" and parts.hostname not in (LOOPBACK, "localhost", "::1"):
        raise Wrong("http is for this machine only: write https://")
