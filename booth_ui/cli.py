"""`valet-agent`: the station's process, and the tools of whoever installs one."""

from __future__ import annotations

from pathlib import Path

import click

from reader_agent.doctor_command import doctor
from reader_agent.emulate_command import emulate
from reader_agent.enroll_command import enroll, rotate_key
from reader_agent.installation.install_command import install
from reader_agent.read_command import read
from reader_agent.releases.commands import release, update
from reader_agent.station_key import key
from reader_agent.sun_command import sun


@click.group()
def main() -> None:
    """The station of a booth or a lot: its readers, its journal and its touchscreen."""


@main.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="KEY=VALUE file of the station's settings; the environment wins over it.",
)
def run(config_path: Path | None) -> None:
    """Be a station until SIGTERM or SIGINT."""
    # Imported here: `read` runs where no web framework is installed.
    from booth_ui.run import run_station

    raise SystemExit(run_station(config_path))


main.add_command(read)
main.add_command(emulate)
main.add_command(key)
main.add_command(enroll)
main.add_command(rotate_key)
main.add_command(doctor)
main.add_command(sun)
main.add_command(install)
main.add_command(update)
main.add_command(release)

if __name__ == "__main__":
    main()
