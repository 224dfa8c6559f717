"""The station's own Ed25519 key: made here at first use, never leaves the card.

`valet-agent key` prints the public half; a manager enters it where the station is enrolled.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from reader_agent.config import ConfigError, read_config
from schemas.signing import new_private_key, public_key_of

FILE_NAME = "station.key"
_LENGTH = 32
_OTHERS = 0o077


class StationKeyError(Exception):
    """The key file cannot be used. `code` is `key_exposed` (others may read it) or `key_broken`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def load_or_create(data_dir: Path) -> bytes:
    """The 32 raw bytes of the private key in `data_dir`. Raises `StationKeyError`."""
    path = data_dir / FILE_NAME
    try:
        return _load(path)
    except FileNotFoundError:
        _create(path)
    return _load(path)


def public_key_hex(data_dir: Path) -> str:
    """The public key as 64 hex digits; the pair is made if there is none."""
    return public_key_of(load_or_create(data_dir)).hex()


@click.command()
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="KEY=VALUE file of the station's settings.",
)
def key(config_path: Path | None) -> None:
    """Print the station's public key, to be entered where the station is enrolled."""
    try:
        config = read_config(config_path)
        config.data_dir.mkdir(parents=True, exist_ok=True)
        click.echo(public_key_hex(config.data_dir))
    except (ConfigError, StationKeyError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _load(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        raw = file.read(_LENGTH + 1)
    if mode & _OTHERS:
        raise StationKeyError("key_exposed", f"{path} can be read by others: chmod 600 {path}")
    if len(raw) != _LENGTH:
        raise StationKeyError("key_broken", f"{path} does not hold a key of {_LENGTH} bytes")
    return raw


def _create(path: Path) -> None:
    # Written whole under another name and then linked: a power cut leaves no half key, and of
    # two that create it at once one wins.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_private_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
