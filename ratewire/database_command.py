"""The frame of commands that use the database."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import asyncio

    from instruments.store import InstrumentStore

# The exit code that shells give a program ended by Ctrl-C.
EXIT_INTERRUPTED = 130


def with_store(run: Callable[["InstrumentStore"], Awaitable[None]]) -> None:
    """Run a command on the database, until it returns or is interrupted."""
    from instruments.store import InstrumentStore
    from runtime.process import run_process
    from runtime.settings import CacheSettings, DatabaseSettings, load_settings
    from runtime.startup import StoppedEarly, unless_stopped

    async def main(stop: "asyncio.Event") -> None:
        simulated = load_settings(CacheSettings).simulated
        store = InstrumentStore(load_settings(DatabaseSettings).database_url, simulated=simulated)
        try:
            await unless_stopped(run(store), stop)
        except StoppedEarly as exc:
            # The caller must not take it for done.
            raise typer.Exit(EXIT_INTERRUPTED) from exc
        finally:
            await store.close()

    run_process(main)
