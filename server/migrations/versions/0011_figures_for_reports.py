"""Figures of visits, drives, people, places and stations, for reports"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward. The worker fills what is new from the first event on."""
    _of_visits()
    _of_requests()
    _of_work()
    _of_places()
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_messages_created_at",
            ["created_at", "template", "status", "parts", "cost_micros"],
            unique=False,
        )


def _of_visits() -> None:
    op.create_table(
        "held_figures",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("held_s", sa.BigInteger(), nullable=True),
        sa.Column("ended_as", sa.String(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("visit_id", "ordinal", name=op.f("pk_held_figures")),
    )
    with op.batch_alter_table("held_figures", schema=None) as batch_op:
        batch_op.create_index("ix_held_figures_day", ["day"], unique=False)
    op.create_table(
        "incident_figures",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("told_by", sa.String(), nullable=True),
        sa.Column("settled_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_incident_figures")),
    )
    with op.batch_alter_table("incident_figures", schema=None) as batch_op:
        batch_op.create_index("ix_incident_figures_day", ["day"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_incident_figures_visit_id"), ["visit_id"], unique=False
        )
    op.create_table(
        "stand_figures",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("from_slot", sa.BigInteger(), nullable=False),
        sa.Column("until_slot", sa.BigInteger(), nullable=True),
        sa.Column("stood_s", sa.BigInteger(), nullable=True),
        sa.Column("is_long", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("visit_id", "ordinal", name=op.f("pk_stand_figures")),
    )
    with op.batch_alter_table("stand_figures", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stand_figures_day", ["kind", "day", "place_id", "hour", "stood_s"], unique=False
        )
        batch_op.create_index(
            "ix_stand_figures_from_slot",
            ["kind", "from_slot", "place_id", "until_slot"],
            unique=False,
        )
        batch_op.create_index(
            "ix_stand_figures_long",
            ["kind", "from_slot"],
            unique=False,
            sqlite_where=sa.text("is_long"),
            postgresql_where=sa.text("is_long"),
        )
        batch_op.create_index(
            "ix_stand_figures_until_slot", ["kind", "until_slot", "place_id"], unique=False
        )
    op.create_table(
        "visit_figures",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("booth_id", sa.String(), nullable=False),
        sa.Column("lot_id", sa.String(), nullable=True),
        sa.Column("out_day", sa.BigInteger(), nullable=True),
        sa.Column("out_hour", sa.BigInteger(), nullable=True),
        sa.Column("out_place_id", sa.String(), nullable=True),
        sa.Column("stay_s", sa.BigInteger(), nullable=True),
        sa.Column("take_s", sa.BigInteger(), nullable=True),
        sa.Column("park_s", sa.BigInteger(), nullable=True),
        sa.Column("stars", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_visit_figures")),
    )
    with op.batch_alter_table("visit_figures", schema=None) as batch_op:
        batch_op.create_index(
            "ix_visit_figures_day", ["day", "booth_id", "lot_id", "hour", "stay_s"], unique=False
        )
        batch_op.create_index(
            "ix_visit_figures_out_day",
            ["out_day", "out_place_id", "lot_id", "out_hour"],
            unique=False,
        )


def _of_requests() -> None:
    op.create_table(
        "figure_states",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("upto_version", sa.BigInteger(), nullable=False),
        sa.Column("upto_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("day_starts_hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_figure_states")),
    )
    op.create_table(
        "request_figures",
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("booth_id", sa.String(), nullable=False),
        sa.Column("lot_id", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("is_booked", sa.Boolean(), nullable=False),
        sa.Column("wait_s", sa.BigInteger(), nullable=True),
        sa.Column("assigned_s", sa.BigInteger(), nullable=True),
        sa.Column("fetched_s", sa.BigInteger(), nullable=True),
        sa.Column("driven_s", sa.BigInteger(), nullable=True),
        sa.Column("collected_s", sa.BigInteger(), nullable=True),
        sa.Column("promise_kind", sa.String(), nullable=True),
        sa.Column("is_kept", sa.Boolean(), nullable=True),
        sa.Column("is_early", sa.Boolean(), nullable=True),
        sa.Column("late_s", sa.BigInteger(), nullable=True),
        sa.Column("width_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_figures")),
    )
    with op.batch_alter_table("request_figures", schema=None) as batch_op:
        batch_op.create_index("ix_request_figures_day", ["day", "booth_id"], unique=False)
        batch_op.create_index("ix_request_figures_visit_id", ["visit_id"], unique=False)


def _of_work() -> None:
    op.create_table(
        "drive_figures",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_place_id", sa.String(), nullable=False),
        sa.Column("to_place_id", sa.String(), nullable=False),
        sa.Column("runner_id", sa.String(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drive_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("visit_id", "ordinal", name=op.f("pk_drive_figures")),
    )
    with op.batch_alter_table("drive_figures", schema=None) as batch_op:
        batch_op.create_index("ix_drive_figures_day", ["day"], unique=False)
        batch_op.create_index("ix_drive_figures_runner_id", ["runner_id", "day"], unique=False)
    op.create_table(
        "shift_figures",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_shift_figures")),
    )
    with op.batch_alter_table("shift_figures", schema=None) as batch_op:
        batch_op.create_index("ix_shift_figures_person_id", ["person_id", "day"], unique=False)
    op.create_table(
        "work_figures",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("on_s", sa.BigInteger(), nullable=False),
        sa.Column("drive_s", sa.BigInteger(), nullable=False),
        sa.Column("empty_s", sa.BigInteger(), nullable=False),
        sa.Column("idle_s", sa.BigInteger(), nullable=False),
        sa.Column("drives", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "day", name=op.f("pk_work_figures")),
    )
    with op.batch_alter_table("work_figures", schema=None) as batch_op:
        batch_op.create_index("ix_work_figures_day", ["day"], unique=False)


def _of_places() -> None:
    op.create_table(
        "key_check_figures",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("told_by", sa.String(), nullable=True),
        sa.Column("found", sa.BigInteger(), nullable=True),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("extra", sa.BigInteger(), nullable=True),
        sa.Column("misplaced", sa.BigInteger(), nullable=True),
        sa.Column("carried", sa.BigInteger(), nullable=True),
        sa.Column("tags_counted", sa.BigInteger(), nullable=True),
        sa.Column("tags_expected", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_key_check_figures")),
    )
    with op.batch_alter_table("key_check_figures", schema=None) as batch_op:
        batch_op.create_index("ix_key_check_figures_day", ["day"], unique=False)
    op.create_table(
        "station_figures",
        sa.Column("journal_id", sa.String(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.String(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("unset_clocks", sa.BigInteger(), nullable=False),
        sa.Column("unknown_times", sa.BigInteger(), nullable=False),
        sa.Column("late_events", sa.BigInteger(), nullable=False),
        sa.Column("lag_sum_s", sa.BigInteger(), nullable=False),
        sa.Column("lag_max_s", sa.BigInteger(), nullable=False),
        sa.Column("span_s", sa.BigInteger(), nullable=False),
        sa.Column("cut_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("journal_id", "day", name=op.f("pk_station_figures")),
    )
    with op.batch_alter_table("station_figures", schema=None) as batch_op:
        batch_op.create_index("ix_station_figures_day", ["day"], unique=False)
