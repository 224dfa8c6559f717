"""`valet-agent doctor`: which readers are there, and what is wrong with them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import click
import structlog

from reader_agent.clock import SystemClock
from reader_agent.command_output import say
from reader_agent.config import ConfigError, read_config
from reader_agent.device_names import Device
from reader_agent.doctor import Finding, examine, general_faults
from reader_agent.drivers.reader_config import ReaderConfig
from reader_agent.reader_probe import ASKING, Answer, ask, listen


@click.command()
@click.option("--port", "ports", multiple=True, metavar="DEVICE", help="Only this; repeatable.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The station's settings, to compare what is there with what should be.",
)
@click.option("--wait", "wait_s", type=float, default=5.0, show_default=True, metavar="SECONDS")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON line for each device and for each general fault.",
)
@click.pass_context
def doctor(
    ctx: click.Context,
    ports: tuple[str, ...],
    config_path: Path | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """List the devices on which a reader can be, what answers on them, and what is wrong.

    Exit code 1 if anything is wrong. Every device is opened for some seconds: stop the agent
    first, or it is the agent that is found there. Readers that only talk (125 kHz, scanners) are
    recognised by what they read: hold a tag or a code to them meanwhile.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    configured = _configured(config_path)
    findings = examine(configured, ports, _Prober(wait_s))
    faults = general_faults(configured)
    if as_json:
        for finding in findings:
            say(finding.line())
        for fault in faults:
            say({"device": None, "wrong": [fault]})
    else:
        _print(findings, faults)
    ctx.exit(1 if faults or any(finding.wrong for finding in findings) else 0)


class _Prober:
    """Asks as the expected family, else as each that can be asked, else listens."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._clock = SystemClock()

    def __call__(self, device: Device, expected: str | None, /) -> Answer:
        name = str(device.path)
        if device.is_spi or expected == "rc522":
            return ask(name, ("rc522",), self._clock, self._wait_s)
        first = (expected,) if expected in ASKING else ()
        others = tuple(family for family in ASKING if family != expected)
        answer = ask(name, first + others, self._clock, self._wait_s)
        if answer.family is None and answer.fault is None:
            return listen(name, self._clock, self._wait_s)
        return answer


def _configured(config_path: Path | None) -> tuple[ReaderConfig, ...]:
    if config_path is None and "VALET_AGENT_READERS" not in os.environ:
        return ()
    try:
        return read_config(config_path).readers
    except ConfigError as error:
        raise click.UsageError(f"the settings cannot be used:\n{error}") from None


def _print(findings: list[Finding], faults: list[str]) -> None:
    if not findings:
        click.echo("no serial port and no SPI device: is the reader plugged in?")
    for finding in findings:
        click.echo(_headline(finding.line()))
        for wrong in finding.wrong:
            click.echo(f"  ! {wrong}")
    for fault in faults:
        click.echo(f"! {fault}")


def _headline(line: Mapping[str, object]) -> str:
    alias = "" if line["name"] == line["device"] else f" ({line['device']})"
    answers = line["answers"] or "nothing answered"
    chip = f", {line['chip']}" if line["chip"] else ""
    return f"{line['name']}{alias}: {answers}{chip}"
