"""Photos that events name"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "photos",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stored_by", sa.String(), nullable=True),
        sa.Column("found_sha256", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('awaited', 'stored', 'altered')", name=op.f("ck_photos_state")
        ),
        sa.CheckConstraint(
            "(state = 'stored') = (stored_at IS NOT NULL)", name=op.f("ck_photos_stored_at")
        ),
        sa.PrimaryKeyConstraint("visit_id", "sha256", name=op.f("pk_photos")),
    )
