"""How many spaces a booth sets aside for cars that are brought before anybody asks for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    with op.batch_alter_table("places", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("staging_spaces", sa.BigInteger(), server_default="0", nullable=False)
        )
