"""Database migrations, run by the application itself."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from rates.errors import DatabaseUnavailable

# Inside the package, so that an installed wheel has them too.
SCRIPTS = Path(__file__).resolve().parent / "alembic"


def _config(url: str) -> Config:
    config = Config(attributes={"database_url": url})
    config.set_main_option("script_location", str(SCRIPTS))
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` to `revision`.

    Raises:
        DatabaseUnavailable: the database cannot be reached, or a migration failed.
        InvalidSetting: not a database URL of a supported kind.
    """
    # alembic's commands are synchronous and run their own event loop.
    await asyncio.to_thread(_run, command.upgrade, url, revision)


async def check_models(url: str) -> None:
    """Check that models and migrations agree.

    Raises:
        DatabaseUnavailable: they differ (the message says how), or the database cannot be reached.
    """
    await asyncio.to_thread(_run, command.check, url)


# alembic keeps its context in module globals, so a process can run only one command at a time.
_one_at_a_time = threading.Lock()


def _run(run: Callable[..., None], url: str, *arguments: str) -> None:
    try:
        with _one_at_a_time:
            run(_config(url), *arguments)
    except (CommandError, SQLAlchemyError, OSError, TimeoutError) as exc:
        raise DatabaseUnavailable(f"migrations: {type(exc).__name__}: {exc}") from exc
