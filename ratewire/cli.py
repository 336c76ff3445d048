"""Sub-commands and their arguments; the packages implement them.

Each command imports its packages when it runs, so that `--help`, `query` and `watch` start without SQLAlchemy, Pydantic and the
pipeline.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rates.source import Source
from ratewire import (
    drill_command,
    history_command,
    instruments_command,
    keys_command,
    simulator_command,
)
from ratewire.client.query_command import query
from ratewire.client.watch_command import watch

if TYPE_CHECKING:
    import asyncio

    from runtime.process import StopEvent

app = typer.Typer(
    name="ratewire",
    help="Live crypto rates over GraphQL. Settings come from the environment: see `ratewire show-env`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(instruments_command.app)
app.add_typer(history_command.app)
app.add_typer(keys_command.app)
app.add_typer(simulator_command.app)
app.add_typer(drill_command.app)

WORKER_COMMAND = (sys.executable, "-m", "ratewire", "gateway", "--worker")

SourceArgument = Annotated[Source, typer.Argument(help="Where to fetch from.", case_sensitive=False)]


@app.command()
def up(
    live: Annotated[
        bool, typer.Option("--live", help="Use the real exchanges instead of the simulator.")
    ] = False,
    replay: Annotated[list[Path] | None, typer.Option(help="Replay this recording; may be repeated.")] = None,
    speed: Annotated[
        float, typer.Option(help="Replay this many times as fast as recorded.", min=0.01, max=1e12)
    ] = 1.0,
) -> None:
    """Run the whole system in this one process: no Redis, RabbitMQ or Postgres needed."""
    from runtime.process import run_process
    from standalone.app import run_standalone

    run_process(partial(run_standalone, live=live, replay=replay or [], speed=speed))


@app.command()
def gateway(
    workers: Annotated[
        int | None,
        typer.Option(help="Processes on one port; RATEWIRE_GATEWAY_WORKERS, or 1.", min=1, max=256),
    ] = None,
    federation: Annotated[
        bool,
        typer.Option(
            "--federation", help="Serve a subgraph of Apollo Federation; RATEWIRE_GATEWAY_FEDERATION."
        ),
    ] = False,
    worker: Annotated[bool, typer.Option("--worker", hidden=True)] = False,
) -> None:
    """Serve GraphQL from the cache in Redis."""
    if federation:
        # Workers read it, too.
        os.environ["RATEWIRE_GATEWAY_FEDERATION"] = "true"
    from gateway.server import run_gateway
    from gateway.settings import GatewaySettings
    from gateway.workers import run_worker, run_workers
    from runtime.process import run_process
    from runtime.settings import load_settings

    async def serve(stop: "StopEvent") -> None:
        count = workers or load_settings(GatewaySettings).workers
        await (run_workers(count, stop, WORKER_COMMAND) if count > 1 else run_gateway(stop))

    run_process(run_worker if worker else serve)


@app.command()
def producer() -> None:
    """Enqueue fetch tasks for all tracked instruments every few seconds."""
    from pipeline.app import run_producer
    from runtime.process import run_process

    run_process(run_producer)


@app.command()
def consumer(source: SourceArgument) -> None:
    """Execute the fetch tasks of one source; start as many as needed."""
    from pipeline.app import run_consumer
    from runtime.process import run_process

    run_process(partial(run_consumer, source))


@app.command()
def stream(source: SourceArgument) -> None:
    """Follow one source's push feed; redundant copies are safe."""
    from pipeline.app import run_stream
    from runtime.process import run_process

    run_process(partial(run_stream, source))


@app.command()
def recorder() -> None:
    """Store the history: the bars of all push feeds; redundant copies are safe."""
    from pipeline.app import run_recorder
    from runtime.process import run_process

    run_process(run_recorder)


@app.command()
def listings() -> None:
    """Keep the tracked instruments in line with their sources' listings."""
    from pipeline.app import run_listings
    from runtime.process import run_process

    run_process(run_listings)


app.command()(query)
app.command()(watch)


@app.command()
def migrate() -> None:
    """Upgrade the database schema."""
    from instruments.migrations import migrate as migrate_database
    from runtime.process import run_process
    from runtime.settings import DatabaseSettings, ProcessSettings, load_settings
    from runtime.startup import wait_for_backend

    async def run(stop: "asyncio.Event") -> None:
        url = load_settings(DatabaseSettings).database_url
        await wait_for_backend(
            lambda: migrate_database(url),
            timeout_s=load_settings(ProcessSettings).startup_timeout_s,
            stop=stop,
        )

    run_process(run)


@app.command()
def show_env() -> None:
    """Print every setting as an env file: its variable, default and effect."""
    from ratewire.env_file import format_env_file

    typer.echo(format_env_file(), nl=False)


def main() -> None:
    """Entry point of the command."""
    app()
