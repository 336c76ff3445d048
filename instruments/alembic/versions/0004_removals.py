"""Create the table of removed instruments: those missing without a row there are lost."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("base", sa.String(20), nullable=False),
        sa.Column("quote", sa.String(20), nullable=False),
        sa.Column("source_symbol", sa.String(100), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("source", "base", "quote", "source_symbol", name=op.f("pk_removals")),
    )


def downgrade() -> None:
    op.drop_table("removals")
