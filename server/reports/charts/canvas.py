"""SVG as text: the few shapes that charts are made of.

Colours are presentation attributes, which a page's policy allows and its style sheet overrides
(`.chart .s1`): a print without the sheet still has them. Every series also has a pattern, a dash
or a mark of its own, so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import escape

# At least 3:1 on white (WCAG 2.2, 1.4.11); the style sheet has the same for the dark.
COLOURS = ("#0b5cad", "#b85000", "#1b7f79", "#7b4fa3", "#5d6570")
INK = "#14181d"
MUTED = "#4a4f57"
LINE = "#c9ced5"
PAPER = "#ffffff"
FONT_PX = 13
# Of the fonts in use, how wide a letter is on average.
LETTER_PX = 7.8
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 5")
# What lies over the colour of a series from the second on.
_HATCH = (
    "M-2 2L2 -2M0 8L8 0M6 10L10 6",
    "M4 0V8",
    "M0 4H8",
    "M0 0L8 8M8 0L0 8",
)


@dataclass(slots=True)
class Canvas:
    """Shapes in the order in which they were drawn. `name` makes ids unique on a page."""

    name: str
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def rect(
        self, x: float, y: float, width: float, height: float, series: int, title: str = ""
    ) -> None:
        """A filled bar of a series."""
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
            f"{self._fill(series)}{_closed('rect', title)}"
        )

    def shade(
        self, x: float, y: float, width: float, height: float, level: int, fill: str, title: str
    ) -> None:
        """One cell of a grid."""
        self.parts.append(
            f'<rect class="h{level}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}"'
            f' height="{_n(height)}" fill="{fill}"{_closed("rect", title)}'
        )

    def rule(self, x1: float, y1: float, x2: float, y2: float, *, is_base: bool = False) -> None:
        """A thin line: of the grid, or the one that bars stand on."""
        colour, name = (MUTED, "base") if is_base else (LINE, "grid")
        self.parts.append(
            f'<path class="{name}" d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" stroke="{colour}"/>'
        )

    def path(self, points: Sequence[tuple[float, float]], series: int) -> None:
        """The line of a series."""
        way = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        dash = _DASHES[series % len(_DASHES)]
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path class="l{series + 1}" d="M{way}" fill="none"'
            f' stroke="{COLOURS[series]}" stroke-width="2"{dashes}/>'
        )

    def mark(self, x: float, y: float, series: int, title: str = "") -> None:
        """The mark of a series at a point: a disc, a square, a diamond, a ring or a triangle."""
        shapes = (
            f'd="M{_n(x - 3.5)} {_n(y)}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z"',
            f'd="M{_n(x - 3.5)} {_n(y - 3.5)}h7v7h-7z"',
            f'd="M{_n(x)} {_n(y - 5)}l5 5l-5 5l-5 -5z"',
            f'd="M{_n(x - 4)} {_n(y - 1.5)}h8v3h-8z"',
            f'd="M{_n(x)} {_n(y - 5)}l5 8.5h-10z"',
        )
        self.parts.append(
            f'<path class="s{series + 1}" {shapes[series]}'
            f' fill="{COLOURS[series]}"{_closed("path", title)}'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "start",
        name: str = "tick",
        colour: str = MUTED,
    ) -> None:
        """Words; `anchor` is start, middle or end."""
        self.parts.append(
            f'<text class="{name}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
            f' fill="{colour}">{escape(words)}</text>'
        )

    def svg(self, title: str, desc: str) -> str:
        """The whole picture, its words escaped; a screen reader says its title and description."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" class="chart"'
            f' aria-labelledby="{self.name}-t {self.name}-d"'
            f' viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
            f' width="{_n(self.width)}" height="{_n(self.height)}"'
            f' font-size="{FONT_PX}" font-family="system-ui, Noto Sans, DejaVu Sans, sans-serif">'
            f'<title id="{self.name}-t">{escape(title)}</title>'
            f'<desc id="{self.name}-d">{escape(desc)}</desc>'
            f"{self._patterns()}{''.join(self.parts)}</svg>"
        )

    def _fill(self, series: int) -> str:
        if series == 0:
            return f' class="s1" fill="{COLOURS[0]}"'
        return f' fill="url(#{self.name}-p{series + 1})"'

    def _patterns(self) -> str:
        drawn = "".join(self.parts)
        made = []
        for series in range(1, len(COLOURS)):
            name = f"{self.name}-p{series + 1}"
            if f"url(#{name})" in drawn:
                made.append(
                    f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">'
                    f'<rect class="s{series + 1}" width="8" height="8" fill="{COLOURS[series]}"/>'
                    f'<path class="hatch" d="{_HATCH[series - 1]}" stroke="{PAPER}"'
                    f' stroke-width="1.4"/></pattern>'
                )
        return f"<defs>{''.join(made)}</defs>" if made else ""


def text_px(words: str) -> float:
    """About how wide words are."""
    return len(words) * LETTER_PX


def _closed(tag: str, title: str) -> str:
    return f"><title>{escape(title)}</title></{tag}>" if title else "/>"


def _n(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
