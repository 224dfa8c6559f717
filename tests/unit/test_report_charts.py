"""A report's charts as SVG: whole, readable, and telling nothing by colour alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from server.reports.charts.axis import axis_for
from server.reports.charts.canvas import COLOURS, text_px
from server.reports.charts.picture import NARROW_PX, WIDE_PX, Picture, describe, draw
from server.reports.sheet import COUNT, PERCENT, SECONDS, Sheet
from tests.made_sheets import DAY, PLACES, by_day, by_hour, by_place, every_kind, grid, wording

SVG = "{http://www.w3.org/2000/svg}"
CSS = (Path(__file__).resolve().parents[2] / "server" / "web" / "report.css").read_text("utf-8")
DRAWN = [by_hour(), by_day(), by_place(), grid()]


def picture(sheet: Sheet) -> Picture:
    """A sheet's chart; there has to be one."""
    found = draw(sheet, wording())
    assert found is not None
    return found


def both(sheet: Sheet) -> Iterator[ET.Element]:
    """The wide and the narrow chart, read as XML."""
    found = picture(sheet)
    for text in (found.wide, found.narrow):
        yield ET.fromstring(text)  # noqa: S314 - our own


def texts(svg: ET.Element) -> list[str]:
    """The words on a chart."""
    return [one.text or "" for one in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("sheet", DRAWN, ids=lambda sheet: sheet.key)
def test_a_chart_says_what_it_is_and_keeps_to_its_frame(sheet: Sheet) -> None:
    ids = set()
    for svg, width in zip(both(sheet), (WIDE_PX, NARROW_PX), strict=True):
        assert svg.get("role") == "img"
        title, desc = (svg.find(f"{SVG}{tag}") for tag in ("title", "desc"))
        assert title is not None
        assert desc is not None
        assert desc.text == describe(sheet, wording())
        assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        ids |= {one.get("id") for one in svg.iter() if one.get("id")}
        assert svg.get("viewBox", "").split()[2] == str(width)
        height = float(svg.get("viewBox", "").split()[3])
        for words in svg.iter(f"{SVG}text"):
            x, y, room = float(words.get("x", "")), float(words.get("y", "")), 0.0
            room = text_px(words.text or "")
            left = {"start": x, "middle": x - room / 2, "end": x - room}[
                words.get("text-anchor", "")
            ]
            assert left >= -1, words.text
            assert left + room <= width + 1, words.text
            assert 0 < y <= height, words.text
        # A policy would block these.
        assert not [one for one in svg.iter() if one.get("style")]
    # The same id twice on a page would lead a screen reader to the wrong words.
    assert len(ids) >= 4


@pytest.mark.parametrize("sheet", DRAWN, ids=lambda sheet: sheet.key)
def test_a_name_cannot_become_part_of_the_page(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in PLACES:
        monkeypatch.setitem(PLACES, place, '<script>"&')

    for svg in both(sheet):
        assert not list(svg.iter(f"{SVG}script"))


def test_no_labels_lie_on_each_other() -> None:
    year = [(DAY + timedelta(days=day), day, day) for day in range(365)]
    for sheet in (by_hour(), by_day(), replace(by_day(), rows=year)):
        for svg in both(sheet):
            below = max(float(one.get("y", "")) for one in svg.iter(f"{SVG}text"))
            row = [one for one in svg.iter(f"{SVG}text") if float(one.get("y", "")) == below]
            spans = sorted((float(one.get("x", "")), text_px(one.text or "")) for one in row)
            assert len(spans) > 2
            for (x1, room1), (x2, room2) in pairwise(spans):
                assert x1 + room1 / 2 <= x2 - room2 / 2


def test_series_differ_by_more_than_their_colour() -> None:
    piled, crossed = picture(by_place()).wide, picture(by_day()).wide

    hatches = re.findall(r'class="hatch" d="([^"]+)"', piled)
    assert len(hatches) == len(set(hatches)) == 2
    assert crossed.count("stroke-dasharray") > 1
    marks = {one[:10] for one in re.findall(r'class="s[12]" d="M[^a-z]+([a-z][^"]+)"', crossed)}
    assert len(marks) == 2


def test_a_missing_value_is_a_gap_and_no_zero() -> None:
    wide = picture(by_day()).wide

    assert len(re.findall(r'class="l1"', wide)) == 3  # The legend, and both sides of the gap.


def test_a_grid_has_its_numbers_also_where_it_is_narrow() -> None:
    sheet = grid()
    for svg in both(sheet):
        said = texts(svg)
        for row in sheet.rows:
            assert str(row[2]) in said
    # Narrow, the hours go down, and the long names stand below by their letter.
    narrow = list(both(sheet))[1]
    assert texts(narrow).count("A") == 1
    assert "A  Lote Norte de la Avenida Balboa" in texts(narrow)


def test_without_a_value_there_is_no_chart() -> None:
    assert draw(every_kind(), wording()) is None
    assert draw(replace(by_hour(), rows=[]), wording()) is None
    empty = [(hour, None, None, None) for hour in range(4)]
    assert draw(replace(by_hour(), rows=empty), wording()) is None


@pytest.mark.parametrize(
    ("bottom", "top", "kind", "ticks"),
    [
        (0, 0, COUNT, (0, 1)),
        (0, 3, COUNT, (0, 1, 2, 3)),
        (0, 40, COUNT, (0, 10, 20, 30, 40)),
        (0, 0.7, "usd", (0, 0.2, 0.4, 0.6, 0.8)),
        (-7, 12, COUNT, (-10, -5, 0, 5, 10, 15)),
        (0, 700, SECONDS, (0, 300, 600, 900)),
        (0, 40 * 86400, SECONDS, tuple(day * 8 * 86400 for day in range(6))),
        (0, 61, PERCENT, (0, 25, 50, 75, 100)),
        (0, 130, PERCENT, (0, 50, 100, 150)),
    ],
)
def test_a_scale_is_marked_at_round_values(
    bottom: float, top: float, kind: str, ticks: tuple[float, ...]
) -> None:
    axis = axis_for(bottom, top, kind)

    assert axis.ticks == pytest.approx(ticks)
    assert axis.low <= bottom
    assert axis.high >= top


def colours(light: str) -> dict[str, str]:
    """The style sheet's colours by name, for `light` or `dark`."""
    blocks = re.findall(r":root \{([^}]+)\}", CSS)
    block = blocks[0] if light == "light" else blocks[1]
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block))


@pytest.mark.parametrize(
    ("light", "card", "text"), [("light", "#ffffff", "#14181d"), ("dark", "#202a34", "#f2f5f8")]
)
def test_charts_have_contrast_by_day_and_by_night(light: str, card: str, text: str) -> None:
    known = colours(light)

    for series in range(1, 6):
        assert contrast(known[f"c{series}"], card) >= 3, series
    if light == "light":
        assert tuple(known[f"c{series}"] for series in range(1, 6)) == COLOURS
    for level in range(6):
        ink = text if level < 3 else known["v3"] if level == 3 else known["v4"]
        assert contrast(known[f"h{level}"], ink) >= 4.5, level


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours."""
    dark, bright = sorted(map(luminance, (one, other)))
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of `#rgb` or `#rrggbb`."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
