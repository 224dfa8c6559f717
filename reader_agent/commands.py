"""The reader tools alone, for `python -m reader_agent.commands`."""

from __future__ import annotations

import click

from reader_agent.doctor_command import doctor
from reader_agent.emulate_command import emulate
from reader_agent.read_command import read
from reader_agent.sun_command import sun


@click.group()
def main() -> None:
    """The tools of whoever installs readers."""


main.add_command(read)
main.add_command(emulate)
main.add_command(doctor)
main.add_command(sun)

if __name__ == "__main__":
    main()
