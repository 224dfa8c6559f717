"""What those who run the cloud look at: its metrics and its readiness."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app
from prometheus_client import CollectorRegistry

from server import metric_files
from server.config import Config
from server.district_meter import DistrictMeter
from server.readiness import Readiness
from server.request_meter import RequestMeter

_EXTENSION = "valet_watch"


@dataclass(frozen=True, slots=True)
class Watch:
    """What one application counts, and whether it can serve. `registry`: all of its metrics."""

    registry: CollectorRegistry
    meter: RequestMeter
    readiness: Readiness


def watch_over(app: Flask, config: Config) -> None:
    """Count what the application answers from now on, and be ready to be asked. Two of them in a
    process count each for itself."""
    counted = CollectorRegistry()
    meter, registry = RequestMeter(counted), metric_files.shown(counted)
    found = Watch(registry, meter, Readiness(config))
    registry.register(DistrictMeter(config))
    found.meter.watch(app)
    app.extensions[_EXTENSION] = found


def watch() -> Watch:
    """That of the application that handles this request."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Watch)
    return found
