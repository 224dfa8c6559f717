"""The tests' own PostgreSQL: isolated databases, and nothing left behind when pytest is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parents[2]
HOLD_A_CLUSTER = """
import sys
from tests.postgres import running_cluster
with running_cluster() as cluster:
    print(cluster.process.pid, cluster.folder, flush=True)
    sys.stdin.read()
"""
GONE_WAIT_S = 30.0


def libpq(url: str) -> str:
    return url.replace("+psycopg", "")


def test_each_test_has_a_database_to_itself(postgres_cluster: postgres.Cluster) -> None:
    for name in ("alone_a", "alone_b"):
        postgres_cluster.create(name)
    with psycopg.connect(libpq(postgres_cluster.url("alone_a"))) as connection:
        connection.execute("CREATE TABLE car (plate text)")

    with (
        psycopg.connect(libpq(postgres_cluster.url("alone_b"))) as connection,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        connection.execute("SELECT * FROM car")

    for name in ("alone_a", "alone_b"):
        postgres_cluster.drop(name)


def test_a_copy_of_a_template_starts_with_its_tables(postgres_cluster: postgres.Cluster) -> None:
    postgres_cluster.create("model")
    with psycopg.connect(libpq(postgres_cluster.url("model"))) as connection:
        connection.execute("CREATE TABLE car (plate text)")
    postgres_cluster.create("copy", template="model")

    with psycopg.connect(libpq(postgres_cluster.url("copy"))) as connection:
        assert connection.execute("SELECT count(*) FROM car").fetchone() == (0,)

    for name in ("copy", "model"):
        postgres_cluster.drop(name)


def test_a_database_in_use_can_be_dropped(postgres_cluster: postgres.Cluster) -> None:
    postgres_cluster.create("busy")
    with psycopg.connect(libpq(postgres_cluster.url("busy")), autocommit=True) as connection:
        postgres_cluster.drop("busy")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_commits_are_durable_as_in_production(empty_postgres_url: str) -> None:
    with psycopg.connect(libpq(empty_postgres_url)) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_killing_the_test_run_ends_its_postgres() -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_CLUSTER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    pid_text, folder = holder.stdout.readline().decode().split()
    pid = int(pid_text)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    deadline = time.monotonic() + GONE_WAIT_S
    while _runs_postgres(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs_postgres(pid)
    shutil.rmtree(folder)


def test_a_named_folder_without_the_programs_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALET_TEST_POSTGRES_BIN", os.fspath(tmp_path))

    assert postgres.find_bin_dir() is None
    with (
        pytest.raises(postgres.PostgresMissing, match="VALET_TEST_POSTGRES_BIN"),
        postgres.running_cluster(),
    ):
        pass


def _runs_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
