"""What administrators change: opening hours, tariffs, texts, and the record of all changes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    at = sa.DateTime(timezone=True)
    with op.batch_alter_table("places", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hours", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("archived_at", at, nullable=True))
        batch_op.add_column(sa.Column("edited_at", at, nullable=True))
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("edited_at", at, nullable=True))
    with op.batch_alter_table("closures", schema=None) as batch_op:
        batch_op.add_column(sa.Column("edited_at", at, nullable=True))
    op.create_table(
        "tariffs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("valid_from", at, nullable=False),
        sa.Column("flat_cents", sa.BigInteger(), nullable=False),
        sa.Column("minute_cents", sa.BigInteger(), nullable=False),
        sa.Column("free_min", sa.BigInteger(), nullable=False),
        sa.Column("most_cents", sa.BigInteger(), nullable=False),
        sa.Column("tax_percent", sa.BigInteger(), nullable=False),
        sa.Column("posted", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", at, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tariffs")),
    )
    with op.batch_alter_table("tariffs", schema=None) as batch_op:
        batch_op.create_index(
            "uq_tariffs_valid_from",
            ["valid_from"],
            unique=True,
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        )
    op.create_table(
        "message_texts",
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("template", "language", name=op.f("pk_message_texts")),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.create_index("ix_changes_subject", ["kind", "subject_id", "id"], unique=False)
        batch_op.create_index("ix_changes_person_id", ["person_id", "id"], unique=False)
