"""Brings a database up to date with the models, from within a running program."""

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
    """Apply every migration up to `revision` that the database at `url` lacks.

    Raises:
        DatabaseUnavailable: out of reach, or a migration failed.
        InvalidSetting: not a database URL of a supported kind.
    """
    # alembic's commands are synchronous and start an event loop of their own.
    await asyncio.to_thread(_run, command.upgrade, url, revision)


async def check_models(url: str) -> None:
    """Prove that models and migrations agree.

    Raises:
        DatabaseUnavailable: they differ (the message says how), or the database is out of reach.
    """
    await asyncio.to_thread(_run, command.check, url)


# alembic keeps what it works on in globals of its module: one at a time in a process.
_one_at_a_time = threading.Lock()


def _run(run: Callable[..., None], url: str, *arguments: str) -> None:
    try:
        with _one_at_a_time:
            run(_config(url), *arguments)
    except (CommandError, SQLAlchemyError, OSError, TimeoutError) as exc:
        raise DatabaseUnavailable(f"migrations: {type(exc).__name__}: {exc}") from exc
