"""`valet-server serve` as a process of its own, on one port for all its lives."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.config import Config
from tests.booth_process import free_port

VALET_SERVER = Path(sys.executable).with_name("valet-server")
DEADLINE_S = 60.0


class ServedProcess:
    """Started by `start`, ended by `kill`."""

    def __init__(self, config: Config, log: Path, **settings: str) -> None:
        self.port = free_port()
        self._settings = {f"VALET_SERVER_{name}": text for name, text in settings.items()}
        self._config = config
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        env = {
            **os.environ,
            **self._settings,
            "VALET_SERVER_DATA_DIR": str(self._config.data_dir),
            "VALET_SERVER_DATABASE_URL": self._config.database_url,
            "VALET_SERVER_PORT": str(self.port),
        }
        with self._log.open("ab") as output:
            # A session of its own: the kill reaches gunicorn's worker as a power cut would.
            self._process = subprocess.Popen(
                [VALET_SERVER, "serve"],
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline_s, self._log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to all of its processes at once."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait(DEADLINE_S)
            self._process = None

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        assert self._process is not None
        return self._process.pid

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def served_process(config: Config, folder: Path, **settings: str) -> Iterator[ServedProcess]:
    """A server that runs inside the block, with some settings by name."""
    server = ServedProcess(config, folder / "server.log", **settings)
    server.start()
    try:
        yield server
    finally:
        server.kill()
