"""What a plan heeds: rows of stalls, breaks, licences, closures; and who plans"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("places", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rows", sa.Text(), server_default="[]", nullable=False))
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("may_drive", sa.Boolean(), server_default=sa.true(), nullable=False)
        )
        batch_op.add_column(sa.Column("licences", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("licence_until", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("breaks", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("wait_place_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("wait_since", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("visits", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("is_grounded", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("handling", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("moves", schema=None) as batch_op:
        batch_op.add_column(sa.Column("why_place_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("to_stall", sa.String(), nullable=True))
    op.create_table(
        "closures",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=True),
        sa.Column("from_place_id", sa.String(), nullable=True),
        sa.Column("to_place_id", sa.String(), nullable=True),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("weekdays", sa.Text(), nullable=False),
        sa.Column("from_time", sa.String(), nullable=True),
        sa.Column("until_time", sa.String(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closures")),
    )
    op.create_table(
        "planner_states",
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_planner_states")),
    )
