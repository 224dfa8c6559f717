"""`valet-server keys`: which keys there are, a new one, and the envelope of the master key."""

from __future__ import annotations

import click

from server import clock
from server.config import Config
from server.database import Database
from server.keys import data_keys, reseal
from server.keys.root import existing_root, open_key, wrap_file


@click.group()
def keys() -> None:
    """The keys that plates, phones and notes are sealed with."""


@keys.command()
@click.pass_obj
def status(config: Config) -> None:
    """Name each key and how many sealed values stand under it."""
    database = Database(config.database_url)
    try:
        newest = database.read(data_keys.newest_row)
        counts = database.read(reseal.standing)
        ids = database.read(data_keys.ids)
    finally:
        database.close()
    for key_id in [*ids, reseal.MASTER]:
        seals = "  seals" if key_id == (reseal.MASTER if newest is None else newest.id) else ""
        click.echo(f"{key_id:<16}  {counts[key_id]:>9} values{seals}")


@keys.command()
@click.pass_obj
def rotate(config: Config) -> None:
    """Make a new data key; the worker seals everything anew with it, while all go on working."""
    root, now = existing_root(config), clock.now()
    database = Database(config.database_url)
    try:
        key_id = database.write(lambda session: data_keys.add(session, root, now))
    finally:
        database.close()
    click.echo(key_id)
    click.echo(
        f"it seals within {data_keys.REFRESH_S} s in every process; the worker brings the rest to "
        "it. Then take the old one away: `valet-server keys status`, `valet-server keys drop ID`",
        err=True,
    )


@keys.command(name="reseal")
@click.pass_obj
def reseal_now(config: Config) -> None:
    """Seal everything anew with the newest key at once, instead of leaving it to the worker."""
    key, done = open_key(config), 0
    database = Database(config.database_url)
    try:
        while more := reseal.reseal(database, key, config.purge_batch, clock.now()):
            done += more
    finally:
        database.close()
    click.echo(f"{done} values sealed anew")


@keys.command()
@click.argument("key_id")
@click.pass_obj
def drop(config: Config, key_id: str) -> None:
    """Take away a data key under which nothing stands any more."""
    database = Database(config.database_url)
    try:
        database.write(lambda session: reseal.drop(session, key_id))
    finally:
        database.close()
    click.echo(f"{key_id} is gone")


@keys.command()
@click.pass_obj
def wrap(config: Config) -> None:
    """Put the master key's file into the envelope of VALET_SERVER_KMS_KEY, or into a newer one."""
    wrap_file(config)
    click.echo(f"{config.key_file} is now opened by KMS only")
