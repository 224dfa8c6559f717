"""Structured logs: one JSON object a line on stderr, times in UTC."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs() -> None:
    """Send our logs, and warnings of libraries, to stderr as JSON lines."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            # What belongs to the request at hand: its id.
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
