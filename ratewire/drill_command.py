"""`ratewire drill`: faults of the embedded system and of the distributed form, and a soak."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rates.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, TypeVar

    T = TypeVar("T")

WIDE = 180  # columns of the reports, on a terminal and in a file alike
LONGEST_H = 1_000

app = typer.Typer(name="drill", invoke_without_command=True)


@app.callback()
def drill(
    context: typer.Context,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be repeated.")] = None,
    fault: Annotated[list[str] | None, typer.Option(help="Only this fault; may be repeated.")] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Each kind of fault at one source, in turn.")
    ] = False,
    *,
    minutes: Annotated[
        bool, typer.Option("--minutes", help="Also compare the minutes of the history with what was made.")
    ] = False,
    fill_minutes: Annotated[
        float,
        typer.Option(
            help="The same, once they had so long to be filled from the sources' own candles.", min=0, max=60
        ),
    ] = 0.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here as well.")] = None,
) -> None:
    """Inject every fault into every simulated source, and check how the whole system reacts."""
    if context.invoked_subcommand is not None:
        return
    import asyncio
    import json

    from rich.console import Console

    from drill.app import run_drill
    from drill.process_faults import DrillLoop

    wide = Console(width=WIDE)
    try:
        with asyncio.Runner(loop_factory=DrillLoop) as runner:
            report = runner.run(
                run_drill(
                    only=source or (),
                    faults=fault or (),
                    brief=brief,
                    fill_s=60 * fill_minutes if minutes or fill_minutes else None,
                    console=wide,
                )
            )
    except InvalidSetting as error:
        raise typer.BadParameter(str(error)) from error
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2), encoding="utf-8")
    if report.misses():
        raise typer.Exit(1)


@app.command()
def distributed(
    fault: Annotated[list[str] | None, typer.Option(help="Only this fault; may be repeated.")] = None,
    write: Annotated[Path | None, typer.Option(help="Write the table into this page.")] = None,
    libraries: Annotated[
        bool,
        typer.Option("--libraries", help="Also watch by real client libraries; needs Node and Chromium."),
    ] = False,
) -> None:
    """Kill, freeze, cut off, fill, skew and restart the distributed form, from a checkout."""
    from rich.console import Console

    from drill.distributed.app import run_chaos, select

    try:
        faults = select(fault or ())
    except InvalidSetting as error:
        raise typer.BadParameter(str(error)) from error
    report = _run(run_chaos(faults, Console(width=WIDE), libraries=libraries))
    if write is not None:
        report.write(write)
    if report.misses():
        raise typer.Exit(1)


@app.command()
def soak(
    hours: Annotated[float, typer.Option(help="How long, after the warm-up.", min=0.01, max=LONGEST_H)] = 1.0,
) -> None:
    """Run the distributed form under steady load, and fit the growth of each process."""
    from rich.console import Console

    from drill.distributed.soak import run_soak

    if _run(run_soak(hours, Console(width=WIDE))).failures():
        raise typer.Exit(1)


@app.command()
def history(
    postgres_away_s: Annotated[
        float, typer.Option(help="Seconds for which Postgres is away.", min=1, max=3_000)
    ] = 20.0,
) -> None:
    """Kill recorder, Postgres, Redis and feed under load: lost trades must lie in recorded gaps."""
    from rich.console import Console

    from drill.distributed.history_chaos import list_faults, run_history_chaos

    report = _run(run_history_chaos(list_faults(postgres_away_s), Console(width=WIDE)))
    if report.misses:
        raise typer.Exit(1)


def _run(work: "Coroutine[Any, Any, T]") -> "T":
    import asyncio
    import logging

    import structlog

    from drill.distributed.server_process import NotStarted

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return asyncio.run(work)
    except NotStarted as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
