"""A QR code as inline SVG: no request, no style, and sharp at every size."""

from __future__ import annotations

import segno

# Bold enough for a scratched phone in the rain: a quarter of it may be unreadable.
_LEVEL = "q"
# Scanners want four light modules around it (ISO/IEC 18004).
_QUIET_MODULES = 4


def qr_svg(text: str) -> str:
    """The SVG element of a text, black on nothing; what is around it gives size and ground."""
    code = segno.make_qr(text, error=_LEVEL, boost_error=False)
    return code.svg_inline(
        border=_QUIET_MODULES, omitsize=True, svgclass=None, lineclass=None, light=None
    )
