"""New databases with all migrations, for tests of other things than migrations."""

import sqlite3
from contextlib import closing
from pathlib import Path

from instruments.migrations import migrate

SQLITE = "sqlite+aiosqlite:///"
# To migrate a database takes 0.16 s of processor time; hundreds of tests want one.
_migrated: list[bytes] = []


async def migrate_new(url: str) -> None:
    """Migrate a new database.

    One of SQLite becomes a copy of the first that this process has migrated.
    """
    path = _new_file(url)
    if path is None:
        await migrate(url)
    elif _migrated:
        _write(path)
    else:
        await migrate(url)
        _keep(path)


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
