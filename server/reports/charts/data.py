"""What a chart draws: labels along it and one row of numbers for each series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date

from server.reports.sheet import DAY, HOUR, Cell, Column, Sheet
from server.reports.wording import Wording

# More series than can be told apart without their colour are left to the table.
SERIES_MAX = 5


@dataclass(frozen=True, slots=True)
class Series:
    """One row of numbers, in the order of the labels; None where there is no value."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class ChartData:
    """Everything in words and numbers. `kind` is that of the numbers, `is_time`: along the chart
    runs time, so that its labels have an order and may be thinned out."""

    labels: Sequence[str]
    series: Sequence[Series]
    kind: str
    is_time: bool
    words: Wording

    def text(self, value: float) -> str:
        """A value with its unit."""
        return self.words.number(self.kind, value)

    @property
    def top(self) -> float:
        """The greatest value, 0 without any."""
        return max((value for row in self.series for value in row.values if value), default=0.0)

    @property
    def bottom(self) -> float:
        """The least value, or 0 where none is below it."""
        known = [value for row in self.series for value in row.values if value is not None]
        return min(0.0, min(known, default=0.0))


def chart_data(sheet: Sheet, words: Wording) -> ChartData:
    """The numbers of a sheet's chart. It has to have one."""
    chart = sheet.chart
    assert chart is not None
    along = column_at(sheet, chart.x)
    columns = [column_at(sheet, key) for key in chart.series[:SERIES_MAX]]
    return ChartData(
        labels=[label_of(words, sheet.columns[along], row[along]) for row in sheet.rows],
        series=[
            Series(
                words.heading(sheet.columns[index]), [as_number(row[index]) for row in sheet.rows]
            )
            for index in columns
        ],
        kind=sheet.columns[columns[0]].kind,
        is_time=sheet.columns[along].kind in (HOUR, DAY),
        words=words,
    )


def column_at(sheet: Sheet, key: str) -> int:
    """Where a column stands. Raises `KeyError` for one that the sheet does not have."""
    for index, column in enumerate(sheet.columns):
        if column.key == key:
            return index
    raise KeyError(key)


def label_of(words: Wording, column: Column, value: Cell) -> str:
    """A cell as a label on an axis, shorter than in the table."""
    if isinstance(value, Date) and column.kind == DAY:
        return words.short_day(value)
    return words.cell(column.kind, value)


def as_number(value: Cell) -> float | None:
    """A cell that can be drawn, else None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]
