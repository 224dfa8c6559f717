"""The ledger: every line that was ever taken in, chained by its station and closed day by day.

`verify` checks all of it again. What it can show: a line that was changed, removed, put in or
exchanged, a row that says something else than its line, a day that was closed anew or taken away,
a journal that was set back. What it cannot show by itself: lines removed from the end of a
journal before their day was closed (the station shows that: its journal is ahead), and days
closed anew by whoever holds the master key: for that, give it a copy of the published roots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from server.day_roots import DayRoot
from server.ledger_chains import Tally, check_chains, name_of
from server.ledger_days import check_days
from server.ledger_finding import FORK, Finding
from server.master_key import MasterKey
from server.reports.forks import Fork, forks


def verify(
    session: Session, key: MasterKey, tally: Tally, published: Sequence[DayRoot] = ()
) -> Iterator[Finding]:
    """All that is wrong with the ledger, as it is found. Memory does not grow with its length."""
    for fork in forks(session):
        yield _in_words(fork)
    yield from check_chains(session, tally)
    yield from check_days(session, key, published, tally)


def _in_words(fork: Fork) -> Finding:
    came = "1 line" if fork.events == 1 else f"{fork.events} lines"
    words = (
        f"forked: its station went on from an older copy. {came} of events {fork.since_seq} to "
        f"{fork.upto_seq} came with other bytes, first on {fork.seen_at:%Y-%m-%d %H:%M} UTC; they "
        "are kept apart and changed no visit"
    )
    if fork.rejoined_seq is not None:
        words += f"; taken in again from event {fork.rejoined_seq} on"
    return Finding(FORK, words, name_of(fork.journal_id, fork.station_id))
