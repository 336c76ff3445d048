"""Add the state of each instrument's identity: suspected, or confirmed by an operator."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("instruments") as instruments:
        instruments.add_column(sa.Column("identity_state", sa.String(20), nullable=True))
        instruments.add_column(sa.Column("identity_since", sa.DateTime(timezone=True), nullable=True))
        instruments.add_column(sa.Column("identity_detail", sa.String(300), nullable=True))
        instruments.add_column(sa.Column("identity_simulated", sa.Boolean(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("instruments") as instruments:
        instruments.drop_column("identity_simulated")
        instruments.drop_column("identity_detail")
        instruments.drop_column("identity_since")
        instruments.drop_column("identity_state")
