"""How the station is: what the status screen shows and the strip at the top of every other."""

from __future__ import annotations

from dataclasses import dataclass

from reader_agent.drivers.reader import ReaderHealth


@dataclass(frozen=True, slots=True)
class StationStatus:
    """Ages in whole seconds, None where there is nothing to age.

    `storage`: ok, full or fault. `station_problem`: None, or why the cloud does not talk to
    this station (revoked, unknown_station, bad_signature, clock, bad_request, too_large,
    journal_forked, chain_broken), or what it says of it (cloned). `damaged_journals`: names of
    database files that were found corrupt and set aside. `forked_journals`: ids of journals that
    the cloud had from another copy of the card; they are kept in the database. `refused` counts
    events that the cloud keeps for a person to look at.
    `mono_ns`: when this was asked, on the clock that the readers' times are of.
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
    forked_journals: tuple[str, ...] = ()
    mono_ns: int = 0

    def age_s(self, mono_ns: int | None) -> int | None:
        """How long before this was asked something of a reader was; None for what never was."""
        return None if mono_ns is None else max(0, self.mono_ns - mono_ns) // 1_000_000_000
