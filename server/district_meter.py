"""The district in figures for Prometheus, read from the database when they are asked for.

So every process says the same, whichever did the work, and a new one does not begin at zero. No
figure costs more with the years: each is read from what is open, from what the last
`metrics_window_s` brought, or from a row that is counted up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Row, Select, case, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from schemas import states
from server import clock, planner_searches, promises, workers
from server.bounded_database import BoundedDatabase
from server.config import Config
from server.dispatch import planner_state
from server.models import (
    EventRow,
    JournalRow,
    MessageRow,
    MoveRow,
    PhotoRow,
    PlannerStateRow,
    PromiseOutcomeRow,
    PromiseRow,
    QuarantineRow,
    RequestRow,
    StationRow,
    VisitRow,
)
from server.outbox import QUEUED, STATUSES, UNKNOWN
from server.sending import is_in_dispute
from server.visit_rows import OPEN, REQUEST_IS_OPEN, VISIT_IS_OPEN

CLOUD = "cloud"
"""The journal that no station writes."""
_S = timedelta(seconds=1)
_IS_AWAITED = text("photos.state = 'awaited'")


class DistrictMeter(Collector):
    """Asks the database at each scrape; where it does not answer, says only that."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._database = BoundedDatabase(config.database_url, config.ready_within_s)

    def collect(self) -> Iterator[Metric]:
        """All figures of one moment."""
        figures: list[Metric] = []
        try:
            with self._database.looking() as database:
                figures = database.read(
                    lambda session: list(_figures(session, self._config, clock.now()))
                )
        except DBAPIError:
            # A process without its database still has something to say of itself.
            figures = []
        is_up = GaugeMetricFamily("valet_database_up", "Whether the database answered.")
        is_up.add_metric([], 1 if figures else 0)
        yield is_up
        yield from figures


def _figures(session: Session, config: Config, now: datetime) -> Iterator[Metric]:
    yield from _intake(session)
    yield from _stations(session, now)
    yield from _queues(session, config, now)
    yield from _visits(session)
    yield from _messages(session, config, now)
    yield from _promises(session, config, now)
    yield from _planner(session)
    yield from _workers(session, config, now)


def _intake(session: Session) -> Iterator[Metric]:
    # A journal's sequences are dense: its head is how many lines were taken in.
    writer = func.coalesce(JournalRow.station_id, CLOUD)
    taken = session.execute(select(writer, func.sum(JournalRow.head_seq)).group_by(writer))
    yield _counter(
        "valet_events",
        "Lines of journals that were taken in, refused ones among them.",
        "station",
        _by_name(taken),
    )
    refused = session.scalar(select(func.count()).select_from(QuarantineRow)) or 0
    yield CounterMetricFamily(
        "valet_lines_refused", "Lines that were refused and are kept for a person.", refused
    )


def _stations(session: Session, now: datetime) -> Iterator[Metric]:
    rows = session.scalars(select(StationRow).where(~StationRow.is_revoked)).all()
    yield _gauge(
        "valet_station_sync_lag_seconds",
        "Since when a station was not heard of; one that waits for news is silent as long as "
        "it waits.",
        "station",
        {row.id: _age_s(row.seen_at, now) for row in rows if row.seen_at is not None},
    )
    yield _gauge(
        "valet_station_waiting_events",
        "Events that a station said it still had to send.",
        "station",
        {row.id: row.depth for row in rows},
    )
    newest = session.execute(
        select(StationRow.id, EventRow.at, EventRow.received_at)
        .join(JournalRow, JournalRow.id == StationRow.journal_id)
        .join(
            EventRow,
            (EventRow.journal_id == JournalRow.id) & (EventRow.seq == JournalRow.head_seq),
        )
        .where(~StationRow.is_revoked)
    )
    yield _gauge(
        "valet_station_event_delay_seconds",
        "How long after it happened a station's newest event came in.",
        "station",
        {station: _age_s(at, received_at) for station, at, received_at in newest},
    )
    yield _gauge(
        "valet_station_cloned",
        "Whether two machines are known to use a station's key.",
        "station",
        {row.id: int(row.cloned_at is not None) for row in rows},
    )


def _queues(session: Session, config: Config, now: datetime) -> Iterator[Metric]:
    since = now - timedelta(seconds=config.metrics_window_s)
    due = (MessageRow.status == QUEUED, MessageRow.not_before <= now, ~is_in_dispute())
    # What nobody wants yet is not late.
    booked = (
        select(RequestRow.event_id)
        .where(REQUEST_IS_OPEN, RequestRow.visit_id == MoveRow.visit_id, RequestRow.wanted_at > now)
        .exists()
    )
    photos = (
        select(func.count(), func.min(EventRow.received_at))
        .select_from(PhotoRow)
        .join(EventRow, EventRow.event_id == PhotoRow.event_id)
        # What has not come for so long is lost with its station.
        .where(_IS_AWAITED, EventRow.received_at >= since)
    )
    queues = {
        "outbox": _waiting(session, MessageRow.not_before, *due),
        "undecided": _waiting(session, MessageRow.created_at, MessageRow.status == UNKNOWN),
        "photos": _counted(session, photos),
        "moves": _waiting(session, MoveRow.opened_at, MoveRow.state == OPEN, ~booked),
    }
    yield _gauge(
        "valet_queue_length",
        "How many wait: texts that are due, texts of which nobody knows whether they went, "
        "photos that events name, moves that nobody drives yet.",
        "queue",
        {name: count for name, (count, _) in queues.items()},
    )
    yield _gauge(
        "valet_queue_oldest_seconds",
        "How long the first of them has waited; 0 where none waits.",
        "queue",
        {name: _age_s(oldest, now) for name, (_, oldest) in queues.items()},
    )


