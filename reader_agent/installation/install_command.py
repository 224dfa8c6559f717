"""`valet-agent install`: make this machine, or an image, a station."""

from __future__ import annotations

from pathlib import Path

import click

from reader_agent.installation.reader_rules import ReaderName, parse_reader_name
from reader_agent.installation.root_folder import RootFolder
from reader_agent.installation.station_files import Choices, InstallError, station_files
from reader_agent.releases.manifest import ReleaseError
from reader_agent.releases.release_key import load_public_key

_NEXT = """\
Then, on the station itself:
  systemd-sysusers && systemd-tmpfiles --create
  systemctl daemon-reload
  udevadm control --reload && udevadm trigger
and once: the line `include valet.txt` in /boot/firmware/config.txt, and a restart."""


class _Reader(click.ParamType[ReaderName]):
    name = "NAME=WHERE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ReaderName:
        """Read one."""
        if isinstance(value, ReaderName):
            return value
        try:
            return parse_reader_name(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--root", type=click.Path(path_type=Path, exists=True, file_okay=False),
              default="/", show_default=True,
              help="An image's tree instead of this machine.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@click.option("--reader", "readers", multiple=True, type=_Reader(), metavar="NAME=WHERE",
              help="Name a reader by its USB socket (valet-pn532=1-1.3) or by ids and serial "
              "number (valet-scanner=10c4:ea60:0001); repeatable.")  # fmt: skip
@click.option("--release-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.pub",
              help="The public key that releases have to be signed with.")  # fmt: skip
@click.option("--updates", default="", metavar="URL",
              help="A folder on the web to look for a newer release in, each morning.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65_535), default=8080, show_default=True,
              help="Of the screen, as VALET_AGENT_SCREEN_PORT.")  # fmt: skip
@click.option("--scale", default="1", show_default=True,
              help="How much bigger the page is drawn (1.5 on a Touch Display 2).")  # fmt: skip
@click.option("--ntp", default="time.cloudflare.com", show_default=True,
              help="Hosts with the time.")  # fmt: skip
@click.option("--screen/--no-screen", default=True, show_default=True, help="With a touchscreen.")
@click.option("--ssh/--no-ssh", default=False, show_default=True, help="Leave ssh as it is.")
@click.option("--read-only", is_flag=True, help="From the next start on, a read-only root.")
def install(
    root: Path,
    dry_run: bool,
    readers: tuple[ReaderName, ...],
    release_key: Path | None,
    updates: str,
    port: int,
    scale: str,
    ntp: str,
    screen: bool,
    ssh: bool,
    read_only: bool,
) -> None:
    """Write the units, rules and settings that make a station; what is so already is left alone.

    Needs the rights to write there. Starts and stops nothing.
    """
    try:
        key = None if release_key is None else load_public_key(release_key).hex()
        wanted = station_files(
            Choices(port, scale, ntp, readers, key, updates, screen, ssh, read_only)
        )
        folder = RootFolder(root)
        if dry_run:
            for line in folder.differences(wanted):
                click.echo(line)
            return
        changed = folder.write(wanted)
    except (InstallError, ReleaseError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    for path in changed:
        click.echo(path)
    click.echo(f"{len(changed)} changed, {len(wanted) - len(changed)} as they were")
    if changed:
        click.echo(_NEXT)
