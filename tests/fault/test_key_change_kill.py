"""Killed at any moment of a change of its key, a station still speaks, and the change goes on.

Every call that touches the card or the line is a moment: just before it, and just after.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reader_agent.cloud import Asked
from reader_agent.cloud_client import CloudClient
from reader_agent.config import Config
from reader_agent.station_key import FILE_NAME, KeyRing, public_key_hex
from tests.served_cloud import served
from tests.station_door import JOURNAL, STATION, StationDoors
from tests.station_kit import HERRERA, config_of
from tests.visit_story import settings

ASKED = Asked(
    {"v": 1, "journal_id": JOURNAL, "cursor": None, "boot_id": "b", "mono_ns": 1}, [], 0, 0
)
MOMENTS_MAX = 200


class Killed(BaseException):
    """The process is gone: nothing that it would have done after this is done."""


class Axe:
    """Falls at one moment."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def watch(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call with a moment before it and one after it."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            done = call(*args, **kwargs)
            self.tick()
            return done

        return watched

    def tick(self) -> None:
        """One moment passes; after the fall, every other one is the end too."""
        self.left -= 1
        if self.left <= 0:
            raise Killed


@dataclass
class Station:
    """A station that is enrolled, and the cloud."""

    doors: StationDoors
    config: Config

    def client(self) -> CloudClient:
        """The agent, just started."""
        return CloudClient(self.config, KeyRing(self.config.data_dir), lambda: self.doors.now)

    def speaks(self) -> bool:
        """Whether an agent that starts now is listened to."""
        client = self.client()
        try:
            return bool(client.exchange(ASKED)["ack_seq"] == 0)
        finally:
            client.close()


@pytest.fixture
def station(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    """A station at Herrera."""
    (tmp_path / "cloud").mkdir()
    doors = StationDoors(settings(tmp_path / "cloud", sqlite_url), monkeypatch)
    with served(doors.app) as url:
        config = config_of(tmp_path, HERRERA)
        object.__setattr__(config, "cloud_url", url)
        config.data_dir.mkdir()
        (config.data_dir / FILE_NAME).write_bytes(doors.add())
        (config.data_dir / FILE_NAME).chmod(0o600)
        yield Station(doors, config)
    doors.close()


def test_whenever_it_is_killed_it_speaks_and_goes_on(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = kills = 0
    for moment in range(1, MOMENTS_MAX):
        before = station.doors.row().public_key
        client = station.client()
        was_killed = change_until(client, Axe(moment), monkeypatch)
        client.close()
        assert station.speaks(), f"killed at moment {moment}, it is dumb"
        if not was_killed:
            break
        kills += 1
        # And the next try ends what this one began.
        client = station.client()
        client.change_key()
        client.close()
        assert station.speaks()
        row = station.doors.row()
        assert row.next_public_key is None
        assert row.public_key == public_key_hex(station.config.data_dir) != before
        assert [path.name for path in kept(station)] == [FILE_NAME]
        changes += 1
    else:
        raise AssertionError("it never came to its end")
    assert kills > 10
    assert kills == changes


def change_until(client: CloudClient, axe: Axe, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Change the key; whether the axe fell."""
    with monkeypatch.context() as patch:
        for name in ("open", "link", "fsync", "utime", "close"):
            patch.setattr(f"reader_agent.station_key.os.{name}", axe.watch(getattr(os, name)))
        patch.setattr(Path, "replace", axe.watch(Path.replace))
        patch.setattr(client._pool, "urlopen", axe.watch(client._pool.urlopen))
        # Garbage of the interpreter closes files too: only what happens here counts.
        try:
            client.change_key()
        except Killed:
            return True
    return False


def kept(station: Station) -> list[Path]:
    """The keys on the card, without drafts of a writer that was killed."""
    return [path for path in station.config.data_dir.iterdir() if not path.name.startswith(".")]


def test_the_test_sees_a_key_that_is_used_too_early(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A station that took its next key into use before the cloud had heard of it would be dumb."""
    ring = KeyRing(station.config.data_dir)
    ring.settle(ring.prepare())
    with pytest.raises(Exception, match="bad_signature"):
        station.speaks()
    assert station.doors.row(STATION).next_public_key is None
