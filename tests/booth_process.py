"""`valet-agent run` as a real process on a free port, with a folder of its own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

READY_WITHIN_S = 20.0
ENDS_WITHIN_S = 6.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def settings(folder: Path, port: int, **changes: str) -> str:
    """A booth's settings, without a cloud that answers and without readers."""
    values = {
        "STATION_ID": "herrera-1",
        "PLACE_ID": "herrera",
        "ROLE": "booth",
        "LETTER": "H",
        "DATA_DIR": str(folder / "data"),
        "CLOUD_URL": "http://127.0.0.1:9",
        "SCREEN_PORT": str(port),
        "ASSUME_CLOCK_SYNCED": "yes",
        "ASKS_PIN": "no",
        **changes,
    }
    return "".join(f"VALET_AGENT_{name}={value}\n" for name, value in values.items())


class RunningBooth:
    """Started and answering inside the `with` block; ended by SIGKILL if nothing else did."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "agent.env"
        config.write_text(settings(folder, self.port), encoding="utf-8")
        self.process = start("--config", str(config), **environment)

    def __enter__(self) -> RunningBooth:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_answering():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the agent did not start: {self.end()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def is_answering(self) -> bool:
        """Whether the screen answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/alive")
            return connection.getresponse().status == 204
        except OSError:
            return False
        finally:
            connection.close()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Ask it to end; its exit status and what it logged."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, logged = self.process.communicate(timeout=ENDS_WITHIN_S)
        return self.process.returncode, logged


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`valet-agent run` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "booth_ui.cli", "run", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
