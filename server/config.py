"""Settings of the cloud, from one file of KEY=VALUE lines and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from environs import Env, EnvValidationError, validate

from server import setting_groups
from server.sign_in.city_settings import CITY_NAMES, CitySettings

PREFIX = "VALET_SERVER_"


class ConfigError(Exception):
    """The settings cannot be used; the message lists every fault, a line each."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Times are in seconds, sizes in bytes.

    Processes: `valet-server serve` runs `processes` with `threads` each, of which `streams_max` may
    wait for news at a time; a line on which nothing is asked stays open for `keepalive_s`. Each
    process has `database_connections` at most. A unit of work is tried `database_tries` times, and
    for `database_wait_s` while the database is away; it waits `database_lock_s` for a connection
    and for another's lock, and is ended when it says nothing for `database_idle_s`.
    `database_schema`: that of one district of several in a PostgreSQL. One worker dispatches for
    `lease_s` from each sign of life on. Whoever waits looks for news every `notice_s` by itself,
    should no word of them come.

    Promises: `promise_kept_percent` of them are to hold. Before anything was learned a window is
    open for `promise_slack_s` and `promise_slack_percent` of the wait; that counts as much as
    `promise_assumed_cars`. Who asks behind `promise_rush_percent` as many others as there are
    runners is in a rush, where that share is doubled. The last `promise_memory_cars` count, and
    each outcome moves the level by `promise_step_permille`. Travel times are learned every
    `learn_every_s` from the drives of the last `learn_days`, the newest `learn_drives_max`; one
    that was `learn_half_life_h` ago counts half.

    Planning: a search of `plan_rounds` from `plan_seed` each `replan_s`, cut after `plan_ms`; one
    that took `plan_late_ms` is not used. Sending a runner under way elsewhere is to gain
    `divert_s`; one who was to be at a car `runner_lost_s` ago and was not seen is thought to need
    as long again. Moving a car that blocks another takes `shuffle_s`, a stay is thought to last
    `stay_s`, and a car that is ready stands at the kerb for another `owner_takes_car_s`.
    `stage_cars`: cars that are asked for soon with a chance of `stage_chance_percent` are brought
    to the staging spaces of their booths by idle runners; `stage_spare_runners` stay idle.
    A car has room for `ride_seats` runners beside the driver (0: nobody rides along), who waits
    for them for `ride_wait_s`; they go along if that gets them there `ride_gain_s` sooner.

    Messages: `sms_part_micros` is what a part costs, in millionths of a balboa, until the carrier
    says it itself; `sms_receipts_queue` is the queue with its delivery events, looked at every
    `sms_receipts_s`. A visit gets `sms_per_visit_max` messages at most.

    Drivers: a link may send `driver_tries_per_link` forms in `driver_tries_s`, a network
    `driver_tries_per_address` (many phones share one). A visit has `driver_reports_max` reports of
    problems, each with a note of `driver_note_chars`. `help_phone` (E.164) is called for help.
    `origin_lat`, `origin_lon`: where on earth the district's metres begin. The tariff is a flat
    price and one for each whole minute after the free ones, `tariff_most_cents` at most (0: no
    end), before the tax; all 0: nothing is charged.

    A process answers `requests_per_address` requests of one network in `requests_s` (0: any).

    Managers: the page of the present day looks for news every `live_every_s`; a search by time
    looks at `search_days_max` at most. A question "what if" is played over `what_if_seeds` nights
    with and without the change, in `what_if_s` altogether; who plays it has `what_if_lease_s` for
    each night before another worker goes on. Nights up to `what_if_days` ago can be played.

    Signing in: a session on the web ends after `session_s`, or `session_idle_s` after the last
    page. After `password_tries_max` wrong passwords none is taken for `password_lock_s`; for codes
    of the second factor the same. Who has one of `second_factor_roles` needs one, or a passkey, of
    which everybody may have `passkeys_max`. A step of signing in may take `sign_in_step_s`. Who
    signed in is known for `sign_in_keep_days`. A guess at a PIN costs `pin_memory_kib`,
    `pin_passes` and `pin_lanes` (`schemas.staff_pin`). `city`: the city's own sign-in.

    Photos: `photo_store` is `folder` (under `data_dir`) or `s3` (`photo_bucket`). A place to put
    one is good for `photo_put_s`, at most `photo_puts_at_once` come into the folder at a time, a
    line that is quiet for `photo_stall_s` is given up, and a half that nobody has added to for
    `photo_part_keep_s` is dropped. A photo that came `photo_late_s` after it was taken is late.

    Figures for reports are made of `figures_events_max` new events at a time.

    Reports: those that are made by themselves are kept in `report_store` (`folder` under
    `data_dir`, or `s3`: `report_bucket`) and sent by `mail_carrier` (`folder`: files under
    `data_dir`, or `ses`) from `mail_sender` to `report_recipients_max` addresses at most. A run is
    claimed for `report_lease_s` and tried `report_tries_max` times. A PDF has
    `report_pdf_rows` rows of each table at most.

    Watching: the database has `ready_within_s` to answer, and a worker is missed after
    `worker_silent_s`. Metrics look back `metrics_window_s`; they are shown to whoever brings
    `metrics_token` (or what is in `metrics_token_file`) and to `metrics_networks`. `traces`: spans
    for OpenTelemetry (`server.tracing`).

    Keeping: `guest_keep_days` after the last word of a visit that was closed cleanly, plate, phone,
    texts and photos are erased (0: never); `claim_keep_days` after it where the driver has told of
    a problem. `purge_batch` visits at a time, all of them looked through every `purge_every_s`.
    `postgres_bin`: the folder of `pg_dump` and `pg_restore`, if they are not where they should be.

    Keys: `master_key` instead of the key's file; with `kms_key` a new file holds what only that key
    of KMS in `kms_region` opens. `photo_kms_key` and `report_kms_key`: what a bucket is encrypted
    with, instead of its own default.
    """

    data_dir: Path
    database_url: str = field(repr=False)
    host: str
    port: int
    threads: int
    processes: int
    streams_max: int
    keepalive_s: int
    database_schema: str
    database_connections: int
    database_tries: int
    database_wait_s: int
    database_lock_s: int
    database_idle_s: int
    lease_s: int
    notice_s: int
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
    requests_per_address: int
    requests_s: int
    form_bytes_max: int
    events_per_batch_max: int
    changes_per_answer: int
    poll_wait_s_max: int
    claim_window_s: int
    session_s: int
    session_idle_s: int
    password_tries_max: int
    password_lock_s: int
    second_factor_roles: frozenset[str]
    second_factor_tries_max: int
    second_factor_lock_s: int
    passkeys_max: int
    sign_in_step_s: int
    sign_in_keep_days: int
    pin_memory_kib: int
    pin_passes: int
    pin_lanes: int
    city: CitySettings
    request_lead_s_max: int
    handling_s: int
    promise_slack_percent: int
    promise_slack_s: int
    promise_move_s: int
    promise_kept_percent: int
    promise_step_permille: int
    promise_rush_percent: int
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
    stage_cars: bool
    stage_chance_percent: int
    stage_spare_runners: int
    ride_seats: int
    ride_wait_s: int
    ride_gain_s: int
    station_silent_s: int
    page_rows: int
    figures_events_max: int
    day_starts_hour: int
    live_every_s: int
    search_days_max: int
    what_if_seeds: int
    what_if_s: int
    what_if_lease_s: int
    what_if_days: int
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
    photo_kms_key: str
    photo_bytes_max: int
    photo_put_s: int
    photo_puts_at_once: int
    photo_stall_s: int
    photo_late_s: int
    photo_part_keep_s: int
    report_store: str
    report_bucket: str
    report_region: str
    report_kms_key: str
    report_lease_s: int
    report_tries_max: int
    report_recipients_max: int
    report_pdf_rows: int
    mail_carrier: str
    mail_region: str
    mail_sender: str
    ready_within_s: int
    worker_silent_s: int
    metrics_window_s: int
    metrics_token: str = field(repr=False)
    metrics_token_file: Path | None
    metrics_networks: str
    traces: bool
    guest_keep_days: int
    claim_keep_days: int
    purge_batch: int
    purge_every_s: int
    postgres_bin: str
    master_key: str = field(repr=False)
    kms_key: str
    kms_region: str

    @property
    def key_file(self) -> Path:
        """Where the master key is kept."""
        return self.data_dir / "master.key"

    @property
    def photo_folder(self) -> Path:
        """Where photos are kept, unless in a bucket."""
        return self.data_dir / "photos"

    @property
    def report_folder(self) -> Path:
        """Where reports that were made by themselves are kept, unless in a bucket."""
        return self.data_dir / "reports"

    @property
    def mail_folder(self) -> Path:
        """Where mail is written as files, unless it is sent."""
        return self.data_dir / "mail"


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
    names = {setting.name.upper() for setting in fields(Config)} - {"CITY"} | CITY_NAMES
    known = {PREFIX + name for name in names}
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
        host=env.str("HOST", "127.0.0.1"),
        port=env.int("PORT", 8080, validate=validate.Range(0, 65535)),
        public_url=env.str(
            "PUBLIC_URL",
            "http://127.0.0.1:8080",
            validate=validate.Regexp(r"^https?://[^/\s]+\Z", error="write it as https://host"),
        ),
        behind_proxies=env.int("BEHIND_PROXIES", 0, validate=validate.Range(0, 5)),
        requests_per_address=env.int("REQUESTS_PER_ADDRESS", 6000, validate=not_negative),
        requests_s=env.int("REQUESTS_S", 60, validate=positive),
        body_bytes_max=env.int("BODY_BYTES_MAX", 2 * 1024 * 1024, validate=positive),
        form_bytes_max=env.int("FORM_BYTES_MAX", 16 * 1024, validate=positive),
        events_per_batch_max=env.int("EVENTS_PER_BATCH_MAX", 1_000, validate=positive),
        changes_per_answer=env.int("CHANGES_PER_ANSWER", 500, validate=positive),
        poll_wait_s_max=env.int("POLL_WAIT_S_MAX", 25, validate=validate.Range(0, 55)),
        claim_window_s=env.int("CLAIM_WINDOW_S", 24 * 3600, validate=positive),
        request_lead_s_max=env.int("REQUEST_LEAD_S_MAX", 24 * 3600, validate=positive),
        handling_s=env.int("HANDLING_S", 150, validate=not_negative),
        shift_forgotten_s=env.int("SHIFT_FORGOTTEN_S", 14 * 3600, validate=positive),
        replan_s=env.int("REPLAN_S", 5, validate=positive),
        station_silent_s=env.int("STATION_SILENT_S", 90, validate=positive),
        page_rows=env.int("PAGE_ROWS", 200, validate=positive),
        figures_events_max=env.int("FIGURES_EVENTS_MAX", 500, validate=positive),
        day_starts_hour=env.int("DAY_STARTS_HOUR", 6, validate=validate.Range(0, 23)),
        live_every_s=env.int("LIVE_EVERY_S", 15, validate=validate.Range(2, 600)),
        search_days_max=env.int("SEARCH_DAYS_MAX", 31, validate=validate.Range(1, 366)),
        what_if_seeds=env.int("WHAT_IF_SEEDS", 5, validate=validate.Range(2, 50)),
        what_if_s=env.int("WHAT_IF_S", 900, validate=positive),
        what_if_lease_s=env.int("WHAT_IF_LEASE_S", 600, validate=positive),
        what_if_days=env.int("WHAT_IF_DAYS", 400, validate=positive),
        **setting_groups.database(env, data_dir),
        **setting_groups.processes(env),
        **setting_groups.promises(env),
        **setting_groups.messages(env),
        **setting_groups.planning(env),
        **setting_groups.cards(env),
        **setting_groups.stations(env),
        **setting_groups.drivers(env),
        **setting_groups.photos(env),
        **setting_groups.reports(env),
        **setting_groups.watching(env),
        **setting_groups.keeping(env),
        **setting_groups.keys(env),
        **setting_groups.signing_in(env),
    )


def _in_words(error: EnvValidationError) -> list[str]:
    messages = error.error_messages
    faults = messages.items() if isinstance(messages, Mapping) else [("", messages)]
    return [f"{name}: {' '.join(reasons)}" for name, reasons in faults]
