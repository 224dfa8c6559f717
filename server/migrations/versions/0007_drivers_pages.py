"""What drivers do on their pages, and what becomes of messages"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cost_micros", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("share_nonce", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column("may_fetch", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.create_table(
        "driver_tries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_driver_tries")),
    )
    op.create_table(
        "driver_notes",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_driver_notes")),
    )
    with op.batch_alter_table("driver_notes", schema=None) as batch_op:
        batch_op.create_index("ix_driver_notes_visit_id", ["visit_id"], unique=False)
    op.create_table(
        "guest_looks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("screen", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_looks")),
    )
    with op.batch_alter_table("guest_looks", schema=None) as batch_op:
        batch_op.create_index("ix_guest_looks_visit_id", ["visit_id"], unique=False)
