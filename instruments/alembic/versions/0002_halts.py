"""Add the halts of instruments and the time of the last accepted listing of each source."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("instruments") as instruments:
        instruments.add_column(sa.Column("halted_word", sa.String(60), nullable=True))
        instruments.add_column(sa.Column("halted_since", sa.DateTime(timezone=True), nullable=True))
        instruments.add_column(sa.Column("halted_simulated", sa.Boolean(), nullable=True))
    op.create_table(
        "listings",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "simulated", name=op.f("pk_listings")),
    )


def downgrade() -> None:
    op.drop_table("listings")
    with op.batch_alter_table("instruments") as instruments:
        instruments.drop_column("halted_simulated")
        instruments.drop_column("halted_since")
        instruments.drop_column("halted_word")
