"""Add hours and days of the history.

The recorder fills them from the minutes that are stored.
"""

import sqlalchemy as sa
from alembic import op

from history.models import ExactDecimal

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("bar_hours", "bar_days")


def upgrade() -> None:
    for table in _TABLES:
        _create_bars(table)
    op.add_column("recordings", sa.Column("hours_until", sa.DateTime(timezone=True), nullable=True))


def _create_bars(table: str) -> None:
    op.create_table(
        table,
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=True),
        sa.Column("first_us", sa.BigInteger(), nullable=True),
        sa.Column("last_us", sa.BigInteger(), nullable=True),
        sa.Column("first_id", sa.BigInteger(), nullable=True),
        sa.Column("last_id", sa.BigInteger(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, ExactDecimal(), nullable=True) for name in ("open", "high", "low", "close")),
        *(sa.Column(name, ExactDecimal(), nullable=True) for name in ("volume", "quote_volume")),
        sa.Column("coverage", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "open_time", "revision", name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    op.drop_column("recordings", "hours_until")
    for table in _TABLES:
        op.drop_table(table)
