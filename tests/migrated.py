"""New databases with all migrations, for tests of other things than migrations."""

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg

from instruments.migrations import migrate

SQLITE = "sqlite+aiosqlite:///"
POSTGRES = "postgresql+asyncpg://"
# Of which the databases of a Postgres are copied.
TEMPLATE = "ratewire_migrated"
WITHIN_S = 60
# To migrate a database takes 0.16 s of processor time; hundreds of tests want one.
_migrated: list[bytes] = []


async def migrate_new(url: str) -> None:
    """Migrate a new database, which nobody uses yet.

    It becomes a copy of the first that this process has migrated, or that was migrated on its Postgres.
    """
    path = _new_file(url)
    # The database that a server begins with may be in use.
    if url.startswith(POSTGRES) and not url.endswith("/postgres"):
        await _copy_template(url)
    elif path is None:
        await migrate(url)
    elif _migrated:
        _write(path)
    else:
        await migrate(url)
        _keep(path)


async def _copy_template(url: str) -> None:
    server, _, name = url.rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres".replace("+asyncpg", ""), timeout=WITHIN_S)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
            await connection.execute(f"CREATE DATABASE {TEMPLATE}")
            await migrate(f"{server}/{TEMPLATE}")
        await connection.execute(f"DROP DATABASE {name}", timeout=WITHIN_S)
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}", timeout=WITHIN_S)
    finally:
        await connection.close()


def _new_file(url: str) -> Path | None:
    """Return the path of a database of SQLite that does not exist yet."""
    path = Path(url.removeprefix(SQLITE))
    return path if url.startswith(SQLITE) and not path.exists() else None


def _write(path: Path) -> None:
    path.write_bytes(_migrated[0])


def _keep(path: Path) -> None:
    """Keep a database as SQLite reads it.

    A part of the file may still stand in its write-ahead log.
    """
    with closing(sqlite3.connect(path)) as connection:
        _migrated.append(connection.serialize())
