"""Reports that are made and sent by themselves"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    at = sa.DateTime(timezone=True)
    op.create_table(
        "report_schedules",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.Column("span", sa.String(), nullable=False),
        sa.Column("at_hour", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("recipients", sa.LargeBinary(), nullable=False),
        sa.Column("recipients_n", sa.BigInteger(), nullable=False),
        sa.Column("next_first", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("made_at", at, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("changed_at", at, nullable=True),
        sa.Column("changed_by", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_schedules")),
    )
    op.create_table(
        "report_runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("schedule_id", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("last", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("not_before", at, nullable=False),
        sa.Column("lease_until", at, nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("made_at", at, nullable=True),
        sa.Column("file", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", at, nullable=True),
        sa.Column("provider_id", sa.String(), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_runs")),
    )
    with op.batch_alter_table("report_runs", schema=None) as batch_op:
        batch_op.create_index("uq_report_runs_period", ["schedule_id", "first"], unique=True)
        batch_op.create_index("ix_report_runs_status", ["status"], unique=False)
