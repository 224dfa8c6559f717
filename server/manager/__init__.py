"""The manager's pages: what happened in a day, and what a person has to decide."""

from __future__ import annotations

from server.manager.blueprint import blueprint
from server.manager.routes import (
    day,
    decisions,
    refused,
    settings,
    sign_in,
    stations,
    tags,
    visit,
)

__all__ = [
    "blueprint",
    "day",
    "decisions",
    "refused",
    "settings",
    "sign_in",
    "stations",
    "tags",
    "visit",
]
