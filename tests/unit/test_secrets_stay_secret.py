"""Secrets come from files or the environment, and nothing that prints settings prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from booth_ui.cli import main as agent
from server.cli import main as cloud
from server.config import PREFIX, ConfigError, load_config

SECRET = "5a" * 32
SECRETS = {
    "MASTER_KEY": SECRET,
    "METRICS_TOKEN": SECRET,
    "DATABASE_URL": f"postgresql://valet:{SECRET}@db.example/valet",
}
# A public key and names of people are none.
HIDDEN = re.compile(r"password|passwd|secret|token|pin\b|private|credential|master")


def options(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """Every option of a command and of those below it: its path and its flags."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield path, " ".join(parameter.opts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from options(found, f"{path} {name}")


@pytest.mark.parametrize("main", [cloud, agent], ids=["cloud", "agent"])
def test_no_secret_has_a_flag(main: click.Command) -> None:
    found = list(options(main, str(main.name)))
    assert len(found) > 5
    assert [each for each in found if HIDDEN.search(each[1])] == []


def test_a_flag_for_a_secret_would_be_found() -> None:
    @click.command()
    @click.option("--api-token")
    def weak() -> None:
        """Take a secret on the command line."""

    assert [HIDDEN.search(flags) is not None for _, flags in options(weak, "x")] == [True]


def test_settings_that_are_printed_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(PREFIX + name, value)
    config = load_config()
    assert SECRET in (config.master_key, config.metrics_token)
    assert SECRET in config.database_url
    for printed in (repr(config), str(config), f"{config}"):
        assert SECRET not in printed


def test_a_secret_that_is_wrong_is_not_repeated_in_the_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"{PREFIX}MASTER_KEY", f"{SECRET}!")
    monkeypatch.setenv(f"{PREFIX}METRICS_TOKEN", "too short")
    with pytest.raises(ConfigError) as error:
        load_config()
    assert "MASTER_KEY: write 64 hex digits" in str(error.value)
    assert SECRET not in str(error.value)
    assert "too short" not in str(error.value)


def test_every_setting_that_sounds_secret_is_hidden_or_a_name() -> None:
    config = load_config()
    shown = [one.name for one in fields(config) if one.repr and HIDDEN.search(one.name)]
    # A path, and how many wrong ones there may be.
    assert [name for name in shown if not name.endswith(("_file", "_max", "_s", "_kib"))] == [
        name for name in shown if name.startswith(("pin_passes", "pin_lanes"))
    ]


def test_a_database_that_cannot_be_reached_is_told_of_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", f"postgresql://v:{SECRET}@127.0.0.1:9/valet")
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(tmp_path))
    monkeypatch.setenv(f"{PREFIX}DATABASE_WAIT_S", "1")
    result = CliRunner().invoke(cloud, ["worker"])
    assert result.exit_code == 1
    assert SECRET not in result.output
    assert SECRET not in str(result.exception)
