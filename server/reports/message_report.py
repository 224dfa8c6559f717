"""Text messages: how many there were, what became of them, how many parts, and what they cost.

Counted straight from the outbox, by when they were caused: what became of one may be known later
than everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import outbox
from server.bulk import table_of
from server.config import Config
from server.models import MessageRow, VisitFigureRow
from server.reports import sheet, tally
from server.reports.asked import Asked
from server.reports.day import zone_of
from server.reports.finding import found, percent
from server.reports.sheet import BARS, Cell, Chart, Column, Sheet

_M, _V = table_of(MessageRow), table_of(VisitFigureRow)
_MICROS = 10**6


@dataclass(slots=True)
class _Sent:
    """Messages of one template: how many of each status; parts and cost of those that went out."""

    by_status: dict[str, int]
    parts: int = 0
    cost_micros: int = 0

    def of(self, *statuses: str) -> int:
        """How many have one of these statuses, or any."""
        return sum(n for status, n in self.by_status.items() if not statuses or status in statuses)


def messages(session: Session, config: Config, asked: Asked, _now: datetime) -> list[Sheet]:
    """By template, and by what became of them."""
    now, before = (_read(session, config, each) for each in (asked, asked.before))
    return [_by_template(asked, now, before), _by_status(asked, now, before)]


def _read(session: Session, config: Config, asked: Asked | None) -> Mapping[str, _Sent]:
    if asked is None:
        return {}
    span = asked.range.span(zone_of(session), config.day_starts_hour)
    where: Any = (_M.c.created_at >= span.start) & (_M.c.created_at < span.end)
    for column, wanted in ((_V.c.booth_id, asked.booth_id), (_V.c.lot_id, asked.lot_id)):
        if wanted is not None:
            where &= _M.c.visit_id.in_(select(_V.c.visit_id).where(column == wanted))
    rows = tally.counts(
        session,
        [_M.c.template, _M.c.status],
        where,
        tally.total(_M.c.parts),
        tally.total(_M.c.cost_micros),
    )
    found_of: dict[str, _Sent] = {}
    for (template, status), (n, parts, cost) in sorted(rows.items()):
        sent = found_of.setdefault(template, _Sent({}))
        sent.by_status[status] = int(n)
        if status in outbox.WENT_OUT:
            sent.parts += int(parts)
            sent.cost_micros += int(cost)
    return found_of


def _all(sent: Mapping[str, _Sent]) -> _Sent:
    whole = _Sent({})
    for each in sent.values():
        for status, n in each.by_status.items():
            whole.by_status[status] = whole.by_status.get(status, 0) + n
        whole.parts += each.parts
        whole.cost_micros += each.cost_micros
    return whole


def _usd(micros: int) -> float:
    """Balboas, which are dollars, to a hundredth of a cent."""
    return round(micros / _MICROS, 4)


def _by_template(asked: Asked, now: Mapping[str, _Sent], before: Mapping[str, _Sent]) -> Sheet:
    whole, earlier = _all(now), _all(before)
    templates = sorted({*now, *before})
    none = _Sent({})
    return Sheet(
        key="messages_by_template",
        finding=found(
            "messages_by_template",
            whole.of(),
            (sheet.USD, _usd(earlier.cost_micros)) if asked.compare else None,
            n=(sheet.COUNT, whole.of()),
            parts=(sheet.COUNT, whole.parts),
            cost=(sheet.USD, _usd(whole.cost_micros)),
            delivered=(
                sheet.PERCENT,
                percent(whole.of(outbox.DELIVERED), whole.of(*outbox.WENT_OUT)),
            ),
        ),
        columns=(
            Column("template", sheet.TEXT),
            Column("messages"),
            Column("went_out"),
            Column("delivered"),
            Column("delivered_percent", sheet.PERCENT),
            Column("parts"),
            Column("cost", sheet.USD),
            Column("messages_before"),
            Column("cost_before", sheet.USD),
        ),
        rows=[
            (
                f"manage.template.{template}",
                *_cells(now.get(template, none)),
                before.get(template, none).of(),
                _usd(before.get(template, none).cost_micros),
            )
            for template in templates
        ],
        n=whole.of(),
        counted="manage.counted.messages",
        how="manage.how.messages_by_template",
        chart=Chart(BARS, "template", ("went_out", "delivered")),
        below=[{"rows": "messages", "template": template} for template in templates],
    )


def _cells(sent: _Sent) -> tuple[Cell, ...]:
    went_out, delivered = sent.of(*outbox.WENT_OUT), sent.of(outbox.DELIVERED)
    share = percent(delivered, went_out)
    return sent.of(), went_out, delivered, share, sent.parts, _usd(sent.cost_micros)


def _by_status(asked: Asked, now: Mapping[str, _Sent], before: Mapping[str, _Sent]) -> Sheet:
    whole, earlier = _all(now), _all(before)
    statuses = [each for each in outbox.STATUSES if whole.of(each) or earlier.of(each)]
    lost = (outbox.REFUSED, outbox.FAILED, outbox.UNKNOWN)
    return Sheet(
        key="messages_by_status",
        finding=found(
            "messages_by_status",
            whole.of(),
            (sheet.COUNT, earlier.of(*lost)) if asked.compare else None,
            lost=(sheet.COUNT, whole.of(*lost)),
            dropped=(sheet.COUNT, whole.of(outbox.DROPPED)),
            n=(sheet.COUNT, whole.of()),
        ),
        columns=(
            Column("status", sheet.TEXT),
            Column("messages"),
            Column("share_percent", sheet.PERCENT),
            Column("messages_before"),
        ),
        rows=[
            (
                f"manage.status.{status}",
                whole.of(status),
                percent(whole.of(status), whole.of()),
                earlier.of(status),
            )
            for status in statuses
        ],
        n=whole.of(),
        counted="manage.counted.messages",
        how="manage.how.messages_by_status",
        below=[{"rows": "messages", "status": status} for status in statuses],
    )
