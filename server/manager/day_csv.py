"""A day's visits as rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from server.manager.viewer import Viewer
from server.reports.visit_lines import VisitLine

COLUMNS = (
    "code",
    "plate",
    "state",
    "booth_received",
    "booth_requested",
    "booth_handed_over",
    "received_at",
    "parked_at",
    "requested_at",
    "wanted_at",
    "promised_first_by",
    "promised_last_by",
    "ready_at",
    "handed_over_at",
    "wait_s",
    "stay_s",
    "kept_first",
    "kept_last",
    "proof",
)


def rows_of(
    lines: Iterable[VisitLine], plates: Mapping[str, str], view: Viewer
) -> Iterator[list[str]]:
    """The header, then one row a visit: local times with their offset, spans in whole seconds."""
    yield [view.t(f"manage.csv.{column}") for column in COLUMNS]
    for line in lines:
        yield _row(line, plates.get(line.guest_ref, ""), view)


def _row(line: VisitLine, plate: str, view: Viewer) -> list[str]:
    gone = line.handed_over_at is not None
    return [
        line.code,
        plate,
        view.t(f"manage.state.{line.state}"),
        view.place(line.booth_id),
        "" if line.request_booth_id is None else view.place(line.request_booth_id),
        view.place(line.place_id) if gone else "",
        view.iso(line.received_at),
        view.iso(line.parked_at),
        view.iso(line.requested_at),
        view.iso(line.wanted_at),
        view.iso(line.first_ready_by),
        view.iso(line.last_ready_by),
        view.iso(line.ready_at),
        view.iso(line.handed_over_at),
        "" if line.wait_s is None else str(line.wait_s),
        _stay_s(line),
        _yes_no(line.kept_first, view),
        _yes_no(line.kept_last, view),
        "" if line.proof is None else view.t(f"manage.proof.{line.proof}"),
    ]


def _stay_s(line: VisitLine) -> str:
    if line.handed_over_at is None:
        return ""
    return str(max(0, (line.handed_over_at - line.received_at) // timedelta(seconds=1)))


def _yes_no(kept: bool | None, view: Viewer) -> str:
    if kept is None:
        return ""
    return view.t("manage.yes" if kept else "manage.no")
