"""Stations that enrol themselves"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _extend_stations()
    _create_keys_and_codes()
    _create_nonces_and_lives()


def _extend_stations() -> None:
    at = sa.DateTime(timezone=True)
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key_since", at, nullable=True))
        batch_op.add_column(sa.Column("next_public_key", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("revoked_at", at, nullable=True))
        batch_op.add_column(sa.Column("revoked_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("revoked_reason", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("turned_away_at", at, nullable=True))
        batch_op.add_column(sa.Column("boot_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("journal_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("cloned_at", at, nullable=True))


def _create_keys_and_codes() -> None:
    op.create_table(
        "station_keys",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "public_key", name=op.f("pk_station_keys")),
    )
    with op.batch_alter_table("station_keys", schema=None) as batch_op:
        batch_op.create_index("ix_station_keys_public_key", ["public_key"], unique=False)
    # What stations have had until now is not enrolled a second time either.
    op.execute(
        "INSERT INTO station_keys (station_id, public_key, since)"
        " SELECT id, public_key, enrolled_at FROM stations"
    )
    op.create_table(
        "station_codes",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_key", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_station_codes")),
    )
    with op.batch_alter_table("station_codes", schema=None) as batch_op:
        batch_op.create_index("ix_station_codes_station_id", ["station_id"], unique=False)
    op.create_table(
        "enrol_tries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_enrol_tries")),
    )
    with op.batch_alter_table("enrol_tries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrol_tries_begun_at"), ["begun_at"], unique=False)


def _create_nonces_and_lives() -> None:
    op.create_table(
        "station_nonces",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "nonce", name=op.f("pk_station_nonces")),
    )
    op.create_table(
        "station_lives",
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("booted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_ns", sa.BigInteger(), nullable=False),
        sa.Column("upto_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "station_id", "boot_id", "journal_id", name=op.f("pk_station_lives")
        ),
    )
