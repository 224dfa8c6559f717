"""`valet-server ledger`: checking what was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from server.config import Config
from server.database import Database
from server.day_roots import DayRoot
from server.keys.root import existing_root
from server.ledger import verify
from server.ledger_chains import Tally
from server.ledger_finding import FORK
from server.master_key import MasterKey


@click.group()
def ledger() -> None:
    """The chained events and the closed days."""


@ledger.command(name="verify")
@click.option(
    "--roots",
    "copy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A copy of /v1/ledger/roots that was saved earlier, to compare with.",
)
@click.option("--forks-known", is_flag=True, help="Name journals set back, but do not fail.")
@click.pass_obj
def verify_command(config: Config, copy: Path | None, forks_known: bool) -> None:
    """Check every line, chain, closed day and signature again; exit code 1 if anything is wrong.

    Changes nothing, and may run while the cloud works.
    """
    key = existing_root(config)
    published = [] if copy is None else _read_copy(copy)
    database = Database(config.database_url)
    try:
        tally, faults = database.read(lambda s: _tell(s, key, published, forks_known))
    finally:
        database.close()
    looked = f"{tally.journals} journals, {tally.lines} lines, {tally.days} closed days"
    if faults:
        click.echo(f"{looked}: {faults} {'finding' if faults == 1 else 'findings'}")
        raise SystemExit(1)
    click.echo(f"{looked}: the ledger is whole")


def _tell(
    session: Session, key: MasterKey, published: Sequence[DayRoot], forks_known: bool
) -> tuple[Tally, int]:
    """Print each finding as it is found; what was looked at, and how many count."""
    tally, faults = Tally(), 0
    for finding in verify(session, key, tally, published):
        click.echo(str(finding))
        if finding.kind != FORK or not forks_known:
            faults += 1
    return tally, faults


def _read_copy(path: Path) -> list[DayRoot]:
    try:
        items = json.loads(path.read_text(encoding="utf-8"))["items"]
        return [
            DayRoot(
                date=str(item["date"]),
                count=int(item["count"]),
                root=str(item["root"]),
                previous=str(item["previous"]),
                closed_at=datetime.fromisoformat(item["closed_at"]),
                signature=str(item["signature"]),
            )
            for item in items
        ]
    except (ValueError, KeyError, TypeError):
        raise click.UsageError(f"{path}: not a copy of /v1/ledger/roots") from None