def _waiting(
    session: Session, since: InstrumentedAttribute[datetime], *where: ColumnElement[bool]
) -> tuple[int, datetime | None]:
    return _counted(session, select(func.count(), func.min(since)).where(*where))


def _counted(session: Session, question: Select[int, datetime]) -> tuple[int, datetime | None]:
    count, oldest = session.execute(question).one()
    return count, oldest


def _visits(session: Session) -> Iterator[Metric]:
    state = case((VisitRow.tag_shared, states.HELD), else_=VisitRow.state)
    rows = session.execute(select(state, func.count()).where(VISIT_IS_OPEN).group_by(state))
    counts = dict.fromkeys(states.CAR_STATES, 0) | _by_name(rows)
    yield _gauge("valet_visits", "Visits that are open, by state.", "state", counts)


def _messages(session: Session, config: Config, now: datetime) -> Iterator[Metric]:
    since = now - timedelta(seconds=config.metrics_window_s)
    rows = session.execute(
        select(MessageRow.status, func.count())
        .where(MessageRow.created_at >= since)
        .group_by(MessageRow.status)
    )
    counts = dict.fromkeys(STATUSES, 0) | _by_name(rows)
    yield _gauge("valet_messages", "Texts of the last day, by outcome.", "status", counts)


def _promises(session: Session, config: Config, now: datetime) -> Iterator[Metric]:
    since = now - timedelta(seconds=config.metrics_window_s)
    is_kept = PromiseOutcomeRow.ready_at <= PromiseRow.ready_by
    rows = session.execute(
        select(PromiseOutcomeRow.kind, func.count(), func.sum(case((is_kept, 1), else_=0)))
        .join(PromiseRow, PromiseRow.id == PromiseOutcomeRow.promise_id)
        .where(PromiseOutcomeRow.ready_at >= since)
        .group_by(PromiseOutcomeRow.kind)
    )
    judged = {kind: (count, kept) for kind, count, kept in rows}
    counts = {kind: judged.get(kind, (0, 0))[0] for kind in promises.KINDS}
    yield _gauge(
        "valet_promises_judged",
        "First promises of the last day whose car is ready.",
        "kind",
        counts,
    )
    yield _gauge(
        "valet_promise_coverage_ratio",
        "How many of them were kept; absent where there were none.",
        "kind",
        {kind: kept / count for kind, (count, kept) in judged.items()},
    )
    yield GaugeMetricFamily(
        "valet_promise_coverage_aim_ratio",
        "How many are to be kept by the settings.",
        config.promise_kept_percent / 100,
    )


def _planner(session: Session) -> Iterator[Metric]:
    found = planner_searches.searches(session)
    yield HistogramMetricFamily(
        "valet_planner_search_seconds",
        "How long the search for a plan took.",
        [
            ("+Inf" if upto_ms is None else str(upto_ms / 1000), count)
            for upto_ms, count in found.upto.items()
        ],
        found.took_ms / 1000,
    )
    # A gap to the best plan there is nobody knows while cars wait; this is the one to the baseline:
    # 1 - rate(plan) / rate(baseline).
    yield _counter(
        "valet_planner_cost_minutes",
        "What plans cost in late minutes of drivers, and what first come, first served would have.",
        "plan",
        {"search": found.cost, "baseline": found.baseline_cost},
    )
    yield _counter(
        "valet_planner_fallbacks",
        "Searches for which the baseline stood in, by what was wrong.",
        "fault",
        found.fell_back,
    )
    lost = set(
        session.scalars(select(PlannerStateRow.part).where(PlannerStateRow.fault.is_not(None)))
    )
    parts = (planner_state.AT_ONCE, planner_state.SEARCH)
    yield _gauge(
        "valet_planner_lost",
        "Whether the baseline plans instead of the planner.",
        "part",
        {part: int(part in lost) for part in parts},
    )


def _workers(session: Session, config: Config, now: datetime) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "valet_workers",
        "Workers that were heard of lately.",
        workers.seen_lately(session, config, now),
    )
    seen_at = workers.last_seen(session)
    age = GaugeMetricFamily(
        "valet_worker_seen_age_seconds", "How long ago any worker was heard of."
    )
    if seen_at is not None:
        age.add_metric([], _age_s(seen_at, now))
    yield age


def _gauge(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(GaugeMetricFamily(name, what, labels=[label]), values)


def _counter(name: str, what: str, label: str, values: Mapping[str, float]) -> Metric:
    return _labelled(CounterMetricFamily(name, what, labels=[label]), values)


def _labelled(
    family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, float]
) -> Metric:
    for value, figure in sorted(values.items()):
        family.add_metric([value], float(figure))
    return family


def _by_name(rows: Iterable[Row[str, int]]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def _age_s(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since) / _S)
