"""Add quarter hours of the history.

The recorder fills them from now on; those of stored minutes are folded when they are read.
"""

import sqlalchemy as sa
from alembic import op

from history.models import ExactDecimal

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLE = "bar_quarters"
# Each partition of minutes gets one of quarter hours, so that a recorder can store some at once.
_COPY_PARTITIONS = """
DO $$
DECLARE
    known record;
BEGIN
    FOR known IN
        SELECT relname, pg_get_expr(relpartbound, oid) AS bounds FROM pg_class
        WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'bar_minutes'::regclass)
    LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF bar_quarters %s',
            replace(known.relname, 'bar_minutes', 'bar_quarters'), known.bounds);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=True),
        sa.Column("first_us", sa.Integer(), nullable=True),
        sa.Column("last_us", sa.Integer(), nullable=True),
        sa.Column("first_id", sa.BigInteger(), nullable=True),
        sa.Column("last_id", sa.BigInteger(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, ExactDecimal(), nullable=True) for name in ("open", "high", "low", "close")),
        *(sa.Column(name, ExactDecimal(), nullable=True) for name in ("volume", "quote_volume")),
        sa.Column("coverage", sa.String(10), nullable=False),
        sa.Column("origin", sa.String(8), server_default="TRADES", nullable=False),
        sa.PrimaryKeyConstraint("series_id", "open_time", "revision", name=op.f(f"pk_{_TABLE}")),
        postgresql_partition_by="RANGE (open_time)",
    )
    op.create_index(op.f(f"ix_{_TABLE}_open_time"), _TABLE, ["open_time"], postgresql_using="brin")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_COPY_PARTITIONS)
    for name in ("quarters_since", "quarters_until"):
        op.add_column("recordings", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("quarters_until", "quarters_since"):
        op.drop_column("recordings", name)
    op.drop_table(_TABLE)
