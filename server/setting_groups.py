"""The settings of the cloud by what they are for: their names, defaults and limits.

What they mean stands at `server.config.Config`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from environs import Env, ValidationError, validate

from schemas.district import ADMINISTRATOR, MANAGER, ROLES
from schemas.photo import PHOTO_BYTES_MAX
from server.database_url import in_schema
from server.network_address import networks_in
from server.sign_in.city_settings import city_settings

SMS_GATEWAYS = ("recording", "sns", "voice-v2")
PHOTO_STORES = ("folder", "s3")
REPORT_STORES = ("folder", "s3")
MAIL_CARRIERS = ("folder", "ses")

# The id, ARN or alias of a key (AWS KMS API reference, KeyId).
_NAMES_KMS_KEY = validate.Regexp(r"[A-Za-z0-9:/_-]{0,2048}\Z", error="name a key of KMS")


def database(env: Env, data_dir: Path | None) -> dict[str, Any]:
    """Where the district's tables are, and how patient we are with them."""
    named = validate.Regexp(r"(?:[a-z][a-z0-9_]{0,40})?\Z", error="write a-z, 0-9 and _")
    schema = env.str("DATABASE_SCHEMA", "", validate=named)
    url = env.str("DATABASE_URL", "") or f"sqlite:///{data_dir}/valet.db"
    return {
        "database_url": url if url.startswith("sqlite") else in_schema(url, schema or ""),
        "database_schema": schema,
        "database_connections": env.int(
            "DATABASE_CONNECTIONS", 15, validate=validate.Range(2, 500)
        ),
        "database_tries": env.int("DATABASE_TRIES", 8, validate=validate.Range(1, 100)),
        "database_wait_s": env.int("DATABASE_WAIT_S", 10, validate=validate.Range(1, 300)),
        "database_lock_s": env.int("DATABASE_LOCK_S", 30, validate=validate.Range(1, 300)),
        "database_idle_s": env.int("DATABASE_IDLE_S", 30, validate=validate.Range(1, 600)),
    }


def processes(env: Env) -> dict[str, Any]:
    """How many processes and threads there are, and what they do about the database."""
    threads = env.int("THREADS", 64, validate=validate.Range(2, 4000))
    # Screens that wait must not take the threads of those who ask something at once. A fault in
    # one setting leaves it None until all faults are told.
    waiting = (threads or 2) * 3 // 4
    return {
        "threads": threads,
        "processes": env.int("PROCESSES", 1, validate=validate.Range(1, 64)),
        "keepalive_s": env.int("KEEPALIVE_S", 75, validate=validate.Range(1, 600)),
        "streams_max": env.int("STREAMS_MAX", waiting, validate=validate.Range(1, 4000)),
        "lease_s": env.int("LEASE_S", 6, validate=validate.Range(2, 60)),
        "notice_s": env.int("NOTICE_S", 5, validate=validate.Range(1, 60)),
    }


def promises(env: Env) -> dict[str, Any]:
    """How promises are made and travel times learned."""
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
        "promise_rush_percent": env.int("PROMISE_RUSH_PERCENT", 100, validate=positive),
        "promise_memory_cars": env.int("PROMISE_MEMORY_CARS", 300, validate=positive),
        "promise_assumed_cars": env.int("PROMISE_ASSUMED_CARS", 20, validate=positive),
        "learn_every_s": env.int("LEARN_EVERY_S", 600, validate=positive),
        "learn_days": env.int("LEARN_DAYS", 28, validate=positive),
        "learn_half_life_h": env.int("LEARN_HALF_LIFE_H", 48, validate=positive),
        "learn_drives_max": env.int("LEARN_DRIVES_MAX", 5000, validate=positive),
    }


def messages(env: Env) -> dict[str, Any]:
    """How text messages go out."""
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


def planning(env: Env) -> dict[str, Any]:
    """How moves are planned."""
    positive = validate.Range(min=1)
    not_negative = validate.Range(min=0)
    percent = validate.Range(min=1, max=100)
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
        "stage_cars": env.bool("STAGE_CARS", True),
        "stage_chance_percent": env.int("STAGE_CHANCE_PERCENT", 25, validate=percent),
        "stage_spare_runners": env.int("STAGE_SPARE_RUNNERS", 0, validate=not_negative),
        "ride_seats": env.int("RIDE_SEATS", 2, validate=validate.Range(0, 6)),
        "ride_wait_s": env.int("RIDE_WAIT_S", 60, validate=not_negative),
        "ride_gain_s": env.int("RIDE_GAIN_S", 60, validate=positive),
    }


