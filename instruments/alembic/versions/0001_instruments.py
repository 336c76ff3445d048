"""Create the table of tracked instruments and insert the seed of a new installation."""

import sqlalchemy as sa
from alembic import op

from instruments.seed import read_seed
from instruments.store import row

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    instruments = op.create_table(
        "instruments",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("base", sa.String(20), nullable=False),
        sa.Column("quote", sa.String(20), nullable=False),
        sa.Column("source_symbol", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("source", "base", "quote", name=op.f("pk_instruments")),
    )
    op.bulk_insert(instruments, [row(instrument) for instrument in read_seed()])


def downgrade() -> None:
    op.drop_table("instruments")
