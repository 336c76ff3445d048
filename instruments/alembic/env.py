"""Run the migrations on Postgres or SQLite, with the same async drivers as the services."""

import asyncio

from alembic import context
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from access import models as access_models
from history import models as history_models
from history.partitions import is_partition
from instruments.models import Model
from instruments.store import open_database

# Any number that is the same in every process: the lock serialises concurrent migrations of one Postgres.
ADVISORY_LOCK = 5_261_748
# All tables of one database, of both packages.
METADATA = Model.metadata
assert history_models.SeriesRow.metadata is METADATA
assert access_models.ApiKeyRow.metadata is METADATA


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether a table is one of the models. Partitions come and go with time."""
    return kind != "table" or name is None or not is_partition(name)


def migrate(connection: Connection) -> None:
    """Apply the missing migrations in one transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        include_name=_is_ours,
        # SQLite cannot alter most properties of a table in place.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        compare_server_default=True,
    )
    context.run_migrations()


def _include_ddl_in_transactions(engine: Engine) -> None:
    """Keep Python's sqlite3 from committing before each CREATE TABLE.

    A migration that fails leaves nothing behind.
    """

    @event.listens_for(engine, "connect")
    def _leave_transactions_to_us(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def run() -> None:
    engine = open_database(context.config.attributes["database_url"])
    if engine.dialect.name == "sqlite":
        _include_ddl_in_transactions(engine.sync_engine)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(run())