def cards(env: Env) -> dict[str, Any]:
    """How cards are let in."""
    positive = validate.Range(min=1)
    return {
        "tap_session_s": env.int("TAP_SESSION_S", 1800, validate=positive),
        "tap_failures_per_address": env.int("TAP_FAILURES_PER_ADDRESS", 60, validate=positive),
        "tap_failures_per_card": env.int("TAP_FAILURES_PER_CARD", 20, validate=positive),
        "tap_failures_s": env.int("TAP_FAILURES_S", 600, validate=positive),
        "card_reads_keep_s": env.int("CARD_READS_KEEP_S", 90 * 24 * 3600, validate=positive),
        "card_keys_per_hour": env.int("CARD_KEYS_PER_HOUR", 120, validate=positive),
    }


def stations(env: Env) -> dict[str, Any]:
    """How stations are let in."""
    positive = validate.Range(min=1)
    return {
        "clock_window_s": env.int("CLOCK_WINDOW_S", 120, validate=positive),
        "twin_overlap_s": env.int("TWIN_OVERLAP_S", 60, validate=positive),
        "station_code_s": env.int("STATION_CODE_S", 600, validate=positive),
        "enrol_tries_per_address": env.int("ENROL_TRIES_PER_ADDRESS", 10, validate=positive),
        "enrol_tries_in_all": env.int("ENROL_TRIES_IN_ALL", 100, validate=positive),
        "enrol_tries_s": env.int("ENROL_TRIES_S", 600, validate=positive),
    }


def drivers(env: Env) -> dict[str, Any]:
    """What drivers may do, and what they pay."""
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


