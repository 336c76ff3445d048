"""Add the verdicts of the sources' klines on our minutes."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "minute_checks",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("ours", sa.Text(), nullable=True),
        sa.Column("theirs", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("series_id", "started_at", name=op.f("pk_minute_checks")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_minute_checks_series_id_series")),
    )


def downgrade() -> None:
    op.drop_table("minute_checks")
