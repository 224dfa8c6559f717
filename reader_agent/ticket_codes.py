"""Ticket codes: the booth's letter and four digits, counted in the station's database."""

from __future__ import annotations

import secrets
from collections.abc import Container

from reader_agent.station_db import Transaction

_KEY = "ticket_number"
_NUMBERS = 10_000


def next_code(work: Transaction, letter: str, in_use: Container[str]) -> str:
    """The next code that no open visit has, as part of the reception's own transaction.

    After 9999 comes 0001 again. A damaged database is replaced by a new one whose counter is
    unknown, so counting starts anywhere there (`start_anywhere`).
    """
    row = work.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
    number = int(row["value"]) if row else 0
    for _ in range(_NUMBERS):
        number = number % (_NUMBERS - 1) + 1
        if (code := f"{letter}-{number:04d}") not in in_use:
            break
    else:
        raise AssertionError("ten thousand open visits with one letter")
    work.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, number))
    return code


def start_anywhere(work: Transaction) -> None:
    """Begin at a random number: codes given out by the lost counter are then rarely repeated."""
    number = secrets.randbelow(_NUMBERS - 1)
    work.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, number))
