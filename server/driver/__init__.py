"""The driver's pages: behind the link of the text message, and behind a tap of the claim card."""

from __future__ import annotations

from server.driver import description, own, photos, record, routes, saying, sheets, tap
from server.driver.blueprint import blueprint

__all__ = [
    "blueprint",
    "description",
    "own",
    "photos",
    "record",
    "routes",
    "saying",
    "sheets",
    "tap",
]
