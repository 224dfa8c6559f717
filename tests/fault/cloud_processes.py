"""A whole cloud as processes: several `valet-server serve` and several `valet-server worker`.

with cloud_processes(config, folder, {}) as cloud:
    cloud.doors[0].port
    cloud.doors[0].kill(); cloud.doors[0].start()
    cloud.workers[1].kill()
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from server.config import Config
from tests.fault.served_process import DEADLINE_S, VALET_SERVER, ServedProcess


@dataclass
class WorkerProcess:
    """`valet-server worker`, started by `start` and ended by `kill`."""

    config: Config
    log: Path
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; whether it works shows in what it does."""
        env = {
            **os.environ,
            **{f"VALET_SERVER_{name}": text for name, text in self.settings.items()},
            "VALET_SERVER_DATA_DIR": str(self.config.data_dir),
            "VALET_SERVER_DATABASE_URL": self.config.database_url,
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [VALET_SERVER, "worker"],
                env=env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            os.killpg(self.process.pid, 9)
            self.process.wait(DEADLINE_S)
            self.process = None

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        assert self.process is not None
        return self.process.pid


@dataclass
class CloudProcesses:
    """Use `cloud_processes`."""

    doors: list[ServedProcess]
    workers: list[WorkerProcess]
    logs: list[Path] = field(default_factory=list)

    def said(self) -> str:
        """All that they have logged."""
        return "\n".join(log.read_text(errors="replace") for log in self.logs if log.exists())

    def errors(self) -> str:
        """The end of each line that tells of an error: a traceback says there what it was."""
        lines = self.said().splitlines()
        return "\n".join(line[-1500:] for line in lines if '"level": "error"' in line)


@contextmanager
def cloud_processes(
    config: Config,
    folder: Path,
    settings: Mapping[str, str],
    *,
    doors: int = 2,
    workers: int = 2,
) -> Iterator[CloudProcesses]:
    """All of them, on one database; their logs lie in `folder`."""
    logs = [folder / f"serve-{number}.log" for number in range(doors)]
    works = [folder / f"worker-{number}.log" for number in range(workers)]
    cloud = CloudProcesses(
        [ServedProcess(config, log, **settings) for log in logs],
        [WorkerProcess(config, log, settings) for log in works],
        [*logs, *works],
    )
    try:
        for worker in cloud.workers:
            worker.start()
        for door in cloud.doors:
            door.start()
        yield cloud
    finally:
        for door in cloud.doors:
            # One that did not start has taken its group with it.
            with suppress(ProcessLookupError):
                door.kill()
        for worker in cloud.workers:
            worker.kill()
