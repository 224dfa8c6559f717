"""`valet-server figures`: bring the figures of the reports up to date, or make them anew."""

from __future__ import annotations

import click

from server.config import Config
from server.database import Database
from server.figures.keep import forget, keep_up


@click.command()
@click.option("--anew", is_flag=True, help="Throw away all figures first.")
@click.pass_obj
def figures(config: Config, anew: bool) -> None:
    """Count every event that is not in the reports' figures yet."""
    database = Database(config.database_url)
    try:
        if anew:
            database.write(forget)
        batches = keep_up(database, config)
    finally:
        database.close()
    click.echo(f"{batches} batches counted")
