"""`valet-agent`: the station's process, and the tools of whoever installs one."""

from __future__ import annotations

from pathlib import Path

import click

from reader_agent.commands import emulate, read
from reader_agent.station_key import key


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

if __name__ == "__main__":
    main()
