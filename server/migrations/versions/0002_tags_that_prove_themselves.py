"""Tags that prove themselves"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _extend_district()
    _extend_events_and_visits()
    _create_cards()


def _extend_district() -> None:
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("status", sa.String(), server_default="active", nullable=False)
        )
        batch_op.add_column(
            sa.Column("is_secure", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("is_original", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("enrolled_event", sa.String(), nullable=True))
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("badge_event", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("badge_at", sa.DateTime(timezone=True), nullable=True))


def _extend_events_and_visits() -> None:
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tag_id", sa.String(), nullable=True))
        batch_op.create_index(
            "ix_events_tag_id",
            ["tag_id"],
            unique=False,
            sqlite_where=sa.text("tag_id IS NOT NULL"),
            postgresql_where=sa.text("tag_id IS NOT NULL"),
        )
    with op.batch_alter_table("visits", schema=None) as batch_op:
        batch_op.create_index("ix_visits_key_tag", ["key_tag", "received_at"], unique=False)
        batch_op.create_index("ix_visits_claim_tag", ["claim_tag", "received_at"], unique=False)
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("by_tap", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def _create_cards() -> None:
    op.create_table(
        "cards",
        sa.Column("tag_id", sa.String(), nullable=False),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tag_id", name=op.f("pk_cards")),
    )

    op.create_table(
        "card_reads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("tag_id", sa.String(), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=True),
        sa.Column("visit_id", sa.String(), nullable=True),
        sa.Column("event_id", sa.String(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_reads")),
    )
    with op.batch_alter_table("card_reads", schema=None) as batch_op:
        batch_op.create_index("ix_card_reads_at", ["at"], unique=False)
        batch_op.create_index("ix_card_reads_visit_id", ["visit_id"], unique=False)
        batch_op.create_index("uq_card_reads_event_id", ["event_id"], unique=True)
        batch_op.create_index(
            "ix_card_reads_open",
            ["verdict"],
            unique=False,
            sqlite_where=sa.text("seen_at IS NULL"),
            postgresql_where=sa.text("seen_at IS NULL"),
        )

    op.create_table(
        "card_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("tag_id", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_keys")),
    )
    with op.batch_alter_table("card_keys", schema=None) as batch_op:
        batch_op.create_index("ix_card_keys_station_id", ["station_id", "given_at"], unique=False)
        batch_op.create_index("uq_card_keys_nonce", ["station_id", "nonce"], unique=True)

    op.create_table(
        "tap_failures",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tap_failures")),
    )
    with op.batch_alter_table("tap_failures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tap_failures_begun_at"), ["begun_at"], unique=False)
