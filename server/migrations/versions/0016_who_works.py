"""Which workers live, how long plans take, and photos that are awaited"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "workers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_index("ix_workers_seen_at", "workers", ["seen_at"])
    op.create_table(
        "planner_searches",
        sa.Column("fault", sa.String(), nullable=False),
        sa.Column("upto_ms", sa.BigInteger(), nullable=False),
        sa.Column("searches", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fault", "upto_ms", name=op.f("pk_planner_searches")),
    )
    awaited = sa.text("state = 'awaited'")
    op.create_index(
        "ix_photos_awaited",
        "photos",
        ["event_id"],
        sqlite_where=awaited,
        postgresql_where=awaited,
    )
