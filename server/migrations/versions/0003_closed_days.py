"""Closed days"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "day_roots",
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("tiles", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("date", name=op.f("pk_day_roots")),
    )

    op.create_table(
        "day_spans",
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("first_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("date", "journal_id", name=op.f("pk_day_spans")),
    )
    with op.batch_alter_table("day_spans", schema=None) as batch_op:
        batch_op.create_index("ix_day_spans_journal_id", ["journal_id", "last_seq"], unique=False)

    op.create_table(
        "day_refusals",
        sa.Column("quarantine_id", sa.String(), nullable=False),
        sa.Column("date", sa.String(), nullable=False),
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("in_chain", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_day_refusals")),
    )
    with op.batch_alter_table("day_refusals", schema=None) as batch_op:
        batch_op.create_index("ix_day_refusals_date", ["date"], unique=False)
