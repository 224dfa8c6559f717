"""`valet-agent enroll`: lets the station in by a one-time code. `valet-agent rotate-key`: gives
it a new key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from reader_agent.clock import SystemClock
from reader_agent.cloud import CloudLost
from reader_agent.cloud_client import CloudClient, NotEnrolled
from reader_agent.command_output import log_to_stderr
from reader_agent.config import PREFIX, Config, ConfigError, read_config
from reader_agent.station_key import ENROLL_FILE_NAME, KeyRing, StationKeyError

_IDENTITY = ("station_id", "place_id", "role", "letter")
_NEW_KEY = "key_in_use"
_WORDS: Mapping[str, str] = {
    "bad_station_code": "the code is wrong, was used or is too old: ask a manager for a new one",
    "too_many_tries": "too many codes were tried: wait ten minutes, then ask for a new one",
    "unknown_place": "the place of the code is no longer there: ask a manager for a new code",
    "bad_query": "the cloud does not understand this version of the agent",
    "404": "the cloud has no enrolment: is VALET_AGENT_CLOUD_URL right?",
    "revoked_station": "this station was shut out: ask a manager for a code",
    "bad_signature": "the cloud knows none of this station's keys: ask a manager for a code",
    "unknown_station": "the cloud does not know this station: ask a manager for a code",
    "cloned_station": "two machines use this station's key: ask a manager for a code",
}

_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="KEY=VALUE file of the station's settings.",
)


@click.command()
@click.argument("code", nargs=-1, required=True)
@_config_option
def enroll(code: tuple[str, ...], config_path: Path | None) -> None:
    """Let this station in with the CODE from the manager's page.

    The station's key is made here if there is none, and never leaves it. A key that the cloud
    knows already is not enrolled again: then a new one takes its place.
    """
    with _in_words(config_path) as (config, client, ring):
        # Its two groups may be typed apart.
        enrolled = _enroll("".join(code), config, client, ring)
        wrong = _differences(config, enrolled)
        if wrong:
            raise click.ClickException("\n".join(wrong))
    name, place = enrolled["place_name"], enrolled["place_id"]
    click.echo(f"{config.station_id} may speak for {name} ({place})")


@click.command(name="rotate-key")
@_config_option
def rotate_key(config_path: Path | None) -> None:
    """Give this station a new key. The agent may run meanwhile: it takes the new one over.

    Both keys are good until the cloud has listened to the new one. If this ends in between, run
    it again.
    """
    with _in_words(config_path) as (config, client, _):
        client.change_key()
    click.echo(f"{config.station_id} has a new key")


def _enroll(code: str, config: Config, client: CloudClient, ring: KeyRing) -> Mapping[str, str]:
    """With the key that is there, unless the cloud knows it: then with a new one, which an
    enrolment that was broken off may have made and even brought in."""
    key = ring.current
    for _ in range(2):
        try:
            return _try_key(code, config, client, ring, key)
        except NotEnrolled as refused:
            if refused.code != _NEW_KEY:
                raise
        if key != ring.current:
            ring.settle(key)
        key = ring.prepare(ENROLL_FILE_NAME)
    return _try_key(code, config, client, ring, key)


def _try_key(
    code: str, config: Config, client: CloudClient, ring: KeyRing, key: bytes
) -> Mapping[str, str]:
    enrolled = client.enroll(code, config, key)
    ring.settle(key)
    return enrolled


def _differences(config: Config, said: Mapping[str, object]) -> list[str]:
    """What the code says against what the settings say, a line each."""
    return [
        f"{PREFIX}{name.upper()} is {getattr(config, name)} here, but the code is for {said[name]}"
        for name in _IDENTITY
        if said.get(name) not in (None, getattr(config, name))
    ]


@contextmanager
def _in_words(config_path: Path | None) -> Iterator[tuple[Config, CloudClient, KeyRing]]:
    """A client for one errand; whatever goes wrong ends as a line that says what to do."""
    log_to_stderr()
    client: CloudClient | None = None
    config: Config | None = None
    try:
        config = read_config(config_path)
        config.data_dir.mkdir(parents=True, exist_ok=True)
        ring = KeyRing(config.data_dir)
        client = CloudClient(config, ring, SystemClock().wall)
        yield config, client, ring
    except NotEnrolled as refused:
        wrong = _differences(config, refused.problem) if config is not None else []
        words = "\n".join(wrong) or _WORDS.get(refused.code, f"the cloud says: {refused.code}")
        raise click.ClickException(words) from None
    except CloudLost as lost:
        words = _WORDS.get(lost.problem or "", f"the cloud does not answer: {lost}")
        raise click.ClickException(words) from None
    except (ConfigError, StationKeyError, OSError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        if client is not None:
            client.close()
