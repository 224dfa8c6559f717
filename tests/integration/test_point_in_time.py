"""The procedure of OPERATIONS.md, "Back to a moment", on a PostgreSQL of this test's own.

A base backup, an archive of the write-ahead log, a disaster: and the cloud is back as it was a
moment before it, which the ledger confirms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select

from server.database import Database
from server.ledger import verify
from server.ledger_chains import Tally
from server.master_key import load_master_key
from server.migrate import upgrade
from server.models import EventRow
from tests import postgres
from tests.ledger_kit import close, roots
from tests.postgres import Cluster
from tests.visit_story import Story, settings

DEADLINE_S = 60.0
NAME = "valet"


@contextmanager
def connected(cluster: Cluster, database: str = NAME) -> Iterator[psycopg.Connection]:
    """An administrator's connection."""
    with closing(postgres._connect(cluster.port, database)) as connection:
        yield connection


def ask(cluster: Cluster, question: str, database: str = NAME) -> object:
    """The one value that the server answers."""
    with connected(cluster, database) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def set_in(folder: Path, **values: str) -> None:
    """Write settings into a PostgreSQL's data folder."""
    with (folder / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in values.items())


def started_again(cluster: Cluster) -> Cluster:
    """The PostgreSQL on the same folder, after it was stopped."""
    return postgres._start(postgres._Account.unprivileged(), cluster.bin_dir, cluster.folder)


def archiving(cluster: Cluster) -> Cluster:
    """Step 1: every piece of the write-ahead log is copied into the archive."""
    archive = cluster.folder / "archive"
    archive.mkdir()
    postgres._Account.unprivileged().own(archive)
    copy = f"test ! -f {archive}/%f && cp %p {archive}/.%f && mv {archive}/.%f {archive}/%f"
    set_in(cluster.folder / "data", archive_mode="on", archive_command=copy)
    postgres._stop(cluster.process)
    return started_again(cluster)


def base_backup(cluster: Cluster) -> None:
    """Step 2: a copy of all files, while the cloud works."""
    command: list[str | Path] = [
        *(cluster.bin_dir / "pg_basebackup", "-D", cluster.folder / "base"),
        *("-h", "127.0.0.1", "-p", str(cluster.port), "-U", postgres.SUPERUSER),
        *("--checkpoint=fast", "--wal-method=stream", "--no-sync"),
    ]
    account = postgres._Account.unprivileged()
    account.run(command, cluster.folder)
    account.run([cluster.bin_dir / "pg_verifybackup", cluster.folder / "base"], cluster.folder)


def back_to(cluster: Cluster, moment: datetime) -> Cluster:
    """Steps 3 and 4: the copy in the place of the lost files, and the log up to the moment."""
    data, archive = cluster.folder / "data", cluster.folder / "archive"
    data.rename(cluster.folder / "lost")
    (cluster.folder / "base").rename(data)
    set_in(
        data,
        restore_command=f"cp {archive}/%f %p",
        recovery_target_time=moment.isoformat(),
        recovery_target_action="promote",
        archive_mode="off",
    )
    (data / "recovery.signal").touch()
    postgres._Account.unprivileged().own(data / "recovery.signal")
    again = started_again(cluster)
    wait_until(lambda: ask(again, "SELECT pg_is_in_recovery()") is False)
    return again


def events_in(database: Database) -> int:
    """How many events the cloud has."""
    return database.read(lambda s: s.scalar(select(func.count()).select_from(EventRow))) or 0


def disaster(cluster: Cluster) -> None:
    """Somebody deletes what is for ever, and then the machine is gone."""
    with connected(cluster) as connection:
        connection.execute("DELETE FROM events")
        connection.execute("DROP TABLE visits")
        written = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    assert written is not None
    last = cluster.folder / "archive" / str(written[0])
    wait_until(last.exists)
    postgres._stop(cluster.process)


@pytest.mark.usefixtures("unmeasured")
def test_the_cloud_is_brought_back_to_the_moment_before_a_disaster(tmp_path: Path) -> None:
    with postgres.running_cluster() as first, ExitStack() as ends:
        cluster = archiving(first)
        ends.callback(postgres._stop, cluster.process)
        cluster.create(NAME)
        upgrade(cluster.url(NAME))
        database = Database(cluster.url(NAME))
        config = settings(tmp_path, cluster.url(NAME))
        story = Story(database, config, load_master_key(config.key_file))
        story.receive("herrera").play_whole()
        base_backup(cluster)
        in_base = events_in(database)
        # What only the log knows of: a night, and the closing of its day.
        story.receive("bolivar").play_whole()
        close(story)
        wanted, closed = events_in(database), [row.root for row in roots(story)]
        moment = ask(cluster, "SELECT clock_timestamp()")
        assert isinstance(moment, datetime)
        story.receive("francia")
        assert in_base < wanted < events_in(database)
        database.close()
        disaster(cluster)

        cluster = back_to(cluster, moment)
        ends.callback(postgres._stop, cluster.process)
        story.database = Database(cluster.url(NAME))
        tally = Tally()
        found = story.database.read(lambda s: list(verify(s, story.key, tally)))
        assert (found, tally.lines) == ([], wanted)
        assert [row.root for row in roots(story)] == closed != []
        story.database.close()
