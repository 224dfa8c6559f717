"""Settings of the cloud, from one file of KEY=VALUE lines and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from environs import Env, EnvValidationError, validate

from schemas.photo import PHOTO_BYTES_MAX

PREFIX = "VALET_SERVER_"
SMS_GATEWAYS = ("recording", "sns")
PHOTO_STORES = ("folder", "s3")


class ConfigError(Exception):
    """The settings cannot be used; the message lists every fault, a line each."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Times are in seconds, sizes in bytes.

    Photos: `photo_store` is `folder` (under `data_dir`) or `s3` (`photo_bucket`). A place to put
    one is good for `photo_put_s`, at most `photo_puts_at_once` come into the folder at a time, a
    line that is quiet for `photo_stall_s` is given up, and a half that nobody has added to for
    `photo_part_keep_s` is dropped. A photo that came `photo_late_s` after it was taken is late.
    """

    data_dir: Path
    database_url: str
    host: str
    port: int
    threads: int
    public_url: str
    behind_proxies: int
    sms_gateway: str
    sms_region: str
    sms_sender: str
    sms_stale_s: int
    sms_tries_max: int
    sms_lease_s: int
    sms_batch: int
    body_bytes_max: int
    form_bytes_max: int
    events_per_batch_max: int
    changes_per_answer: int
    poll_wait_s_max: int
    claim_window_s: int
    session_s: int
    password_tries_max: int
    password_lock_s: int
    request_lead_s_max: int
    handling_s: int
    promise_slack_percent: int
    promise_slack_s: int
    promise_move_s: int
    shift_forgotten_s: int
    replan_s: int
    station_silent_s: int
    page_rows: int
    day_starts_hour: int
    tap_session_s: int
    tap_failures_per_address: int
    tap_failures_per_card: int
    tap_failures_s: int
    card_reads_keep_s: int
    card_keys_per_hour: int
    clock_window_s: int
    twin_overlap_s: int
    station_code_s: int
    enrol_tries_per_address: int
    enrol_tries_in_all: int
    enrol_tries_s: int
    photo_store: str
    photo_bucket: str
    photo_region: str
    photo_bytes_max: int
    photo_put_s: int
    photo_puts_at_once: int
    photo_stall_s: int
    photo_late_s: int
    photo_part_keep_s: int

    @property
    def key_file(self) -> Path:
        """Where the master key is kept."""
        return self.data_dir / "master.key"

    @property
    def photo_folder(self) -> Path:
        """Where photos are kept, unless in a bucket."""
        return self.data_dir / "photos"


def load_config(file: Path | None = None) -> Config:
    """The settings of this process. Raises `ConfigError` naming every fault at once."""
    env = Env(eager=False, prefix=PREFIX)
    faults = [] if file is None else _read_file(env, file)
    config = _read(env)
    try:
        env.seal()
    except EnvValidationError as error:
        faults += _in_words(error)
    if faults:
        raise ConfigError("\n".join(sorted(faults)))
    return config


def _read_file(env: Env, file: Path) -> list[str]:
    if not file.is_file():
        raise ConfigError(f"--config {file}: there is no such file")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"--config {file}: cannot be read as text") from None
    env.read_env(str(file), recurse=False)
    known = {PREFIX + setting.name.upper() for setting in fields(Config)}
    faults = []
    for number, line in enumerate(lines, start=1):
        name, equals, _ = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or line.strip().startswith("#"):
            continue
        if not equals:
            faults.append(f"line {number}: write NAME=VALUE")
        elif name.strip().startswith(PREFIX) and name.strip() not in known:
            # A slip of the pen would otherwise be a setting that quietly does nothing.
            faults.append(f"{name.strip()}: there is no such setting")
    return faults


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "valet-server"


def _read(env: Env) -> Config:
    positive = validate.Range(min=1)
    not_negative = validate.Range(min=0)
    data_dir = env.path("DATA_DIR", _default_data_dir())
    return Config(
        data_dir=data_dir,
        database_url=env.str("DATABASE_URL", "") or f"sqlite:///{data_dir}/valet.db",
        host=env.str("HOST", "127.0.0.1"),
        port=env.int("PORT", 8080, validate=validate.Range(0, 65535)),
        threads=env.int("THREADS", 64, validate=validate.Range(2, 1000)),
        public_url=env.str(
            "PUBLIC_URL",
            "http://127.0.0.1:8080",
            validate=validate.Regexp(r"^https?://[^/\s]+\Z", error="write it as https://host"),
        ),
        behind_proxies=env.int("BEHIND_PROXIES", 0, validate=validate.Range(0, 5)),
        sms_gateway=env.str("SMS_GATEWAY", "recording", validate=validate.OneOf(SMS_GATEWAYS)),
        sms_region=env.str("SMS_REGION", "us-east-1"),
        sms_sender=env.str("SMS_SENDER", "", validate=validate.Regexp(r"^[A-Za-z0-9]{0,11}\Z")),
        sms_stale_s=env.int("SMS_STALE_S", 900, validate=positive),
        sms_tries_max=env.int("SMS_TRIES_MAX", 5, validate=positive),
        sms_lease_s=env.int("SMS_LEASE_S", 60, validate=positive),
        sms_batch=env.int("SMS_BATCH", 20, validate=positive),
        body_bytes_max=env.int("BODY_BYTES_MAX", 2 * 1024 * 1024, validate=positive),
        form_bytes_max=env.int("FORM_BYTES_MAX", 16 * 1024, validate=positive),
        events_per_batch_max=env.int("EVENTS_PER_BATCH_MAX", 500, validate=positive),
        changes_per_answer=env.int("CHANGES_PER_ANSWER", 500, validate=positive),
        poll_wait_s_max=env.int("POLL_WAIT_S_MAX", 25, validate=validate.Range(0, 55)),
        claim_window_s=env.int("CLAIM_WINDOW_S", 24 * 3600, validate=positive),
        session_s=env.int("SESSION_S", 12 * 3600, validate=positive),
        password_tries_max=env.int("PASSWORD_TRIES_MAX", 5, validate=positive),
        password_lock_s=env.int("PASSWORD_LOCK_S", 300, validate=positive),
        request_lead_s_max=env.int("REQUEST_LEAD_S_MAX", 24 * 3600, validate=positive),
        handling_s=env.int("HANDLING_S", 150, validate=not_negative),
        promise_slack_percent=env.int("PROMISE_SLACK_PERCENT", 25, validate=not_negative),
        promise_slack_s=env.int("PROMISE_SLACK_S", 120, validate=not_negative),
        promise_move_s=env.int("PROMISE_MOVE_S", 120, validate=not_negative),
        shift_forgotten_s=env.int("SHIFT_FORGOTTEN_S", 14 * 3600, validate=positive),
        replan_s=env.int("REPLAN_S", 5, validate=positive),
        station_silent_s=env.int("STATION_SILENT_S", 90, validate=positive),
        page_rows=env.int("PAGE_ROWS", 200, validate=positive),
        day_starts_hour=env.int("DAY_STARTS_HOUR", 6, validate=validate.Range(0, 23)),
        **_read_cards(env),
        **_read_stations(env),
        **_read_photos(env),
    )


def _read_cards(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    return {
        "tap_session_s": env.int("TAP_SESSION_S", 1800, validate=positive),
        "tap_failures_per_address": env.int("TAP_FAILURES_PER_ADDRESS", 60, validate=positive),
        "tap_failures_per_card": env.int("TAP_FAILURES_PER_CARD", 20, validate=positive),
        "tap_failures_s": env.int("TAP_FAILURES_S", 600, validate=positive),
        "card_reads_keep_s": env.int("CARD_READS_KEEP_S", 90 * 24 * 3600, validate=positive),
        "card_keys_per_hour": env.int("CARD_KEYS_PER_HOUR", 120, validate=positive),
    }


def _read_stations(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    return {
        "clock_window_s": env.int("CLOCK_WINDOW_S", 120, validate=positive),
        "twin_overlap_s": env.int("TWIN_OVERLAP_S", 60, validate=positive),
        "station_code_s": env.int("STATION_CODE_S", 600, validate=positive),
        "enrol_tries_per_address": env.int("ENROL_TRIES_PER_ADDRESS", 10, validate=positive),
        "enrol_tries_in_all": env.int("ENROL_TRIES_IN_ALL", 100, validate=positive),
        "enrol_tries_s": env.int("ENROL_TRIES_S", 600, validate=positive),
    }


def _read_photos(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    store = env.str("PHOTO_STORE", "folder", validate=validate.OneOf(PHOTO_STORES))
    # Amazon's rules for the name of a bucket; none is needed for a folder.
    named = validate.Regexp(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z", error="name a bucket")
    bucket = env.str("PHOTO_BUCKET", validate=named) if store == "s3" else ""
    return {
        "photo_store": store,
        "photo_bucket": bucket,
        "photo_region": env.str("PHOTO_REGION", "us-east-1"),
        "photo_bytes_max": env.int(
            "PHOTO_BYTES_MAX", 4 * 1024 * 1024, validate=validate.Range(1, PHOTO_BYTES_MAX)
        ),
        "photo_put_s": env.int("PHOTO_PUT_S", 900, validate=validate.Range(1, 7 * 24 * 3600)),
        "photo_puts_at_once": env.int("PHOTO_PUTS_AT_ONCE", 8, validate=positive),
        "photo_stall_s": env.int("PHOTO_STALL_S", 20, validate=positive),
        "photo_late_s": env.int("PHOTO_LATE_S", 3600, validate=positive),
        "photo_part_keep_s": env.int("PHOTO_PART_KEEP_S", 24 * 3600, validate=positive),
    }


def _in_words(error: EnvValidationError) -> list[str]:
    messages = error.error_messages
    faults = messages.items() if isinstance(messages, Mapping) else [("", messages)]
    return [f"{name}: {' '.join(reasons)}" for name, reasons in faults]
