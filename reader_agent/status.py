"""How the station is: what the status screen shows and the strip at the top of every other."""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.drivers.reader import ReaderHealth


@dataclass(frozen=True, slots=True)
class StationStatus:
    """Ages in whole seconds, None where there is nothing to age.

    `storage`: ok, full or fault. `station_problem`: None, or why the cloud does not talk to
    this station (revoked, unknown_station, bad_signature, bad_request, too_large,
    journal_ahead, chain_broken). `damaged_journals`: names of database files that were found
    corrupt and set aside. `refused` counts events that the cloud keeps for a person to look at.
    """

    online: bool
    last_exchange_age_s: int | None
    unsent: int
    oldest_unsent_age_s: int | None
    readers: tuple[ReaderHealth, ...]
    clock_synced: bool
    storage: str
    disk_used_percent: int
    is_disk_low: bool
    refused: int
    station_problem: str | None
    damaged_journals: tuple[str, ...]
