"""The ledger's closed days: the root over what was taken in, and which lines are under it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from server.models.table import Table


class DayRootRow(Table):
    """One closed day of the district; `date` is YYYY-MM-DD, hashes and signature are hex.

    `count`, `root`: of its Merkle tree. `previous`: hash of the statement of the day before.
    `signature`: by the key `public_key` over the statement (see `server.day_roots`). `tiles`:
    the roots of the tree's tiles (see `server.merkle`), from which proofs are made.
    """

    __tablename__ = "day_roots"

    date: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    root: Mapped[str]
    previous: Mapped[str]
    closed_at: Mapped[datetime]
    signature: Mapped[str]
    public_key: Mapped[str]
    tiles: Mapped[bytes] = mapped_column(LargeBinary)


class DaySpanRow(Table):
    """The part of a journal that a day closed, both ends included. `first_index`: the place of
    `first_seq` among the day's leaves."""

    __tablename__ = "day_spans"
    __table_args__ = (Index("ix_day_spans_journal_id", "journal_id", "last_seq"),)

    date: Mapped[str] = mapped_column(primary_key=True)
    journal_id: Mapped[str] = mapped_column(primary_key=True)
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    first_index: Mapped[int]


class DayRefusalRow(Table):
    """A refused line that a day closed. `in_chain`: it holds its sequence's place in the
    journal; else it came beside it (a fork, a damaged copy) and stands after all journals."""

    __tablename__ = "day_refusals"
    __table_args__ = (Index("ix_day_refusals_date", "date"),)

    quarantine_id: Mapped[str] = mapped_column(primary_key=True)
    date: Mapped[str]
    journal_id: Mapped[str]
    seq: Mapped[int]
    in_chain: Mapped[bool]
