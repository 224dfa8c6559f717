"""Serving the application with gunicorn.

One process with threads: stations hold long polls open, and a waiting thread costs next to
nothing. No access log: its lines would hold the drivers' tokens.
"""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication

from server.app import create_app
from server.config import Config


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
            "proc_name": "valet-server",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application, in the worker process."""
        return create_app(self._config)


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT."""
    _Server(config).run()