def photos(env: Env) -> dict[str, Any]:
    """Where photos are kept."""
    positive = validate.Range(min=1)
    store = env.str("PHOTO_STORE", "folder", validate=validate.OneOf(PHOTO_STORES))
    # Amazon's rules for the name of a bucket; none is needed for a folder.
    named = validate.Regexp(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z", error="name a bucket")
    bucket = env.str("PHOTO_BUCKET", validate=named) if store == "s3" else ""
    return {
        "photo_store": store,
        "photo_bucket": bucket,
        "photo_region": env.str("PHOTO_REGION", "us-east-1"),
        "photo_kms_key": env.str("PHOTO_KMS_KEY", "", validate=_NAMES_KMS_KEY),
        "photo_bytes_max": env.int(
            "PHOTO_BYTES_MAX", 4 * 1024 * 1024, validate=validate.Range(1, PHOTO_BYTES_MAX)
        ),
        "photo_put_s": env.int("PHOTO_PUT_S", 900, validate=validate.Range(1, 7 * 24 * 3600)),
        "photo_puts_at_once": env.int("PHOTO_PUTS_AT_ONCE", 8, validate=positive),
        "photo_stall_s": env.int("PHOTO_STALL_S", 20, validate=positive),
        "photo_late_s": env.int("PHOTO_LATE_S", 3600, validate=positive),
        "photo_part_keep_s": env.int("PHOTO_PART_KEEP_S", 24 * 3600, validate=positive),
    }


def reports(env: Env) -> dict[str, Any]:
    """Where reports go that are made by themselves."""
    positive = validate.Range(min=1)
    store = env.str("REPORT_STORE", "folder", validate=validate.OneOf(REPORT_STORES))
    carrier = env.str("MAIL_CARRIER", "folder", validate=validate.OneOf(MAIL_CARRIERS))
    named = validate.Regexp(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z", error="name a bucket")
    address = validate.Regexp(r"[!-?A-~]+@[A-Za-z0-9.-]+\Z", error="write an address")
    sender = (
        env.str("MAIL_SENDER", validate=address)
        if carrier == "ses"
        else env.str("MAIL_SENDER", "valet@localhost", validate=address)
    )
    return {
        "report_store": store,
        "report_bucket": env.str("REPORT_BUCKET", validate=named) if store == "s3" else "",
        "report_region": env.str("REPORT_REGION", "us-east-1"),
        "report_kms_key": env.str("REPORT_KMS_KEY", "", validate=_NAMES_KMS_KEY),
        "report_lease_s": env.int("REPORT_LEASE_S", 300, validate=validate.Range(min=30)),
        "report_tries_max": env.int("REPORT_TRIES_MAX", 8, validate=positive),
        # SES takes 50 addresses a message (Amazon SES quotas).
        "report_recipients_max": env.int(
            "REPORT_RECIPIENTS_MAX", 20, validate=validate.Range(1, 50)
        ),
        "report_pdf_rows": env.int("REPORT_PDF_ROWS", 400, validate=positive),
        "mail_carrier": carrier,
        "mail_region": env.str("MAIL_REGION", "us-east-1"),
        "mail_sender": sender,
    }


def signing_in(env: Env) -> dict[str, Any]:
    """How people sign in, and for how long."""
    positive = validate.Range(min=1)
    return {
        "session_s": env.int("SESSION_S", 12 * 3600, validate=positive),
        "session_idle_s": env.int("SESSION_IDLE_S", 2 * 3600, validate=validate.Range(min=60)),
        "password_tries_max": env.int("PASSWORD_TRIES_MAX", 5, validate=positive),
        "password_lock_s": env.int("PASSWORD_LOCK_S", 300, validate=positive),
        "second_factor_roles": frozenset(
            name.strip()
            for name in (
                env.str(
                    "SECOND_FACTOR_ROLES", f"{MANAGER},{ADMINISTRATOR}", validate=_are_web_roles
                )
                or ""
            ).split(",")
            if name.strip()
        ),
        "second_factor_tries_max": env.int("SECOND_FACTOR_TRIES_MAX", 5, validate=positive),
        "second_factor_lock_s": env.int("SECOND_FACTOR_LOCK_S", 300, validate=positive),
        "passkeys_max": env.int("PASSKEYS_MAX", 10, validate=positive),
        "sign_in_step_s": env.int("SIGN_IN_STEP_S", 600, validate=validate.Range(60, 3600)),
        "sign_in_keep_days": env.int("SIGN_IN_KEEP_DAYS", 90, validate=validate.Range(1, 3650)),
        "pin_memory_kib": env.int("PIN_MEMORY_KIB", 65_536, validate=validate.Range(8, 1_048_576)),
        "pin_passes": env.int("PIN_PASSES", 3, validate=validate.Range(1, 20)),
        "pin_lanes": env.int("PIN_LANES", 4, validate=validate.Range(1, 16)),
        "city": city_settings(env),
    }


def _are_web_roles(said: str) -> None:
    named = {name.strip() for name in said.split(",") if name.strip()}
    if not named <= set(ROLES):
        raise ValidationError(f"write roles of {', '.join(ROLES)}, with commas between them")


def keeping(env: Env) -> dict[str, Any]:
    """For how long drivers are known, and how backups are made."""
    positive = validate.Range(min=1)
    days = validate.Range(0, 3650)
    return {
        "guest_keep_days": env.int("GUEST_KEEP_DAYS", 30, validate=days),
        "claim_keep_days": env.int("CLAIM_KEEP_DAYS", 365, validate=days),
        "purge_batch": env.int("PURGE_BATCH", 50, validate=validate.Range(1, 1000)),
        "purge_every_s": env.int("PURGE_EVERY_S", 3600, validate=positive),
        "postgres_bin": env.str("POSTGRES_BIN", ""),
    }


def keys(env: Env) -> dict[str, Any]:
    """Where the master key comes from."""
    text = validate.Regexp(
        r"(?:[0-9a-fA-F]{64}|kms:[A-Za-z0-9+/=]{16,8192})?\Z",
        error="write 64 hex digits, or kms: and what KMS wrapped",
    )
    return {
        "master_key": env.str("MASTER_KEY", "", validate=text),
        "kms_key": env.str("KMS_KEY", "", validate=_NAMES_KMS_KEY),
        "kms_region": env.str("KMS_REGION", "us-east-1"),
    }


def watching(env: Env) -> dict[str, Any]:
    """How those who run the cloud look at it."""
    positive = validate.Range(min=1)
    token = validate.Regexp(rf"(?:{_TOKEN})?\Z", error=_TOKEN_ERROR)
    return {
        "ready_within_s": env.int("READY_WITHIN_S", 3, validate=validate.Range(2, 30)),
        "worker_silent_s": env.int("WORKER_SILENT_S", 120, validate=positive),
        "traces": env.bool("TRACES", False),
        "metrics_window_s": env.int("METRICS_WINDOW_S", 24 * 3600, validate=positive),
        "metrics_token": env.str("METRICS_TOKEN", "", validate=token),
        "metrics_token_file": env.path("METRICS_TOKEN_FILE", None, validate=_holds_token),
        "metrics_networks": env.str(
            "METRICS_NETWORKS", "127.0.0.0/8,::1/128", validate=_are_networks
        ),
    }


# As RFC 6750 writes a bearer token, and long enough that nobody guesses it.
_TOKEN = r"[A-Za-z0-9._~+/-]{16,256}=*"  # noqa: S105 - the form of one
_TOKEN_ERROR = "write 16 letters or more of A-Z a-z 0-9 . _ ~ + / -"  # noqa: S105


def _are_networks(said: str) -> None:
    try:
        networks_in(said)
    except ValueError:
        raise ValidationError("write networks as 10.0.0.0/8,127.0.0.0/8") from None


def _holds_token(file: Path | None) -> None:
    if file is None:
        return
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ValidationError("the file cannot be read") from None
    if not re.fullmatch(_TOKEN, text):
        raise ValidationError(_TOKEN_ERROR)
