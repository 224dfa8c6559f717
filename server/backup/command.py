"""`valet-server backup` and `valet-server restore`."""

from __future__ import annotations

from pathlib import Path

import click

from server import clock
from server.backup.fault import BackupError
from server.backup.make import make_backup
from server.backup.restore import Restored, restore_backup
from server.config import Config

_FOLDER = click.argument("folder", type=click.Path(path_type=Path))


@click.command()
@_FOLDER
@click.option(
    "--photos/--no-photos",
    "with_photos",
    default=True,
    show_default=True,
    help="Copy the photos of a folder store, or only list them with their hashes.",
)
@click.pass_obj
def backup(config: Config, folder: Path, with_photos: bool) -> None:
    """Back the database and the photos up into a new FOLDER, while the cloud works.

    The master key is never in it: keep a copy of that in another place. Without it nothing that
    is sealed in the backup opens again.
    """
    try:
        made = make_backup(config, folder, with_photos=with_photos, now=clock.now())
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    manifest = made.manifest
    size = sum(file.size_bytes for file in manifest.files)
    click.echo(
        f"{folder}: {manifest.counts['events']} events, version {manifest.district_version}, "
        f"{size} bytes, photos {manifest.photos}"
    )
    click.echo(f"the master key is not in it: keep {config.key_file} in another place", err=True)
    if made.damaged:
        raise click.ClickException(
            f"{made.damaged} photos in {config.photo_folder} are damaged and were left out; all "
            "else is in the backup"
        )


@click.command()
@_FOLDER
@click.option("--replace", is_flag=True, help="Give up whatever is in the database now.")
@click.option("--forks-known", is_flag=True, help="Name journals set back, but do not fail.")
@click.pass_context
def restore(ctx: click.Context, folder: Path, replace: bool, forks_known: bool) -> None:
    """Put the backup in FOLDER in the place of the database and the photos, and check it.

    Stop the cloud's processes first. Exit code 1 if anything differs from what was backed up.
    """
    config: Config = ctx.obj
    config.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        restored = restore_backup(config, folder, replace=replace, forks_known=forks_known)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    _tell(restored)
    ctx.exit(1 if restored.differences else 0)


def _tell(restored: Restored) -> None:
    for line in (*restored.known, *restored.differences):
        click.echo(line)
    manifest, tally = restored.manifest, restored.tally
    click.echo(
        f"as of {manifest.made_at}: {manifest.counts['events']} events, {restored.photos} photos "
        f"put back; {tally.journals} journals, {tally.lines} lines, {tally.days} closed days"
    )
    count = len(restored.differences)
    said = "1 difference" if count == 1 else f"{count} differences"
    click.echo(said if count else "nothing differs, and the ledger is whole")
