"""Passwords and sessions: who gets in, how often one may be wrong, and how it ends."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import extract_parameters
from sqlalchemy import select

from schemas.problems import Refusal
from server.accounts import check_password, set_password
from server.config import Config
from server.database import Database
from server.district import load_district
from server.models import AccountRow, PersonRow, SessionRow
from server.sessions import close_session, find_person, open_session
from tests.visit_story import EVENING, MANAGER, SUPERVISOR, VALET, settings, small_district

PASSWORD = "correcto-caballo"


@pytest.fixture
def config(tmp_path: Path, sqlite_url: str) -> Config:
    """Three wrong tries lock for ten minutes."""
    plain = settings(tmp_path, sqlite_url)
    return replace(plain, password_tries_max=3, password_lock_s=600, session_s=3600)


@pytest.fixture
def database(config: Config) -> Database:
    """A district whose manager has a password."""
    database = Database(config.database_url)
    database.write(lambda session: load_district(session, small_district()))
    database.write(lambda session: set_password(session, MANAGER, PASSWORD))
    return database


def is_let_in(
    database: Database, config: Config, person: str, password: str, minutes: float = 0
) -> bool:
    """Try to sign in some minutes after eight."""
    with suppress(Refusal):
        check_password(database, config, person, password, EVENING + timedelta(minutes=minutes))
        return True
    return False


def test_the_right_password_lets_in_and_a_wrong_one_does_not(
    database: Database, config: Config
) -> None:
    assert is_let_in(database, config, MANAGER, PASSWORD)
    assert not is_let_in(database, config, MANAGER, PASSWORD + "x")
    assert not is_let_in(database, config, "nobody", PASSWORD)
    assert not is_let_in(database, config, VALET, PASSWORD)


def test_an_accent_typed_in_another_way_is_the_same_password(
    database: Database, config: Config
) -> None:
    database.write(lambda session: set_password(session, MANAGER, "canci\u00f3n larga"))

    assert is_let_in(database, config, MANAGER, "cancio\u0301n larga")


def test_passwords_are_hashed_as_owasp_asks(database: Database) -> None:
    stored = database.read(lambda session: session.scalars(select(AccountRow.password_hash)).one())

    parameters = extract_parameters(stored)
    assert parameters.type.name == "ID"
    assert parameters.memory_cost >= 19 * 1024
    assert parameters.time_cost >= 2


@pytest.mark.parametrize("password", ["", "short", "a" * 20, "x" * 129, "Luis Mora", "abababab"])
def test_a_weak_password_is_refused(database: Database, password: str) -> None:
    with pytest.raises(Refusal, match="bad_password"):
        database.write(lambda session: set_password(session, MANAGER, password))


def test_only_managers_and_supervisors_get_a_password(database: Database) -> None:
    database.write(lambda session: set_password(session, SUPERVISOR, PASSWORD))

    with pytest.raises(Refusal, match="not_allowed"):
        database.write(lambda session: set_password(session, VALET, PASSWORD))
    with pytest.raises(Refusal, match="unknown_person"):
        database.write(lambda session: set_password(session, "nobody", PASSWORD))


def test_too_many_wrong_tries_lock_for_a_while_also_for_the_right_password(
    database: Database, config: Config
) -> None:
    for _ in range(3):
        assert not is_let_in(database, config, MANAGER, "wrong-password")

    assert not is_let_in(database, config, MANAGER, PASSWORD, minutes=9)
    assert is_let_in(database, config, MANAGER, PASSWORD, minutes=11)


def test_a_lock_outlives_a_restart(database: Database, config: Config) -> None:
    for _ in range(3):
        is_let_in(database, config, MANAGER, "wrong-password")
    database.close()

    assert not is_let_in(Database(config.database_url), config, MANAGER, PASSWORD, minutes=1)


def test_after_a_lock_the_count_begins_anew(database: Database, config: Config) -> None:
    for _ in range(3):
        is_let_in(database, config, MANAGER, "wrong-password")

    assert not is_let_in(database, config, MANAGER, "wrong-password", minutes=11)
    assert is_let_in(database, config, MANAGER, PASSWORD, minutes=11)


def test_the_right_password_takes_wrong_tries_back(database: Database, config: Config) -> None:
    for _ in range(3):
        assert not is_let_in(database, config, MANAGER, "wrong-password")
        assert not is_let_in(database, config, MANAGER, "wrong-password")
        assert is_let_in(database, config, MANAGER, PASSWORD)
        assert not is_let_in(database, config, "nobody", "wrong-password")


def test_a_new_password_ends_a_lock(database: Database, config: Config) -> None:
    for _ in range(3):
        is_let_in(database, config, MANAGER, "wrong-password")

    database.write(lambda session: set_password(session, MANAGER, "otra-larga-clave"))

    assert is_let_in(database, config, MANAGER, "otra-larga-clave")


def test_many_guesses_at_once_do_not_outrun_the_count(database: Database, config: Config) -> None:
    barrier = threading.Barrier(8)

    def guess() -> None:
        barrier.wait()
        is_let_in(database, config, MANAGER, "wrong-password")

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    account = database.read(lambda session: session.get(AccountRow, MANAGER))
    assert account is not None
    assert account.wrong_tries == 3
    assert not is_let_in(database, config, MANAGER, PASSWORD)


def test_a_session_is_kept_as_a_hash_and_ends_with_time(database: Database, config: Config) -> None:
    token = database.write(lambda session: open_session(session, config, MANAGER, EVENING))
    row = database.read(lambda session: session.scalars(select(SessionRow)).one())

    def who(minutes: int) -> PersonRow | None:
        now = EVENING + timedelta(minutes=minutes)
        return database.read(lambda session: find_person(session, token, now))

    assert len(token) >= 22
    assert token not in row.token_hash
    assert (found := who(59)) is not None
    assert found.id == MANAGER
    assert who(60) is None
    assert database.read(lambda session: find_person(session, "x" * 43, EVENING)) is None


def test_signing_out_ends_the_session_and_no_other(database: Database, config: Config) -> None:
    one, other = (
        database.write(lambda session: open_session(session, config, MANAGER, EVENING))
        for _ in range(2)
    )

    database.write(lambda session: close_session(session, one))

    assert one != other
    assert database.read(lambda session: find_person(session, one, EVENING)) is None
    assert database.read(lambda session: find_person(session, other, EVENING)) is not None


def test_somebody_who_left_is_signed_out(database: Database, config: Config) -> None:
    token = database.write(lambda session: open_session(session, config, MANAGER, EVENING))

    def leave() -> None:
        def work(person: PersonRow | None) -> None:
            assert person is not None
            person.is_active = False

        database.write(lambda session: work(session.get(PersonRow, MANAGER)))

    leave()

    assert database.read(lambda session: find_person(session, token, EVENING)) is None
    assert not is_let_in(database, config, MANAGER, PASSWORD)


def test_a_new_session_clears_those_that_are_over(database: Database, config: Config) -> None:
    database.write(lambda session: open_session(session, config, MANAGER, EVENING))
    later = EVENING + timedelta(days=1)

    database.write(lambda session: open_session(session, config, MANAGER, later))

    rows = database.read(lambda session: session.scalars(select(SessionRow)).all())
    assert [row.created_at for row in rows] == [later]
