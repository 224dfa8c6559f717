"""Two PostgreSQL under Patroni, the second one a synchronous standby, and etcd beside them.

with running_pair() as pair:
    pair.url("valet")                   # of both; whoever writes finds the primary
    pair.kill(pair.primary())           # as when its machine loses its power
    pair.wait_for_primary()

The times are those that `OPERATIONS.md` recommends: `RECOMMENDED`.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from psycopg import sql

from tests import etcd, postgres
from tests.booth_process import free_port

T = TypeVar("T")

NAMES: Final = ("one", "two")
SCOPE: Final = "valet"
RECOMMENDED: Final[Mapping[str, Any]] = {
    "ttl": 20,
    "loop_wait": 5,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "maximum_lag_on_failover": 1_048_576,
    "postgresql": {
        "use_pg_rewind": True,
        # Every commit waits for the standby: it is not to sleep 5 s before it comes back.
        "parameters": {"wal_retrieve_retry_interval": "1s"},
    },
}
"""What Patroni keeps in etcd. `loop_wait` and twice `retry_timeout` have to fit into `ttl`."""
HOW_TO_GET: Final = "The tests of a database that fails over need Patroni, from the `dev` extra."
DEADLINE_S = 120.0


class PatroniMissing(Exception):
    """Patroni cannot be run here; the message says what to do."""


@dataclass
class Node:
    """One PostgreSQL and its Patroni."""

    name: str
    folder: Path
    account: postgres._Account
    bin_dir: Path
    port: int = field(default_factory=free_port)
    rest_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """PostgreSQL's folder."""
        return self.folder / "data"

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        command: list[str | Path] = [sys.executable, "-m", "patroni", self.folder / "patroni.json"]
        with (self.folder / "patroni.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*_as_account(self.account), *command],
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def is_primary(self) -> bool:
        """Whether Patroni says that this one takes writes."""
        return self.ask("GET", "/primary")[0] == 200

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A question to Patroni's REST API: status and JSON; 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=10)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def restart(self, mode: str) -> None:
        """`pg_ctl restart -m fast` or `immediate`; returns when PostgreSQL is up again."""
        log = self.folder / "pg_ctl.log"
        command: list[str | Path] = [
            *(self.bin_dir / "pg_ctl", "restart", "-D", self.data, "-m", mode),
            *("-w", "-t", str(int(DEADLINE_S)), "-l", self.folder / "restarted.log"),
        ]
        # Not `run`: the new server would hold its pipe, whose end is never seen.
        with log.open("ab") as output:
            status = self.account.start(command, self.folder, output.fileno()).wait(DEADLINE_S)
        assert status == 0, log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL to Patroni and to every process of PostgreSQL."""
        doomed = [] if self.process is None else [self.process.pid]
        postmaster = self.data / "postmaster.pid"
        if postmaster.exists():
            pid = int(postmaster.read_text().split()[0])
            doomed += [pid, *children_of(pid)]
        for pid in doomed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.process is not None:
            self.process.wait(DEADLINE_S)
            self.process = None

    def configure(self, endpoint: str) -> None:
        """Write Patroni's settings."""
        self.folder.mkdir()
        self.account.own(self.folder)
        own, superuser = f"127.0.0.1:{self.port}", {"username": postgres.SUPERUSER}
        content = {
            "scope": SCOPE,
            "name": self.name,
            "etcd3": {"host": endpoint},
            "restapi": _at(f"127.0.0.1:{self.rest_port}"),
            "bootstrap": {
                "dcs": RECOMMENDED,
                "initdb": ["no-sync", {"auth": "trust"}, {"encoding": "UTF8"}, {"locale": "C"}],
            },
            "postgresql": {
                **_at(own),
                "data_dir": str(self.data),
                "bin_dir": str(self.bin_dir),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {"superuser": superuser, "replication": superuser},
                "pg_hba": [
                    f"host {whose} all 127.0.0.1/32 trust" for whose in ("all", "replication")
                ],
                "parameters": {
                    "unix_socket_directories": "",
                    "max_connections": 200,
                    "timezone": "UTC",
                },
                "create_replica_methods": ["basebackup"],
                "basebackup": [{"checkpoint": "fast"}],
            },
        }
        (self.folder / "patroni.json").write_text(json.dumps(content))


def _as_account(account: postgres._Account) -> list[str]:
    """What to put before a command that is to run as this user, but reads what root may read: the
    interpreter of an environment often lies where nobody else may look."""
    if account.uid is None:
        return []
    if shutil.which("setpriv") is None:
        raise PatroniMissing("as root, Patroni needs util-linux's `setpriv` to become another user")
    user, keep = (str(account.uid), str(account.gid)), "+dac_override"
    return [
        *("setpriv", "--reuid", user[0], "--regid", user[1], "--clear-groups"),
        *("--inh-caps", keep, "--ambient-caps", keep, "--pdeathsig", "TERM", "--"),
    ]


def _at(address: str) -> dict[str, str]:
    return {"listen": address, "connect_address": address}


@dataclass(frozen=True)
class Pair:
    """Both nodes. Use `running_pair`."""

    nodes: tuple[Node, ...]

    def url(self, database: str) -> str:
        """The URL with every host, as libpq writes it: the cloud takes the primary."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://{postgres.SUPERUSER}@{hosts}/{database}"

    def create(self, database: str) -> None:
        """Create a database on the primary."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of our own to the primary, each statement its own transaction."""
        return psycopg.connect(
            host=",".join("127.0.0.1" for _ in self.nodes),
            port=",".join(str(node.port) for node in self.nodes),
            user=postgres.SUPERUSER,
            dbname=database,
            target_session_attrs="read-write",
            autocommit=True,
        )

    def primary(self) -> Node:
        """The one that takes writes."""
        return self._until(
            lambda: next((node for node in self.nodes if node.is_primary()), None), "a primary"
        )

    def wait_for_standby(self) -> None:
        """Until a commit waits for a standby."""

        def look() -> bool:
            _, cluster = self.primary().ask("GET", "/cluster")
            members = [] if cluster is None else cluster["members"]
            return any(
                (one["role"], one["state"]) == ("sync_standby", "streaming") for one in members
            )

        self._until(look, "a synchronous standby")

    def pause(self, *, is_paused: bool) -> None:
        """Let Patroni keep its hands off what is restarted by hand, or look after it again."""

        def look() -> bool:
            told = (node.ask("GET", "/patroni")[1] or {} for node in self.nodes)
            return all(bool(one.get("pause")) == is_paused for one in told)

        self.primary().ask("PATCH", "/config", {"pause": is_paused or None})
        self._until(look, f"pause: {is_paused}")

    def _until(self, look: Callable[[], T | None], what: str) -> T:
        end = time.monotonic() + DEADLINE_S
        while not (found := look()):
            assert time.monotonic() < end, f"{what}\n{self.logs()}"
            time.sleep(0.1)
        return found

    def logs(self) -> str:
        """The last words of both Patronis."""
        return "\n".join(
            "\n".join((node.folder / "patroni.log").read_text(errors="replace").splitlines()[-25:])
            for node in self.nodes
        )


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Run etcd and both while the block lasts, the standby in step. Raises `PatroniMissing`,
    `EtcdMissing` or `PostgresMissing`."""
    found = postgres.find_bin_dir()
    if found is None:
        raise postgres.PostgresMissing(postgres.HOW_TO_GET)
    if find_spec("patroni") is None:
        raise PatroniMissing(HOW_TO_GET)
    with ExitStack() as opened:
        # Not pytest's own temporary folder: that is closed to the user PostgreSQL runs as.
        folder = Path(
            opened.enter_context(
                tempfile.TemporaryDirectory(prefix="valet-pair-", ignore_cleanup_errors=True)
            )
        )
        account = postgres._Account.unprivileged()
        account.own(folder)
        bin_dir = account.reachable(found, folder)
        endpoint = opened.enter_context(etcd.running_etcd(folder))
        pair = Pair(tuple(Node(name, folder / name, account, bin_dir) for name in NAMES))
        for node in pair.nodes:
            node.configure(endpoint)
            opened.callback(node.kill)
            node.start()
        pair.wait_for_standby()
        yield pair


def children_of(parent: int) -> list[int]:
    """The ids of all processes that a process has started and that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            # It ended meanwhile.
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found
