"""Sheets made by hand, one of each kind of chart, for tests of a report's faces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import date as Date
from pathlib import Path
from zoneinfo import ZoneInfo

from schemas.catalog import Catalog
from server.reports import sheet
from server.reports.cover import Cover
from server.reports.sheet import Chart, Column, Finding, Sheet
from server.reports.wording import Wording

SERVER = Path(__file__).resolve().parent.parent / "server"
AT = datetime(2026, 11, 21, 23, 5, 9, tzinfo=UTC)
DAY = Date(2026, 11, 20)
PLACES = {
    "herrera": "Plaza Herrera",
    "francia": "Plaza de Francia",
    "lote-norte": "Lote Norte de la Avenida Balboa",
    "lote-sur": "Lote Sur",
}
COVER = Cover("Volumen", ("Casco · sábado 21 nov 2026", "Sin comparación"), AT, "Provisional.")
# What a spreadsheet would calculate, and a page run.
FORMULA = '=HYPERLINK("http://x","<b>y</b>")'


def wording(language: str = "es") -> Wording:
    """The real catalogs with made names."""
    catalog = Catalog(SERVER / "translations", "manager", "reports")
    zone = ZoneInfo("America/Panama")
    return Wording(catalog, language, zone, "Casco", PLACES, {"ana": "Ana Ruiz"})


def by_hour() -> Sheet:
    """Bars over time, two side by side; one hour has no value."""
    return Sheet(
        key="volume_by_hour",
        finding=Finding("manage.report.title"),
        columns=(
            Column("hour", sheet.HOUR),
            Column("received"),
            Column("received_before"),
            Column("stay_median_s", sheet.SECONDS),
        ),
        rows=[
            ((18 + hour) % 24, 40 - 3 * hour, 30 - 2 * hour, None if hour == 9 else 600 + 90 * hour)
            for hour in range(10)
        ],
        n=265,
        counted="manage.counted.received",
        how="manage.report.what",
        chart=Chart(sheet.BARS, "hour", ("received", "received_before")),
        below=[{"rows": "received", "hour": str((18 + hour) % 24)} for hour in range(10)],
    )


def by_day() -> Sheet:
    """Lines over days, with a gap."""
    return Sheet(
        key="volume_by_day",
        finding=Finding("manage.report.title"),
        columns=(
            Column("day", sheet.DAY),
            Column("median_s", sheet.SECONDS),
            Column("p90_s", sheet.SECONDS),
        ),
        rows=[
            (
                DAY + timedelta(days=day),
                None if day == 4 else 300 + 17 * day,
                None if day == 4 else 700 + 31 * day,
            )
            for day in range(28)
        ],
        n=1204,
        counted="manage.counted.received",
        how="manage.report.what",
        chart=Chart(sheet.LINES, "day", ("median_s", "p90_s")),
        provisional=True,
    )


def by_place() -> Sheet:
    """Lying bars on each other, with names that need the whole width."""
    return Sheet(
        key="volume_by_lot",
        finding=Finding("manage.report.title"),
        columns=(
            Column("lot", sheet.PLACE),
            Column("received"),
            Column("handed_over"),
            Column("n"),
        ),
        rows=[
            ("lote-norte", 120, 80, 12),
            ("lote-sur", 60, 75, 3),
            ("francia", 5, 0, 0),
        ],
        n=185,
        counted="manage.counted.received",
        how="manage.report.what",
        chart=Chart(sheet.STACKED, "lot", ("received", "handed_over", "n")),
    )


def grid() -> Sheet:
    """A heat grid of hours and places."""
    return Sheet(
        key="lots_grid",
        finding=Finding("manage.report.title"),
        columns=(
            Column("hour", sheet.HOUR),
            Column("lot", sheet.PLACE),
            Column("fill", sheet.PERCENT),
        ),
        rows=[
            (hour, lot, (7 * hour + 13 * place) % 101)
            for place, lot in enumerate(("lote-norte", "lote-sur", "herrera"))
            for hour in range(24)
        ],
        n=72,
        counted="manage.counted.received",
        how="manage.report.what",
        chart=Chart(sheet.HEAT, "hour", ("fill",), "lot"),
    )


def every_kind() -> Sheet:
    """A cell of every kind, no chart, and text that must stay text."""
    return Sheet(
        key="every_kind",
        finding=Finding("manage.report.title"),
        columns=(
            Column("station", sheet.TEXT),
            Column("booth", sheet.PLACE),
            Column("runner", sheet.PERSON),
            Column("n"),
            Column("wait_s", sheet.SECONDS),
            Column("kept", sheet.PERCENT),
            Column("cost", sheet.USD),
            Column("hour", sheet.HOUR),
            Column("day", sheet.DAY),
            Column("at", sheet.MOMENT),
        ),
        rows=[
            (FORMULA, "francia", "ana", -3, 4010, 87.46, 1234.5, 6, DAY, AT),
            ("+507", "unknown", "nobody", 12345, -75, 100, -0.125, 0, DAY, AT),
            (None, None, None, None, None, None, None, None, None, None),
        ],
        n=2,
        counted="manage.counted.received",
        how="manage.report.what",
    )


def all_made() -> list[Sheet]:
    """One of each."""
    return [by_hour(), by_day(), by_place(), grid(), every_kind()]
