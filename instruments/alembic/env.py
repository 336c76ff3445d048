"""Runs the migrations on Postgres or SQLite, over the same async drivers as the services."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from instruments.models import Model
from instruments.store import open_database

# Any number, the same for every process: it keeps two migrations of one Postgres apart.
ADVISORY_LOCK = 5_261_748


def migrate(connection: Connection) -> None:
    """Apply what is missing, in one transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        # SQLite cannot alter most things in place.
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
