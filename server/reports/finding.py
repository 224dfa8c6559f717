"""The sentence over a sheet: what was found, and what it was on the same weekdays before."""

from __future__ import annotations

from server.reports.sheet import Cell, Finding

NONE = "manage.finding.nothing"
Value = tuple[str, Cell]


def found(key: str, n: int, before: Value | None, /, **values: Value) -> Finding:
    """The finding `manage.finding.{key}`: with `before`, where there is one to compare with, else
    its `.alone`. Without cases (`n` 0) there is nothing to tell."""
    if n == 0:
        return Finding(NONE)
    if before is None or before[1] is None:
        return Finding(f"manage.finding.{key}.alone", values)
    return Finding(f"manage.finding.{key}", {**values, "before": before})


def percent(part: int, of: int) -> int | None:
    """Whole percent, rounded down: 100 only for all. None of nothing."""
    return None if of == 0 else part * 100 // of
