"""Add the records of the sources: periods of their states, and figures."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_periods",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "simulated", "started_at", name=op.f("pk_source_periods")),
    )
    op.create_table(
        "source_figures",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("interval", sa.String(4), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_ms", sa.Integer(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("lags", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "source", "simulated", "interval", "open_time", name=op.f("pk_source_figures")
        ),
    )


def downgrade() -> None:
    for table in ("source_figures", "source_periods"):
        op.drop_table(table)
