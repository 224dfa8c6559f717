"""The driver's pages: behind the link of the text message, and behind a tap of the claim card."""

from __future__ import annotations

from server.driver import photos, record, routes, tap
from server.driver.blueprint import blueprint

__all__ = ["blueprint", "photos", "record", "routes", "tap"]
