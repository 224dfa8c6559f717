"""Metrics of several processes behind one port: kept in files, so that whichever of them is asked
tells what all of them have counted (prometheus_client's multiprocess mode).

One process alone keeps its counters in memory, and tells of its memory and processor time too; of
several the system's own exporter has to tell those.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_LIBRARY = "prometheus_client"


def share() -> str:
    """Let the processes that are started from now on count together; the folder of their files.

    The library decides when it is imported, so here nobody may have done that yet.
    """
    assert _LIBRARY not in sys.modules
    folder = os.environ[_FOLDER] = tempfile.mkdtemp(prefix="valet-metrics-")
    return folder


def shown(counted: CollectorRegistry) -> CollectorRegistry:
    """The registry to show: of what this process alone has counted, or of all that share."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.multiprocess import MultiProcessCollector

    if _FOLDER not in os.environ:
        ProcessCollector(registry=counted)
        return counted
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
