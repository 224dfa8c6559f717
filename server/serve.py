"""Serving the application with gunicorn.

Processes with threads: stations hold long polls open, and a waiting thread costs next to nothing.
All processes share the port; what one of them knows and the others must, is in the database. No
access log: its lines would hold the drivers' tokens and what their cards said.
"""

from __future__ import annotations

import gc
import logging
import shutil
import threading
from _thread import start_new_thread
from collections.abc import Callable
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from sqlalchemy.orm import configure_mappers

from server import metric_files
from server.config import Config

_YOUNG_OBJECTS = 50_000
# A thread's stack is reserved, not used: this is more than the deepest page needs.
_STACK_BYTES = 1024 * 1024


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


class Process(ThreadWorker):
    """One process. Told to end, it lets those go who wait for news, and ends with its answers
    instead of cutting them off."""

    let_go: Callable[[], None] = staticmethod(lambda: None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        # On a thread of its own: a signal may come while this one holds any lock.
        start_new_thread(type(self).let_go, ())
        super().handle_exit(sig, frame)


class _Server(BaseApplication):
    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn our settings."""
        config = self._config
        settings: dict[str, Any] = {
            "bind": f"{config.host}:{config.port}",
            "worker_class": Process,
            "workers": config.processes,
            "threads": config.threads,
            # Those beyond the threads are browsers that keep a line open and ask nothing.
            "worker_connections": config.threads * 4,
            "backlog": 2048,
            "graceful_timeout": 5,
            # Longer than any balancer before us keeps an idle line: whoever ends it first must
            # not be the one who is asked next (AWS keeps 60 s).
            "keepalive": config.keepalive_s,
            "loglevel": "warning",
            "logger_class": QuietLogger,
            "proc_name": "valet-server",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application, in the process that serves it: connections and threads are not
        shared with another one."""
        from server.app import create_app
        from server.app import services as services_of

        threading.stack_size(_STACK_BYTES)
        app = create_app(self._config)
        # Else the first request does it.
        configure_mappers()
        with app.app_context():
            notices = services_of().notices
        notices.start()
        Process.let_go = staticmethod(notices.close)
        # A batch makes some 100,000 short-lived objects: what lives long is not to be walked
        # over and over for them.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS, 50, 100)
        return app


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    folder = metric_files.share() if config.processes > 1 else None
    try:
        _Server(config).run()
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
