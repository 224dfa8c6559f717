"""Since which version of the district a visit is known"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward. Of what is there already, anybody may have heard."""
    with op.batch_alter_table("visits", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("known_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
        # What is open and what is over are asked for apart, each by what is newer.
        batch_op.drop_index("ix_visits_version")
        batch_op.drop_index("ix_visits_open")
        batch_op.create_index(
            "ix_visits_open",
            ["version"],
            unique=False,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        )
        batch_op.create_index(
            "ix_visits_closed",
            ["version", "known_version"],
            unique=False,
            sqlite_where=sa.text("NOT is_open"),
            postgresql_where=sa.text("NOT is_open"),
        )
    with op.batch_alter_table("events", schema=None) as batch_op:
        # Also who recorded something of a visit since.
        batch_op.drop_index("ix_events_visit_id")
        batch_op.create_index(
            "ix_events_visit_id", ["visit_id", "journal_id", "position"], unique=False
        )
