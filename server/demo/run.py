"""`valet-server demo`: start everything, say where it is, play an evening, end everything."""

from __future__ import annotations

import signal
import tempfile
import threading
from _thread import start_new_thread
from pathlib import Path

import click

from server.demo.evening import Evening
from server.demo.processes import DemoError
from server.demo.show import MANAGER, PASSWORD, Show
from server.sms.recording import read_recorded


def run(*, speed: int, first_port: int, quiet_evening: bool) -> None:
    """Run the demo until SIGINT or SIGTERM. Raises `click.ClickException` if it cannot."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On a thread of its own: the handler may interrupt `over.wait`, whose lock `set` needs.
        signal.signal(number, lambda *_: start_new_thread(over.set, ()))
    with tempfile.TemporaryDirectory(prefix="valet-demo-") as folder:
        show = Show(Path(folder), first_port)
        evening = Evening(show.stage(speed))
        try:
            show.start()
            _print_links(show)
            if not quiet_evening:
                evening.start()
            _watch(show, over)
        except DemoError as error:
            raise click.ClickException(str(error)) from None
        finally:
            evening.stop()
            show.stop()
    click.echo("everything has ended")


def _watch(show: Show, over: threading.Event) -> None:
    """Wait for the end; print the text messages, with the drivers' links in them."""
    printed = 0
    while not over.wait(1.0):
        show.check()
        messages = read_recorded(show.messages)
        for message in messages[printed:]:
            click.echo(f"  text message  {message.text}")
        printed = len(messages)


def _print_links(show: Show) -> None:
    links = show.links()
    click.echo(f"\n{show.district.name}: sample data, not a real operation\n")
    click.echo(f"  tag board   {show.board_url}")
    for place in show.district.places:
        click.echo(f"  {place.kind:<10}  {links.booths[place.id]}/   {place.name}")
    click.echo(f"  manager     {links.manager}   {MANAGER} / {PASSWORD}")
    people = {person.id: person for person in show.district.people}
    told = ", ".join(f"{people[person].name} {pin}" for person, pin in show.pins.items())
    click.echo(f"  PINs        {told}")
    click.echo("\nDrivers' pages are printed as their text messages go out. Ctrl-C ends all.\n")
