"""Serving the application with gunicorn.

One process with threads: stations hold long polls open, and a waiting thread costs next to
nothing. No access log: its lines would hold the drivers' tokens and what their cards said.
"""

from __future__ import annotations

import gc
import logging
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from server.app import create_app
from server.config import Config

_YOUNG_OBJECTS = 50_000


class QuietLogger(Logger):
    """Says that a request went wrong, but never which address was asked for: in a driver's there
    is a token, or what a card said."""

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, and hide the addresses."""
        super().setup(cfg)
        self.error_log.addFilter(hide_address)


def hide_address(record: logging.LogRecord) -> bool:
    """Leave out what gunicorn quotes of a request. A filter of logging: the record passes."""
    said = str(record.msg)
    for beginning in ("Error handling request", "Invalid request"):
        if said.startswith(beginning):
            record.msg, record.args = beginning, ()
    return True


class _Server(BaseApplication):
    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn our settings."""
        config = self._config
        settings: dict[str, Any] = {
            "bind": f"{config.host}:{config.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": config.threads,
            "worker_connections": config.threads * 4,
            "graceful_timeout": 5,
            "keepalive": 5,
            "loglevel": "warning",
            "logger_class": QuietLogger,
            "proc_name": "valet-server",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application, in the worker process."""
        app = create_app(self._config)
        # A batch makes some 100,000 short-lived objects: what lives long is not to be walked
        # over and over for them.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS, 50, 100)
        return app


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    _Server(config).run()
