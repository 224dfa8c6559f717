"""Reports of one place by themselves; keys without a visit and long stays, found at once"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("report_schedules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("booth_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("lot_id", sa.String(), nullable=True))
    is_sighting = sa.text("type = 'key.seen'")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_events_key_seen",
            ["position"],
            unique=False,
            sqlite_where=is_sighting,
            postgresql_where=is_sighting,
        )
    with op.batch_alter_table("visits", schema=None) as batch_op:
        batch_op.create_index(
            "ix_visits_stayed_long",
            ["handed_over_at"],
            unique=False,
            sqlite_where=sa.text("julianday(handed_over_at) - julianday(received_at) > 1"),
            postgresql_where=sa.text("handed_over_at - received_at > interval '1 day'"),
        )
