"""What a check of the ledger found, in words."""

from __future__ import annotations

from dataclasses import dataclass

# What may be wrong.
LINE, CHAIN, MISSING, ROW, JOURNAL, FORK, DAY = (
    "line",
    "chain",
    "missing",
    "row",
    "journal",
    "fork",
    "day",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be. `kind` is one of the above; `day` is the closed day
    (YYYY-MM-DD) that it belongs to, if one has closed it."""

    kind: str
    words: str
    journal: str | None = None
    seq: int | None = None
    day: str | None = None

    def __str__(self) -> str:
        """One line for a person: where, then what."""
        where = [
            *([] if self.day is None else [f"day {self.day}"]),
            *([] if self.journal is None else [f"journal {self.journal}"]),
            *([] if self.seq is None else [f"event {self.seq}"]),
        ]
        return ": ".join([", ".join(where), self.words] if where else [self.words])
