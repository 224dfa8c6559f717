"""Finding a phone number again, and questions "what if" """

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    at = sa.DateTime(timezone=True)
    with op.batch_alter_table("guests", schema=None) as batch_op:
        batch_op.create_index("ix_guests_phone_index", ["phone_index"], unique=False)
    op.create_table(
        "what_ifs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", at, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("night", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("seeds", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("played", sa.Text(), nullable=False),
        sa.Column("spent_s", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("lease_until", at, nullable=True),
        sa.Column("done_at", at, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_what_ifs")),
    )
    is_open = sa.text("done_at IS NULL")
    with op.batch_alter_table("what_ifs", schema=None) as batch_op:
        batch_op.create_index("ix_what_ifs_made_at", ["made_at"], unique=False)
        batch_op.create_index(
            "ix_what_ifs_open",
            ["made_at"],
            unique=False,
            sqlite_where=is_open,
            postgresql_where=is_open,
        )
