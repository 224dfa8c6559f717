"""What must be so once the faults have stopped: nothing waits, and all know the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select

from reader_agent.terms import check_terms, terms_of
from schemas.visit import Visit
from server import downlink
from server.models import VisitRow
from server.visit_rows import columns_of
from tests.simulation.booth import BoothMachine
from tests.simulation.cloud import CloudMachine


def unsettled(machines: Mapping[str, BoothMachine], cloud: CloudMachine) -> str | None:
    """What still waits, in words; None when every queue is empty and every mirror up to date."""
    (row,) = cloud.look.execute("SELECT version FROM districts").fetchall()
    for machine in machines.values():
        if not machine.is_up:
            return f"{machine.station_id} is down"
        station = machine.station
        if station._journal.is_overtaken:
            return f"{machine.station_id} is overtaken"
        if depth := station._journal.depth():
            return f"{machine.station_id} has {depth} unsent events"
        if station._mirror.cursor != row["version"]:
            return f"{machine.station_id} is at {station._mirror.cursor} of {row['version']}"
        if not station.uplink.is_online:
            return f"{machine.station_id} says that it is offline"
    waiting = cloud.look.execute(
        "SELECT count(*) AS n FROM messages m JOIN visits v ON v.id = m.visit_id"
        " WHERE m.status IN ('queued', 'claimed')"
        " AND NOT (m.template = 'ready' AND (v.tag_shared OR v.state = 'held'))"
    ).fetchall()[0]["n"]
    return f"{waiting} messages wait" if waiting else None


def disagreements(machines: Mapping[str, BoothMachine], cloud: CloudMachine) -> list[str]:
    """Every difference between what the cloud says of open visits and what a mirror says."""
    rows, told = _of_cloud(cloud)
    found = []
    for machine in machines.values():
        mirror = machine.station._mirror
        known = {visit.id: visit for visit in mirror.visits()}
        found += [f"{machine.station_id} lacks {one}" for one in sorted(rows.keys() - known.keys())]
        found += [
            f"{machine.station_id} still has {one}" for one in sorted(known.keys() - rows.keys())
        ]
        for visit_id in sorted(rows.keys() & known.keys()):
            found += [
                f"{machine.station_id}: {visit_id}: {what}"
                for what in _differences(known[visit_id], rows[visit_id])
            ]
            terms = mirror.terms(visit_id)
            if terms != told[visit_id]:
                mine = None if terms is None else asdict(terms)
                found.append(f"{machine.station_id}: terms of {visit_id}: {mine}")
    return found


def _of_cloud(cloud: CloudMachine) -> tuple[dict[str, VisitRow], dict[str, Any]]:
    def look(session: Any) -> tuple[dict[str, VisitRow], dict[str, Any]]:
        rows = session.scalars(select(VisitRow).where(VisitRow.is_open)).all()
        views = downlink.views(session, cloud.key, rows)
        terms = {view["visit_id"]: terms_of(check_terms(view)) for view in views}
        return {row.id: row for row in rows}, terms

    found: tuple[dict[str, VisitRow], dict[str, Any]] = cloud.database.read(look)
    return found


def _differences(visit: Visit, row: VisitRow) -> list[str]:
    return [
        f"{name} is {value} here, {getattr(row, name)} in the cloud"
        for name, value in columns_of(visit).items()
        if getattr(row, name) != value
    ]
