"""Database migrations, run by the application itself."""

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from asyncpg import PostgresError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from rates.errors import DatabaseUnavailable, MigrationFailed

# Inside the package, so that an installed wheel has them too.
SCRIPTS = Path(__file__).resolve().parent / "alembic"

# Connection lost, transaction rolled back, out of resources, starting up or shutting down, lock not available
# [PostgreSQL, appendix A].
_TEMPORARY_SQLSTATES = ("08", "40", "53", "57P", "55P03")
_UNKNOWN_REVISION = re.compile(r"locate revision identified by '(?P<revision>[^']*)'")


def _config(url: str) -> Config:
    config = Config(attributes={"database_url": url})
    config.set_main_option("script_location", str(SCRIPTS))
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` to `revision`.

    Raises:
        DatabaseUnavailable: the database cannot be reached now.
        MigrationFailed: it needs an operator: an unknown revision, tables of another program, a refused login.
        InvalidSetting: not a database URL of a supported kind.
    """
    # alembic's commands are synchronous and run their own event loop.
    await asyncio.to_thread(_run, command.upgrade, url, revision)


async def check_models(url: str) -> None:
    """Check that models and migrations agree.

    Raises:
        MigrationFailed: they differ; the message says how.
        DatabaseUnavailable: the database cannot be reached.
    """
    await asyncio.to_thread(_run, command.check, url)


# alembic keeps its context in module globals, so a process can run only one command at a time.
_one_at_a_time = threading.Lock()


def _run(run: Callable[..., None], url: str, *arguments: str) -> None:
    try:
        with _one_at_a_time:
            run(_config(url), *arguments)
    except (CommandError, SQLAlchemyError, PostgresError, OSError, TimeoutError) as exc:
        raise _to_error(exc) from exc


def _to_error(exc: Exception) -> DatabaseUnavailable | MigrationFailed:
    said = str(getattr(exc, "orig", None) or exc)
    # The driver's class and a second line with the statement say nothing to an operator.
    said = said.rpartition(">: ")[2].partition("\n")[0]
    if unknown := _UNKNOWN_REVISION.search(said):
        return MigrationFailed(
            f"the database is of revision {unknown['revision']!r}, which this version of Ratewire does not know: a newer version "
            "has migrated it, or it belongs to another program; expected a database of this version or an older one"
        )
    if _is_temporary(exc):
        return DatabaseUnavailable(f"migrations: {said}")
    return MigrationFailed(f"the database cannot be migrated: {said}")


def _is_temporary(exc: Exception) -> bool:
    """Whether another attempt may succeed without anybody's doing."""
    if isinstance(exc, CommandError):
        return False
    if isinstance(exc, (OSError, TimeoutError)):
        return not isinstance(exc, PermissionError)
    origin = getattr(exc, "orig", None) or exc
    sqlstate = getattr(origin, "sqlstate", None)
    if sqlstate:
        return str(sqlstate).startswith(_TEMPORARY_SQLSTATES)
    if isinstance(origin, sqlite3.Error):
        return "locked" in str(origin)
    # A connection that ended has no state.
    return isinstance(exc, (InterfaceError, OperationalError))
