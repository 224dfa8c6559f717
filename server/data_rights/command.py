"""`valet-server driver`: access, portability and cancellation for a driver at the office, and what
was touched, for when data was reached by somebody who should not have."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from server import clock
from server.config import Config
from server.data_rights import office
from server.data_rights.touched import Span
from server.data_rights.touched import touched as on_record
from server.database import Database
from server.keys.root import existing_key

T = TypeVar("T")


@click.group()
def driver() -> None:
    """What is known of a driver. Plate and phone are asked for, never given on the command line."""


@driver.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--by", required=True, help="Id of the person of the office who does it.")
@click.pass_obj
def export(config: Config, file: Path, by: str) -> None:
    """Write everything that is known of a driver into a new FILE (JSON)."""
    key, asker, now = existing_key(config), _ask(), clock.now()
    made: dict[str, Any] = _write(
        config, lambda session: office.export(session, config, key, asker, by, now)
    )
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        json.dump(made, output, indent=1, ensure_ascii=False)
    click.echo(f"{file}: {len(made['visits'])} visits")


@driver.command()
@click.option("--by", required=True, help="Id of the person of the office who does it.")
@click.pass_context
def erase(ctx: click.Context, by: str) -> None:
    """Erase a driver's records of all visits that are over. Exit code 1 if one is not."""
    key, asker, now = existing_key(ctx.obj), _ask(), clock.now()
    gone, left = _write(ctx.obj, lambda session: office.erase(session, key, asker, by, now))
    click.echo(f"erased: {', '.join(gone) or 'nothing'}")
    if left:
        click.echo(f"not over yet, so not erased: {', '.join(left)}", err=True)
        ctx.exit(1)


@driver.command()
@click.option("--since", required=True, help="ISO 8601 with its zone.")
@click.option("--until", help="The same; now by default.")
@click.option("--person", help="Only what this person did.")
@click.pass_obj
def touched(config: Config, since: str, until: str | None, person: str | None) -> None:
    """Tell what was looked at and changed, as JSON: who was shown which visits' drivers, sign-ins,
    changes by administrators, keys of stations."""
    span = Span(_moment(since), clock.now() if until is None else _moment(until))
    found = _write(config, lambda session: on_record(session, span, person))
    click.echo(json.dumps(found, indent=1))


def _ask() -> office.Asker:
    plate = click.prompt("Plate", default="", show_default=False, hide_input=True)
    phone = click.prompt("Phone", default="", show_default=False, hide_input=True)
    return office.Asker(plate, phone)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.ClickException(f"{text}: write it as 2026-11-23T21:00:00-05:00") from None
    if found.tzinfo is None:
        raise click.ClickException(f"{text}: with its zone, as 2026-11-23T21:00:00-05:00")
    return found


def _write(config: Config, work: Callable[[Session], T]) -> T:
    database = Database(config.database_url)
    try:
        return database.write(work)
    finally:
        database.close()
