"""A report as one value: the screen, the CSV, the workbook and the print are all made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from datetime import datetime
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | Date | datetime | None

TEXT = "text"
PLACE = "place"
PERSON = "person"
COUNT = "count"
SECONDS = "seconds"
PERCENT = "percent"
USD = "usd"
HOUR = "hour"
DAY = "day"
MOMENT = "moment"
COLUMN_KINDS = (TEXT, PLACE, PERSON, COUNT, SECONDS, PERCENT, USD, HOUR, DAY, MOMENT)

BARS = "bars"
LINES = "lines"
STACKED = "stacked"
HEAT = "heat"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `key`: its name in exports and, after `manage.column.`, its words.

    `kind` says how a cell is written on the screen. In a cell are: whole seconds for `SECONDS`,
    0 to 100 for `PERCENT`, US dollars for `USD`, 0 to 23 for `HOUR`, a `date` for `DAY`, an aware
    `datetime` for `MOMENT`, an id for `PLACE` and `PERSON`.
    """

    key: str
    kind: str = COUNT

    @property
    def is_number(self) -> bool:
        """Whether its cells are amounts: they stand to the right and can be drawn."""
        return self.kind in (COUNT, SECONDS, PERCENT, USD)


@dataclass(frozen=True, slots=True)
class Chart:
    """How a sheet is drawn: column keys along `x`, one series for each key of `series`.

    A `HEAT` grid has `x` along, `y` down, and the one series as its shade.
    """

    kind: str
    x: str
    series: tuple[str, ...]
    y: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence with what was found: a catalog key and its values, which are cells by kind."""

    key: str
    values: Mapping[str, tuple[str, Cell]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a report, with what a reader needs in order to trust it.

    `n`: how many cases are behind it; `counted` is the key of what they are (`visits`,
    `requests`, `drives`, …). `how`: the key of how it is computed. `below`: for each row the
    query of the page that lists the visits or events behind it, or None. `provisional`: events of
    the range may still be missing.
    """

    key: str
    finding: Finding
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    n: int
    counted: str
    how: str
    chart: Chart | None = None
    below: Sequence[Mapping[str, str] | None] = ()
    provisional: bool = False
