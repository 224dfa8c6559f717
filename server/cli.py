"""`valet-server`: the cloud's commands."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from schemas.problems import Refusal
from server import clock
from server.config import Config, ConfigError, load_config
from server.database import DatabaseError, open_database
from server.district import current_version, kept_from, load_district, read_district
from server.keys.root import open_root
from server.logs import configure_logs
from server.master_key import KeyFileError
from server.tracing import TracingError

T = TypeVar("T")

# Commands in files of their own, which are read only for whoever gives them.
_ELSEWHERE = {
    "backup": ("server.backup.command", "backup"),
    "bench-plan": ("server.dispatch.bench_command", "bench_plan"),
    "driver": ("server.data_rights.command", "driver"),
    "figures": ("server.figures.command", "figures"),
    "keys": ("server.keys.command", "keys"),
    "ledger": ("server.ledger_command", "ledger"),
    "restore": ("server.backup.command", "restore"),
    "simulate": ("server.dispatch.simulate_command", "simulate"),
    "sun": ("server.sun_command", "sun"),
}


class _Group(click.Group):
    """Turns what can go wrong in operation into one clear line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All, by name."""
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, None if there is none."""
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, name = _ELSEWHERE[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            details = "; ".join(str(value) for value in refusal.context.values())
            raise click.ClickException(f"{refusal.code}: {details}".rstrip(": ")) from None
        except (DatabaseError, KeyFileError, TracingError) as error:
            raise click.ClickException(str(error)) from None
        except DBAPIError as error:
            raise click.ClickException(_in_words(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def _in_words(error: DBAPIError) -> str:
    said = str(error.orig).strip()
    if getattr(error.orig, "sqlstate", None) == "42P01" or said.startswith("no such table"):
        return "the database has no tables yet: run `valet-server migrate`"
    return f"the database says: {said}"


@click.group(cls=_Group)
@click.option("--config", "file", type=click.Path(path_type=Path), help="File of KEY=VALUE lines.")
@click.version_option(package_name="casco-valet")
@click.pass_context
def main(ctx: click.Context, file: Path | None) -> None:
    """The cloud of a valet district. Settings: VALET_SERVER_* or the file given by --config."""
    configure_logs()
    try:
        ctx.obj = load_config(file)
    except ConfigError as error:
        click.echo(f"the settings cannot be used:\n{error}", err=True)
        ctx.exit(2)


def _write(config: Config, work: Callable[[Session], T]) -> T:
    database = open_database(config)
    try:
        return database.write(work)
    finally:
        database.close()


def _check(config: Config) -> None:
    """Fail here, in words, rather than again and again in a process of its own."""
    open_root(config)
    database = open_database(config)
    try:
        database.read(current_version)
    finally:
        database.close()


@main.command()
@click.pass_obj
def serve(config: Config) -> None:
    """Serve the API, the drivers' pages and the managers' pages."""
    from server.serve import serve as run

    _check(config)
    run(config)


@main.command()
@click.pass_obj
def worker(config: Config) -> None:
    """Send messages and plan moves until told to stop."""
    from server.worker import run

    _check(config)
    run(config)


@main.command(name="migrate")
@click.pass_obj
def migrate_command(config: Config) -> None:
    """Create the database or bring it to the present schema."""
    from server import migrate

    config.data_dir.mkdir(parents=True, exist_ok=True)
    migrate.upgrade(config.database_url)
    click.echo("the database is up to date")


@main.group()
def district() -> None:
    """The places, people, tags and travel times."""


@district.command(name="load")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def district_load(config: Config, file: Path) -> None:
    """Take in a district file (JSON): adds and changes, never deletes. What administrators have
    changed on the web stays as they made it."""
    content = read_district(file)
    version, kept = _write(
        config, lambda session: (load_district(session, content), kept_from(session, content))
    )
    click.echo(
        f"{content.name}: {len(content.places)} places, {len(content.people)} people, "
        f"{len(content.tags)} tags (version {version})"
    )
    if kept:
        click.echo(f"left as administrators made them: {', '.join(kept)}", err=True)


@main.group()
def station() -> None:
    """The computers at the places."""


@station.command(name="add")
@click.argument("station_id")
@click.option("--place", required=True, help="Id of its place.")
@click.option("--key", required=True, help="Its public key, as `valet-agent key` prints it.")
@click.pass_obj
def station_add(config: Config, station_id: str, place: str, key: str) -> None:
    """Let a station in, or give it a new key."""
    from server.stations import add_station

    now = clock.now()
    _write(config, lambda session: add_station(session, station_id, place, key, now))
    click.echo(f"{station_id} may speak for {place}")


@station.command(name="code")
@click.argument("station_id")
@click.option("--place", required=True, help="Id of its place.")
@click.pass_obj
def station_code(config: Config, station_id: str, place: str) -> None:
    """Make a one-time code with which a station lets itself in: `valet-agent enroll CODE`."""
    from server.station_codes import make_code

    key, now, by = open_root(config), clock.now(), "valet-server"
    made = _write(
        config, lambda session: make_code(session, config, key, station_id, place, by, now)
    )
    minutes = config.station_code_s // 60
    click.echo(made.code)
    click.echo(
        f"for {station_id} at {place}, once, within {minutes} minutes: "
        f"there, run `valet-agent enroll {made.code}`",
        err=True,
    )


@station.command(name="revoke")
@click.argument("station_id")
@click.option("--reason", help="Why; managers see it.")
@click.pass_obj
def station_revoke(config: Config, station_id: str, reason: str | None) -> None:
    """Refuse all that a station sends from now on."""
    from server.stations import revoke_station

    now, by = clock.now(), "valet-server"
    _write(
        config,
        lambda session: revoke_station(session, station_id, by=by, reason=reason, now=now),
    )
    click.echo(f"{station_id} is shut out")


@main.group()
def manager() -> None:
    """People who may sign in on the web."""


@manager.command(name="add")
@click.argument("person_id")
@click.pass_obj
def manager_add(config: Config, person_id: str) -> None:
    """Give a person of the district a password, or a new one. It is asked for, or taken from
    VALET_SERVER_PASSWORD; what stands on a command line, every process of the machine may read."""
    from server.accounts import set_password
    from server.sessions import close_all

    def work(session: Session) -> None:
        set_password(session, person_id, password)
        close_all(session, person_id)

    password = os.environ.get("VALET_SERVER_PASSWORD") or click.prompt("Password", hide_input=True)
    _write(config, work)
    click.echo(f"{person_id} may sign in")


@manager.command(name="forget-app")
@click.argument("person_id")
@click.pass_obj
def manager_forget_app(config: Config, person_id: str) -> None:
    """Let somebody who lost phone and recovery codes set up another authenticator app."""
    from server.administration.people import reset_second_factor
    from server.administration.record import Act

    act = Act("valet-server", "manager forget-app", clock.now())
    _write(config, lambda session: reset_second_factor(session, person_id, act))
    click.echo(f"{person_id} sets up an authenticator app at the next sign-in")


@main.command()
@click.option("--write", is_flag=True, help="Keep the rows as folded anew.")
@click.pass_context
def rebuild(ctx: click.Context, write: bool) -> None:
    """Fold all events again and name every row that differs; exit code 1 if any does."""
    from server.rebuild import rebuild as run

    lines: list[str] = []

    def work(session: Session) -> None:
        lines[:] = run(session)
        if not write:
            session.rollback()

    _write(ctx.obj, work)
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} differences")
    ctx.exit(1 if lines else 0)


@main.command()
@click.option("--speed", default=20, show_default=True, help="How many times faster than life.")
@click.option("--port", default=8080, show_default=True, help="First of the ports to use.")
@click.option("--quiet-evening", is_flag=True, help="Play no cars; wait for clicks.")
def demo(speed: int, port: int, quiet_evening: bool) -> None:
    """Run a whole district on this machine, with emulated readers, until Ctrl-C."""
    from server.demo.run import run

    run(speed=speed, first_port=port, quiet_evening=quiet_evening)
