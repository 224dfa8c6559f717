"""Alembic's entry: runs the migrations on the connection that `server.migrate` made."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from server.models import Table


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A migration must read the same when our column types have changed long since.
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=True,
    render_item=_render,
)
context.run_migrations()
