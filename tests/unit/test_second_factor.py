"""The second factor: RFC 6238's vectors, no code twice, a lock that stays, codes on paper."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select

from schemas.problems import Refusal
from server.config import Config
from server.database import Database
from server.district import load_district
from server.models import RecoveryCodeRow, SecondFactorRow
from server.sign_in import second_factor
from tests.visit_story import EVENING, KEY, MANAGER, settings, small_district

# RFC 6238, appendix B: the secret of its SHA-1 rows, times, and the last six of their eight digits.
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_ROWS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Config:
    """Three wrong codes lock for ten minutes."""
    plain = settings(tmp_path, sqlite_url)
    return replace(plain, second_factor_tries_max=3, second_factor_lock_s=600)


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    """The small district."""
    database = Database(config.database_url)
    database.write(lambda session: load_district(session, small_district()))
    yield database
    database.close()


class App:
    """The manager's phone."""

    def __init__(self, database: Database, config: Config) -> None:
        self.database, self.config = database, config
        self.secret = database.write(
            lambda session: second_factor.begin(session, KEY, MANAGER, EVENING)
        )
        self.codes = second_factor.confirm(
            database, config, KEY, MANAGER, self.code(EVENING), EVENING
        )

    def code(self, at: datetime) -> str:
        """What it shows."""
        return pyotp.TOTP(self.secret).at(at)

    def check(self, code: str, at: datetime) -> str:
        """Type it."""
        return second_factor.check(self.database, self.config, KEY, MANAGER, code, at)


@pytest.fixture
def app(database: Database, config: Config) -> App:
    """Set up at eight."""
    return App(database, config)


@pytest.mark.parametrize(("unix_s", "code"), RFC_ROWS)
def test_the_codes_are_those_of_the_rfc(unix_s: int, code: str) -> None:
    at = datetime.fromtimestamp(unix_s, UTC)

    assert second_factor.step_of(RFC_SECRET, code, at, after=0) == unix_s // 30
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert second_factor.step_of(RFC_SECRET, wrong, at, after=0) is None


def test_a_step_before_and_after_is_taken_and_no_other(app: App) -> None:
    now = EVENING + timedelta(minutes=5)
    for seconds, is_taken in ((-60, False), (60, False), (-30, True), (30, True)):
        code = app.code(now + timedelta(seconds=seconds))
        step = second_factor.step_of(app.secret, code, now, after=0)
        assert (step is not None) == is_taken, seconds


def test_no_code_is_taken_twice_nor_an_older_one_after_it(app: App) -> None:
    now = EVENING + timedelta(minutes=5)
    older, code = app.code(now - timedelta(seconds=30)), app.code(now)

    assert app.check(code, now) == second_factor.BY_APP
    for again in (code, older):
        with pytest.raises(Refusal, match="bad_code"):
            app.check(again, now)


def test_a_lock_outlives_a_restart_and_ends(app: App, config: Config) -> None:
    now = EVENING + timedelta(minutes=5)
    for _ in range(3):
        with pytest.raises(Refusal, match="bad_code"):
            app.check("000000", now)
    app.database.close()
    app.database = Database(config.database_url)

    with pytest.raises(Refusal, match="too_many_tries"):
        app.check(app.code(now), now)
    later = now + timedelta(minutes=11)
    assert app.check(app.code(later), later) == second_factor.BY_APP
    app.database.close()


def test_a_recovery_code_stands_for_the_app_once(app: App) -> None:
    now = EVENING + timedelta(minutes=5)
    assert len(set(app.codes)) == 10

    assert app.check(app.codes[0].upper().replace("-", " "), now) == second_factor.BY_RECOVERY_CODE
    with pytest.raises(Refusal, match="bad_code"):
        app.check(app.codes[0], now)
    new = app.database.write(
        lambda session: second_factor.make_recovery_codes(session, KEY, MANAGER, now)
    )
    with pytest.raises(Refusal, match="bad_code"):
        app.check(app.codes[1], now)
    assert app.check(new[1], now) == second_factor.BY_RECOVERY_CODE


def test_neither_secret_nor_codes_lie_in_the_database(app: App) -> None:
    row = app.database.read(lambda session: session.get(SecondFactorRow, MANAGER))
    kept = app.database.read(lambda session: session.scalars(select(RecoveryCodeRow)).all())

    assert row is not None
    assert app.secret.encode() not in row.sealed
    assert not {code.replace("-", "") for code in app.codes} & {each.digest for each in kept}


def test_an_app_counts_once_it_was_confirmed_and_is_not_set_up_over_another(
    database: Database, config: Config
) -> None:
    secret = database.write(lambda session: second_factor.begin(session, KEY, MANAGER, EVENING))
    again = database.write(lambda session: second_factor.begin(session, KEY, MANAGER, EVENING))
    assert secret == again
    assert not database.read(lambda session: second_factor.is_kept(session, MANAGER))
    code = pyotp.TOTP(secret).at(EVENING)
    with pytest.raises(Refusal, match="bad_code"):
        second_factor.check(database, config, KEY, MANAGER, code, EVENING)

    second_factor.confirm(database, config, KEY, MANAGER, code, EVENING)

    assert database.read(lambda session: second_factor.is_kept(session, MANAGER))
    with pytest.raises(Refusal, match="not_allowed"):
        database.write(lambda session: second_factor.begin(session, KEY, MANAGER, EVENING))


def test_the_address_for_the_app_names_district_and_person() -> None:
    address = second_factor.address_of(RFC_SECRET, MANAGER, "Casco de prueba")

    parsed = pyotp.parse_uri(address)
    assert (parsed.issuer, parsed.name, parsed.secret) == ("Casco de prueba", MANAGER, RFC_SECRET)
