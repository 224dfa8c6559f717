"""The driver's page behind the link of the text message."""

from __future__ import annotations

from server.driver.routes import blueprint

__all__ = ["blueprint"]
