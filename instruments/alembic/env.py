"""Run the migrations on Postgres or SQLite, with the same async drivers as the services."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from instruments.models import Model
from instruments.store import open_database

# Any number that is the same in every process: the lock serialises concurrent migrations of one Postgres.
ADVISORY_LOCK = 5_261_748


def migrate(connection: Connection) -> None:
    """Apply the missing migrations in one transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        # SQLite cannot alter most properties of a table in place.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        compare_server_default=True,
    )
    context.run_migrations()


async def run() -> None:
    engine = open_database(context.config.attributes["database_url"])
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(run())
