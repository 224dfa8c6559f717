"""The inventory of tags as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from server.manager.viewer import Viewer
from server.reports.tag_lines import TagLine

COLUMNS = (
    "kind",
    "label",
    "id",
    "status",
    "secure",
    "original",
    "person",
    "visit",
    "seen_at",
    "enrolled_at",
    "enrolled_by",
)


def rows_of(lines: Iterable[TagLine], view: Viewer) -> Iterator[list[str]]:
    """The header, then one row a tag: local times with their offset."""
    yield [view.t(f"manage.tags.csv.{column}") for column in COLUMNS]
    for line in lines:
        yield [
            view.t(f"manage.tags.kind.{line.kind}"),
            line.label,
            line.id,
            view.t(f"manage.tags.status.{line.status}"),
            _yes_no(line.is_secure, view),
            "" if line.is_original is None else _yes_no(line.is_original, view),
            line.person_name or "",
            line.visit_code or "",
            view.iso(line.seen_at),
            view.iso(line.enrolled_at),
            line.enrolled_by or "",
        ]


def _yes_no(value: bool, view: Viewer) -> str:
    return view.t("manage.yes" if value else "manage.no")
