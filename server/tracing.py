"""Spans for OpenTelemetry: requests, intake, folding, planning, SQL. Off unless the settings say.

Needs the extra `otel`. Spans go where `OTEL_EXPORTER_OTLP_ENDPOINT` says (OpenTelemetry's own
variables count). A request goes by its route's template and its id, SQL by its text with bound
values left out: no span holds an address, a plate or a phone. While it is off, each place costs one
comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog

from server.config import Config

log = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")

_SQL_CHARS = 300


class TracingError(Exception):
    """Spans are wanted, and the packages for them are not there."""


class _Tracing:
    """One for the process, as OpenTelemetry has it. `tracer` is None while it is off."""

    tracer: Any = None
    provider: Any = None


def begin(config: Config) -> None:
    """Switch on what the settings ask for; once in a process. Raises `TracingError`."""
    if not config.traces or _Tracing.tracer is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracingError("VALET_SERVER_TRACES: install the extra `otel`") from None
    switch_on(BatchSpanProcessor(OTLPSpanExporter()))
    log.info("tracing_on")


def switch_on(processor: Any) -> None:
    """Give every span from now on to a processor of OpenTelemetry's SDK."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from sqlalchemy import Engine, event

    provider = TracerProvider(resource=Resource.create({"service.name": "valet-server"}))
    provider.add_span_processor(processor)
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("server")
    if not event.contains(Engine, "before_cursor_execute", _before_sql):
        event.listen(Engine, "before_cursor_execute", _before_sql)
        event.listen(Engine, "after_cursor_execute", _after_sql)


def switch_off() -> None:
    """No more spans; what is under way is sent first."""
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
    _Tracing.provider = _Tracing.tracer = None


def span(name: str, attributes: dict[str, str]) -> Any:
    """A context manager that gives a span; None while there are none."""
    if _Tracing.tracer is None:
        return None
    return _Tracing.tracer.start_as_current_span(name, attributes=attributes)


def traced(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A span of this name around every call of a function."""

    def wrap(work: Callable[P, T]) -> Callable[P, T]:
        @wraps(work)
        def run(*arguments: P.args, **options: P.kwargs) -> T:
            if _Tracing.tracer is None:
                return work(*arguments, **options)
            with _Tracing.tracer.start_as_current_span(name):
                return work(*arguments, **options)

        return run

    return wrap


def _before_sql(
    _connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _is_many: bool
) -> None:
    if _Tracing.tracer is not None and context is not None:
        word = statement.split(None, 1)[0].upper() if statement.strip() else "SQL"
        attributes = {"db.query.text": statement[:_SQL_CHARS]}
        context.valet_span = _Tracing.tracer.start_span(f"sql {word}", attributes=attributes)


def _after_sql(
    _connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _is_many: bool
) -> None:
    span = getattr(context, "valet_span", None)
    if span is not None:
        span.end()
