"""Keys at lots that never found their visit."""

from __future__ import annotations

from flask import render_template

from server.app import services
from server.manager.blueprint import blueprint
from server.permissions import Permission, needs
from server.reports.seen_keys import seen_keys


@blueprint.get("/keys/unknown")
@needs(Permission.TODAY)
def unknown_keys() -> str:
    """Where each hangs, and since when."""
    found = services()
    keys = found.database.read(lambda session: seen_keys(session, found.config.page_rows))
    return render_template("manager/seen_keys.html", keys=keys)
