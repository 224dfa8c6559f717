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
SMS_GATEWAYS = ("recording", "sns", "voice-v2")
PHOTO_STORES = ("folder", "s3")


class ConfigError(Exception):
    """The settings cannot be used; the message lists every fault, a line each."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Times are in seconds, sizes in bytes.

    Promises: `promise_kept_percent` of them are to hold. Before anything was learned a window is
    open for `promise_slack_s` and `promise_slack_percent` of the wait; that counts as much as
    `promise_assumed_cars`. The last `promise_memory_cars` count, and each outcome moves the level
    by `promise_step_permille`. Travel times are learned every `learn_every_s` from the drives of
    the last `learn_days`, the newest `learn_drives_max`; one that was `learn_half_life_h` ago
    counts half.

    Planning: a search of `plan_rounds` from `plan_seed` each `replan_s`, cut after `plan_ms`; one
    that took `plan_late_ms` is not used. Sending a runner under way elsewhere is to gain
    `divert_s`; one who was to be at a car `runner_lost_s` ago and was not seen is thought to need
    as long again. Moving a car that blocks another takes `shuffle_s`, a stay is thought to last
    `stay_s`, and a car that is ready stands at the kerb for another `owner_takes_car_s`.

    Messages: `sms_part_micros` is what a part costs, in millionths of a balboa, until the carrier
    says it itself; `sms_receipts_queue` is the queue with its delivery events, looked at every
    `sms_receipts_s`. A visit gets `sms_per_visit_max` messages at most.

    Drivers: a link may send `driver_tries_per_link` forms in `driver_tries_s`, a network
    `driver_tries_per_address` (many phones share one). A visit has `driver_reports_max` reports of
    problems, each with a note of `driver_note_chars`. `help_phone` (E.164) is called for help.
    `origin_lat`, `origin_lon`: where on earth the district's metres begin. The tariff is a flat
    price and one for each whole minute after the free ones, `tariff_most_cents` at most (0: no
    end), before the tax; all 0: nothing is charged.

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
    sms_per_visit_max: int
    sms_part_micros: int
    sms_configuration_set: str
    sms_receipts_queue: str
    sms_receipts_s: int
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
    promise_kept_percent: int
    promise_step_permille: int
    promise_memory_cars: int
    promise_assumed_cars: int
    learn_every_s: int
    learn_days: int
    learn_half_life_h: int
    learn_drives_max: int
    shift_forgotten_s: int
    replan_s: int
    plan_rounds: int
    plan_ms: int
    plan_late_ms: int
    plan_seed: int
    divert_s: int
    runner_lost_s: int
    shuffle_s: int
    stay_s: int
    owner_takes_car_s: int
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
    driver_tries_per_link: int
    driver_tries_per_address: int
    driver_tries_s: int
    driver_reports_max: int
    driver_note_chars: int
    driver_photo_bytes_max: int
    help_phone: str
    walk_m_per_min: int
    origin_lat: float
    origin_lon: float
    tariff_flat_cents: int
    tariff_minute_cents: int
    tariff_free_min: int
    tariff_most_cents: int
    tariff_tax_percent: int
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
        shift_forgotten_s=env.int("SHIFT_FORGOTTEN_S", 14 * 3600, validate=positive),
        replan_s=env.int("REPLAN_S", 5, validate=positive),
        station_silent_s=env.int("STATION_SILENT_S", 90, validate=positive),
        page_rows=env.int("PAGE_ROWS", 200, validate=positive),
        day_starts_hour=env.int("DAY_STARTS_HOUR", 6, validate=validate.Range(0, 23)),
        **_read_promises(env),
        **_read_messages(env),
        **_read_planning(env),
        **_read_cards(env),
        **_read_stations(env),
        **_read_drivers(env),
        **_read_photos(env),
    )


def _read_promises(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    not_negative = validate.Range(min=0)
    return {
        "promise_slack_percent": env.int("PROMISE_SLACK_PERCENT", 25, validate=not_negative),
        "promise_slack_s": env.int("PROMISE_SLACK_S", 120, validate=not_negative),
        "promise_move_s": env.int("PROMISE_MOVE_S", 120, validate=not_negative),
        "promise_kept_percent": env.int(
            "PROMISE_KEPT_PERCENT", 90, validate=validate.Range(51, 99)
        ),
        "promise_step_permille": env.int(
            "PROMISE_STEP_PERMILLE", 20, validate=validate.Range(0, 500)
        ),
        "promise_memory_cars": env.int("PROMISE_MEMORY_CARS", 300, validate=positive),
        "promise_assumed_cars": env.int("PROMISE_ASSUMED_CARS", 20, validate=positive),
        "learn_every_s": env.int("LEARN_EVERY_S", 600, validate=positive),
        "learn_days": env.int("LEARN_DAYS", 28, validate=positive),
        "learn_half_life_h": env.int("LEARN_HALF_LIFE_H", 48, validate=positive),
        "learn_drives_max": env.int("LEARN_DRIVES_MAX", 5000, validate=positive),
    }


def _read_messages(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    not_negative = validate.Range(min=0)
    gateway = env.str("SMS_GATEWAY", "recording", validate=validate.OneOf(SMS_GATEWAYS))
    # What a sender id, a number in E.164, or the id or ARN of a number or pool is made of; SNS
    # knows only sender ids.
    origin = validate.Regexp(r"^[A-Za-z0-9_:/+-]{0,256}\Z")
    sender_id = validate.Regexp(r"^[A-Za-z0-9]{0,11}\Z")
    return {
        "sms_gateway": gateway,
        "sms_region": env.str("SMS_REGION", "us-east-1"),
        "sms_sender": env.str(
            "SMS_SENDER", "", validate=origin if gateway == "voice-v2" else sender_id
        ),
        "sms_stale_s": env.int("SMS_STALE_S", 900, validate=positive),
        "sms_tries_max": env.int("SMS_TRIES_MAX", 5, validate=positive),
        "sms_lease_s": env.int("SMS_LEASE_S", 60, validate=positive),
        "sms_batch": env.int("SMS_BATCH", 20, validate=positive),
        "sms_per_visit_max": env.int("SMS_PER_VISIT_MAX", 8, validate=positive),
        "sms_part_micros": env.int("SMS_PART_MICROS", 0, validate=not_negative),
        "sms_configuration_set": env.str("SMS_CONFIGURATION_SET", "", validate=origin),
        "sms_receipts_queue": env.str("SMS_RECEIPTS_QUEUE", ""),
        "sms_receipts_s": env.int("SMS_RECEIPTS_S", 10, validate=positive),
    }


def _read_planning(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    not_negative = validate.Range(min=0)
    return {
        "plan_rounds": env.int("PLAN_ROUNDS", 40, validate=not_negative),
        "plan_ms": env.int("PLAN_MS", 200, validate=positive),
        "plan_late_ms": env.int("PLAN_LATE_MS", 2000, validate=positive),
        "plan_seed": env.int("PLAN_SEED", 1, validate=not_negative),
        "divert_s": env.int("DIVERT_S", 120, validate=not_negative),
        "runner_lost_s": env.int("RUNNER_LOST_S", 600, validate=positive),
        "shuffle_s": env.int("SHUFFLE_S", 150, validate=not_negative),
        "stay_s": env.int("STAY_S", 9000, validate=positive),
        "owner_takes_car_s": env.int("OWNER_TAKES_CAR_S", 300, validate=not_negative),
    }


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


def _read_drivers(env: Env) -> dict[str, Any]:
    positive = validate.Range(min=1)
    cents = validate.Range(0, 1_000_000)
    return {
        "driver_tries_per_link": env.int("DRIVER_TRIES_PER_LINK", 60, validate=positive),
        "driver_tries_per_address": env.int("DRIVER_TRIES_PER_ADDRESS", 1200, validate=positive),
        "driver_tries_s": env.int("DRIVER_TRIES_S", 600, validate=positive),
        "driver_reports_max": env.int("DRIVER_REPORTS_MAX", 5, validate=positive),
        "driver_note_chars": env.int("DRIVER_NOTE_CHARS", 500, validate=validate.Range(1, 2000)),
        "driver_photo_bytes_max": env.int(
            "DRIVER_PHOTO_BYTES_MAX", 12 * 1024 * 1024, validate=validate.Range(1, PHOTO_BYTES_MAX)
        ),
        "help_phone": env.str("HELP_PHONE", "", validate=validate.Regexp(r"^(\+[0-9]{7,15})?\Z")),
        "walk_m_per_min": env.int("WALK_M_PER_MIN", 65, validate=positive),
        # The cathedral of Panama's old town, see server/data/casco_viejo.json.
        "origin_lat": env.float("ORIGIN_LAT", 8.9526453, validate=validate.Range(-89, 89)),
        "origin_lon": env.float("ORIGIN_LON", -79.5353495, validate=validate.Range(-180, 180)),
        "tariff_flat_cents": env.int("TARIFF_FLAT_CENTS", 0, validate=cents),
        "tariff_minute_cents": env.int("TARIFF_MINUTE_CENTS", 0, validate=cents),
        "tariff_free_min": env.int("TARIFF_FREE_MIN", 0, validate=validate.Range(0, 1440)),
        "tariff_most_cents": env.int("TARIFF_MOST_CENTS", 0, validate=cents),
        "tariff_tax_percent": env.int("TARIFF_TAX_PERCENT", 7, validate=validate.Range(0, 100)),
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
