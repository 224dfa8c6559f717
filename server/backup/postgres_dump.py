"""A PostgreSQL database written and read back by `pg_dump` and `pg_restore`, in custom format.

The programs have to be as new as the server (pg_dump: "cannot dump from PostgreSQL servers newer
than its own major version"), and no newer than needed: what a newer one writes, an older server
may not understand. A password goes by the environment, so that no list of processes shows it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, MetaData, text

from server.backup.fault import BackupError

FILE = "database.pgdump"
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_HOW_TO_GET = (
    "install PostgreSQL's client programs of that version (Debian: postgresql-client), or name "
    "their folder in VALET_SERVER_POSTGRES_BIN"
)


@dataclass(frozen=True, slots=True)
class Program:
    """One of PostgreSQL's programs and its major version."""

    path: Path
    major: int


def find_program(name: str, named: str, at_least: int) -> Program:
    """The program that is as new as `at_least` and the oldest of these; only in the folder
    `named`, if one is. Raises `BackupError` when it is missing or too old."""
    found = [program for path in _folders(named) if (program := _look(path / name)) is not None]
    fitting = [program for program in found if program.major >= at_least]
    if fitting:
        return min(fitting, key=lambda program: program.major)
    where = f" in {named}" if named else ""
    if found:
        have = max(program.major for program in found)
        raise BackupError(
            "program_too_old",
            f"{name}{where} is of PostgreSQL {have}, the server of {at_least}: {_HOW_TO_GET}",
        )
    raise BackupError("program_missing", f"{name} was not found{where}: {_HOW_TO_GET}")


def dump(engine: Engine, snapshot: str, server_major: int, named: str, to: Path) -> str:
    """Write what the exported `snapshot` shows to a new file; what wrote it."""
    program = find_program("pg_dump", named, server_major)
    _run(
        program,
        engine,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        f"--file={to}",
    )
    return f"pg_dump {program.major}"


def check(dumped: Path, named: str, server_major: int, tool: str) -> Program:
    """The program that can restore this file. Raises `BackupError` if there is none, or if it
    cannot read the file."""
    wrote = int(tool.rpartition(" ")[2])
    program = find_program("pg_restore", named, max(server_major, wrote))
    _finish(program, [str(program.path), "--list", str(dumped)], dict(os.environ))
    return program


def restore(engine: Engine, program: Program, dumped: Path) -> None:
    """Read a dump into an empty database: all of it, or nothing."""
    _run(
        program,
        engine,
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        "--exit-on-error",
        str(dumped),
    )


def drop_tables(connection: Connection) -> None:
    """Drop every table that is there."""
    known = MetaData()
    known.reflect(connection)
    known.drop_all(connection)


def server_major(connection: Connection) -> int:
    """The server's major version."""
    return int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000


def _folders(named: str) -> Iterator[Path]:
    if named:
        yield Path(named)
        return
    if _DEBIAN.is_dir():
        yield from (path / "bin" for path in sorted(_DEBIAN.iterdir()))
    for name in ("pg_dump", "pg_restore"):
        found = shutil.which(name)
        if found is not None:
            yield Path(found).parent


def _look(path: Path) -> Program | None:
    if not os.access(path, os.X_OK):
        return None
    said = subprocess.run([path, "--version"], check=False, capture_output=True, text=True)
    version = _VERSION.search(said.stdout)
    return None if version is None else Program(path, int(version[1]))


def _run(program: Program, engine: Engine, *arguments: str) -> None:
    _, arguments_of = engine.dialect.create_connect_args(engine.url)
    # What is neither is for the driver, and libpq would not know it.
    known = {
        name: str(value) for name, value in arguments_of.items() if isinstance(value, str | int)
    }
    password = known.pop("password", None)
    env = dict(os.environ)
    if password is not None:
        env["PGPASSWORD"] = password
    _finish(program, [str(program.path), f"--dbname={make_conninfo('', **known)}", *arguments], env)


def _finish(program: Program, command: list[str], env: dict[str, str]) -> None:
    ended = subprocess.run(
        command,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if ended.returncode != 0:
        said = ended.stderr.strip() or f"exit status {ended.returncode}"
        raise BackupError("program_failed", f"{program.path.name} failed: {said}")
