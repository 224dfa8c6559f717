"""Spans for OpenTelemetry: from the request to its SQL, of nothing that may not be told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server import links, tracing
from server.app import create_app
from server.config import load_config
from server.dispatch.past_evenings import Forecasts
from server.worker import replan_district
from tests.log_scan import secrets_in
from tests.manager_evening import services_of
from tests.visit_story import Story, settings


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span of the test."""
    exporter = InMemorySpanExporter()
    tracing.switch_on(SimpleSpanProcessor(exporter))
    yield exporter
    tracing.switch_off()


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    """Those of one name."""
    return [span for span in spans.get_finished_spans() if span.name == name]


def test_a_request_its_sql_intake_folding_and_planning_have_spans(
    sqlite_url: str, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    app = create_app(settings(tmp_path, sqlite_url))
    found = services_of(app)
    story = Story(found.database, found.config, found.key)
    visit = story.receive("herrera", plate="AB1234", phone="+50761234567")
    replan_district(found.database, found.config, story.now, Forecasts())
    token = links.token_of(found.key, visit.id)
    app.test_client().get(
        f"/t/{token}", headers={"X-Request-Id": "0193a5c0-7f3e-7cc1-8000-4f1c61aaaaaa"}
    )

    (request,) = named(spans, "GET /t/<token>")
    assert request.attributes is not None
    assert request.attributes["valet.request_id"] == "0193a5c0-7f3e-7cc1-8000-4f1c61aaaaaa"
    assert request.attributes["http.response.status_code"] in (200, 410)
    assert request.context is not None
    (ingest, *_), folds = named(spans, "ingest"), named(spans, "fold")
    assert folds
    assert named(spans, "plan")
    parents = {sql.parent.span_id for sql in named(spans, "sql SELECT") if sql.parent}
    assert request.context.span_id in parents
    assert ingest.context is not None
    assert any(one.parent and one.parent.span_id == ingest.context.span_id for one in folds)
    told = "\n".join(
        f"{span.name} {value!r}"
        for span in spans.get_finished_spans()
        for value in (span.attributes or {}).values()
    )
    assert list(secrets_in(told)) == []
    found.database.close()


def test_without_the_setting_there_are_none_and_nothing_is_loaded(
    sqlite_url: str, tmp_path: Path
) -> None:
    assert not load_config().traces
    app = create_app(settings(tmp_path, sqlite_url))
    app.test_client().get("/healthz")
    assert tracing.span("x", {}) is None
    services_of(app).database.close()


def test_who_wants_spans_without_the_packages_is_told_so(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(tracing.TracingError, match="extra `otel`"):
        tracing.begin(replace(settings(tmp_path, sqlite_url), traces=True))
