"""Serves the touchscreen to this machine's own browser.

Werkzeug's threaded server, in the agent's process: one kiosk and now and then an engineer's
browser, each with a stream that stays open. Not waitress, whose fixed pool is used up by open
streams until no page is answered; and not gunicorn, which forks, while the readers, the journal's
one connection and the screen have to share a process.
"""

from __future__ import annotations

import socket
import threading

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from reader_agent.config import LOOPBACK


class ScreenServer:
    """One thread that accepts, and one for each request. `start` and `stop` once each."""

    def __init__(self, app: Flask, port: int) -> None:
        """Raises `OSError` when the port is taken."""
        # Bound here: the server itself would end the process on a port that is taken.
        with socket.create_server((LOOPBACK, port)) as listening:
            self.port: int = listening.getsockname()[1]
            self._server: BaseWSGIServer = make_server(
                LOOPBACK,
                self.port,
                app,
                threaded=True,
                request_handler=_QuietHandler,
                fd=listening.fileno(),
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="screen", daemon=True
        )

    @property
    def url(self) -> str:
        """What the kiosk opens."""
        return f"http://{LOOPBACK}:{self.port}/"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests. Open streams end by themselves when the station's feed closes."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _QuietHandler(WSGIRequestHandler):
    """A line for every heartbeat's neighbour would wear out the card and say nothing."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing; what fails is logged by the application."""
