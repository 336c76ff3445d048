"""Add the history.

Seconds and minutes with their revisions, covered spans, and the place of each recording.
"""

import sqlalchemy as sa
from alembic import op

from history.models import ExactDecimal

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("base", sa.String(20), nullable=False),
        sa.Column("quote", sa.String(20), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "source", "base", "quote", "simulated", name=op.f("uq_series_source_base_quote_simulated")
        ),
    )
    _create_bars("bar_seconds")
    _create_bars("bar_minutes", sa.Column("coverage", sa.String(10), nullable=False))
    op.create_table(
        "covered_spans",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(20), nullable=True),
        sa.PrimaryKeyConstraint("series_id", "started_at", name=op.f("pk_covered_spans")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_covered_spans_series_id_series")),
    )
    op.create_table(
        "recordings",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("entry", sa.String(40), nullable=False),
        sa.Column("session", sa.String(60), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("through", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minutes_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "simulated", name=op.f("pk_recordings")),
    )


def _create_bars(table: str, *more: sa.Column[str]) -> None:
    """Create a table of bars, partitioned by time on Postgres.

    The recorder creates the partitions.
    """
    op.create_table(
        table,
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
        *more,
        sa.PrimaryKeyConstraint("series_id", "open_time", "revision", name=op.f(f"pk_{table}")),
        postgresql_partition_by="RANGE (open_time)",
    )
    op.create_index(op.f(f"ix_{table}_open_time"), table, ["open_time"], postgresql_using="brin")


def downgrade() -> None:
    for table in ("recordings", "covered_spans", "bar_minutes", "bar_seconds", "series"):
        op.drop_table(table)
