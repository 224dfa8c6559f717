"""Addresses of databases, also of one that has several hosts of which one can be written to."""

from __future__ import annotations

import re
from urllib.parse import quote

_HOSTS = re.compile(
    r"(postgresql(?:\+psycopg)?://(?:[^@/?]*@)?)([^/?@]*,[^/?@]*)(/[^?]*)?(?:\?(.*))?"
)


def spread_hosts(url: str) -> str:
    """The same address as SQLAlchemy reads it: `postgresql://user@one:5432,two:5433/valet` is how
    libpq writes that either may be the primary (34.1.1.3 of PostgreSQL's manual), and without
    `target_session_attrs` a standby would be taken for one."""
    found = _HOSTS.fullmatch(url)
    if found is None:
        return url
    beginning, hosts, path, query = found.groups()
    said = [query] if query else []
    if "target_session_attrs=" not in (query or ""):
        said.append("target_session_attrs=read-write")
    said += [f"host={host}" for host in hosts.split(",")]
    return f"{beginning}{path or '/'}?{'&'.join(said)}"


def in_schema(url: str, schema: str) -> str:
    """The same database, but the tables of this schema: one district of several that share it."""
    if not schema:
        return url
    option = quote(f"-csearch_path={schema}", safe="")
    return f"{url}{'&' if '?' in url else '?'}options={option}"
