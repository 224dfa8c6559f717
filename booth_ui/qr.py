"""A link as a picture that a telephone reads off the screen."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def qr_of(text: str) -> Markup:
    """An SVG without size, dark on white whatever the theme is; error correction M."""
    drawn = io.BytesIO()
    code = segno.make_qr(text, error="m")
    code.save(drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, light="#fff")
    # Our own drawing, in which the text is only dots.
    return Markup(drawn.getvalue().decode())  # noqa: S704
