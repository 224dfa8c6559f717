"""A look at the database that comes to an end, whatever state the database is in.

The pool of the application is not used: it may be what is exhausted, and its connections wait as
long as the work of people needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import make_url

from server.database import Database
from server.database_url import spread_hosts
from server.retry import Patience


class BoundedDatabase:
    """Connects anew for each look and waits `within_s` at most for the connection and for each
    statement (libpq: `connect_timeout`, `tcp_user_timeout`, `statement_timeout`). A read of SQLite
    waits for nobody."""

    def __init__(self, url: str, within_s: int) -> None:
        # A look is for once: whoever is asked how things are must not wait until they are well.
        patience = Patience(tries=1, wait_s=0)
        self._database = Database(_bounded(url, within_s), connections=1, patience=patience)

    @contextmanager
    def looking(self) -> Iterator[Database]:
        """The database, for reading; nothing stays open behind it."""
        try:
            yield self._database
        finally:
            self._database.close()


def _bounded(url: str, within_s: int) -> str:
    parsed = make_url(spread_hosts(url))
    if parsed.get_backend_name() != "postgresql":
        return url
    within_ms = within_s * 1000
    said = parsed.query.get("options", "")
    options = said if isinstance(said, str) else " ".join(said)
    limits = {
        "connect_timeout": str(within_s),
        "tcp_user_timeout": str(within_ms),
        "options": f"{options} -c statement_timeout={within_ms}".strip(),
    }
    return parsed.update_query_dict(limits).render_as_string(hide_password=False)
