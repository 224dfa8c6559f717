"""What the station's tools print: JSON lines on stdout, the log on stderr."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Mapping

import structlog

STDOUT = 1


def say(fact: Mapping[str, object]) -> None:
    """One JSON line, out at once; unbuffered, so that nothing is left to flush at the end."""
    os.write(STDOUT, json.dumps(fact).encode() + b"\n")


def nobody_listens() -> bool:
    """Whether the other end of our output is closed, which a write would notice only later."""
    poll = select.poll()
    poll.register(STDOUT, 0)
    return bool(poll.poll(0))


def log_to_stderr() -> None:
    """Log lines must not get between the JSON lines."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"]),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
