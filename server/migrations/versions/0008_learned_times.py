"""What drives and promises have taught"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "promise_outcomes",
        sa.Column("promise_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_s", sa.BigInteger(), nullable=False),
        sa.Column("score_permille", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("promise_id", name=op.f("pk_promise_outcomes")),
    )
    with op.batch_alter_table("promise_outcomes", schema=None) as batch_op:
        batch_op.create_index("ix_promise_outcomes_kind", ["kind", "ready_at"], unique=False)
        batch_op.create_index("ix_promise_outcomes_ready_at", ["ready_at"], unique=False)
    op.create_table(
        "calibrations",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("missed_ppm", sa.BigInteger(), nullable=False),
        sa.Column("middle_permille", sa.BigInteger(), nullable=False),
        sa.Column("width_permille", sa.BigInteger(), nullable=False),
        sa.Column("cars", sa.BigInteger(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_calibrations")),
    )
    op.create_table(
        "leg_times",
        sa.Column("from_place_id", sa.String(), nullable=False),
        sa.Column("to_place_id", sa.String(), nullable=False),
        sa.Column("drive_s", sa.BigInteger(), nullable=False),
        sa.Column("empty_s", sa.BigInteger(), nullable=False),
        sa.Column("drives", sa.BigInteger(), nullable=False),
        sa.Column("empties", sa.BigInteger(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("from_place_id", "to_place_id", name=op.f("pk_leg_times")),
    )
