"""Add the origin of minutes, hours and days.

Those that are stored were made of trades.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("bar_minutes", "bar_hours", "bar_days")


def upgrade() -> None:
    for table in _TABLES:
        # With a constant default, neither database writes the rows again.
        op.add_column(table, sa.Column("origin", sa.String(8), server_default="TRADES", nullable=False))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "origin")
