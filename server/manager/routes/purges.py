"""What was erased of drivers because its time was over."""

from __future__ import annotations

from flask import render_template, request

from server.app import services
from server.manager.blueprint import blueprint, viewer
from server.permissions import Permission, needs
from server.reports.purge_lines import purge_lines


@blueprint.get("/admin/purges")
@needs(Permission.CHANGES)
def admin_purges() -> str:
    """How much it was, day by day; `before` names the last batch seen."""
    found, zone = services(), viewer().zone
    limit, before = found.config.page_rows, request.args.get("before", "")[:40]
    lines, older = found.database.read(lambda session: purge_lines(session, zone, limit, before))
    return render_template(
        "manager/admin/purges.html",
        lines=lines,
        older=older,
        keep_days=found.config.guest_keep_days,
        claim_days=found.config.claim_keep_days,
    )
