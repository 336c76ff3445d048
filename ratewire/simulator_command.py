"""`ratewire simulator`: run a simulator, or inject faults into a running one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rates.errors import InvalidSetting

if TYPE_CHECKING:
    import asyncio

    from rich.console import Console
    from rich.table import Table

app = typer.Typer(name="simulator", invoke_without_command=True)


class Times(StrEnum):
    """The event times that a replay uses."""

    SHIFTED = "shifted"
    ORIGINAL = "original"


UrlOption = Annotated[
    str,
    typer.Option(
        envvar="RATEWIRE_SIMULATOR_URL",
        help="Address of the running simulator (`make run` logs its own as `simulator.listens`, field `status`).",
    ),
]
DEFAULT_URL = "http://127.0.0.1:9101"


@app.callback()
def simulator(
    context: typer.Context,
    replay: Annotated[list[Path] | None, typer.Option(help="Replay this recording; may be repeated.")] = None,
    speed: Annotated[float | None, typer.Option(help="Replay this many times as fast as recorded.")] = None,
    times: Annotated[
        Times | None,
        typer.Option(help="Event times shifted so that the recording begins now, or as recorded."),
    ] = None,
) -> None:
    """Serve the exchanges' own protocols on loopback, with simulated or replayed prices."""
    if context.invoked_subcommand is not None:
        return
    from runtime.process import run_process
    from runtime.settings import load_settings
    from simulator.app import run
    from simulator.settings import SimulatorSettings

    given = {"replay": replay, "speed": speed, "times": times and times.value}
    chosen = {name: value for name, value in given.items() if value}

    async def serve(stop: "asyncio.Event") -> None:
        await run(load_settings(SimulatorSettings, **chosen), stop)

    run_process(serve)


@app.command()
def fault(  # noqa: PLR0917 - typer takes them by name
    source: Annotated[str, typer.Argument(help="binance, coingecko, coinbase, kraken, okx or bybit.")],
    name: Annotated[str, typer.Argument(metavar="FAULT", help="`ratewire simulator faults` lists them.")],
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="Only this symbol, as the source spells it or as BASE/QUOTE; may be repeated."),
    ] = None,
    lasts: Annotated[
        float | None, typer.Option("--for", help="Seconds until it ends by itself.", min=0.001)
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="End it after it has affected this many requests or messages.", min=1)
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter, e.g. `code=1001`; may be repeated.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Inject a fault into a running simulator."""
    import asyncio

    from simulator.faults.client import FaultClient

    with _short_errors() as console:
        injecting = FaultClient(url).inject(
            source,
            name,
            symbols=symbol or (),
            duration_s=lasts,
            count=count,
            parameters=dict(_parameter(text) for text in option or ()),
        )
        injected = asyncio.run(injecting)
        console.print(f"{injected['fault']} at {injected['source']} is on: number {injected['id']}")


@app.command()
def faults(url: UrlOption = DEFAULT_URL) -> None:
    """List the active faults, and all kinds of fault."""
    import asyncio

    from simulator.faults.client import FaultClient

    with _short_errors() as console:
        found = asyncio.run(FaultClient(url).faults())
        console.print(_active(found["faults"]) if found["faults"] else "No fault is on.")
        console.print(_kinds(found["kinds"]))


def _active(faults: Sequence[Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table(
        "id", "source", "fault", "symbols", "since", "ends in", "felt", title="On now", title_justify="left"
    )
    for each in faults:
        ends = "when healed" if each["ends_in_s"] is None else f"{each['ends_in_s']:.0f} s"
        symbols = " ".join(each["symbols"]) or "all"
        table.add_row(
            str(each["id"]),
            each["source"],
            each["fault"],
            symbols,
            f"{each['since_s']:.0f} s",
            ends,
            str(each["hits"]),
        )
    return table


def _kinds(kinds: Sequence[Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("fault", "what happens", "sources", "--set", title="What there is", title_justify="left")
    for kind in kinds:
        parameters = "\n".join(f"{name}={one['default']}" for name, one in kind["parameters"].items())
        everywhere = len(kind["sources"]) == 6
        table.add_row(
            kind["fault"], kind["what"], "all" if everywhere else " ".join(kind["sources"]), parameters
        )
    return table


@app.command()
def heal(
    what: Annotated[
        str | None, typer.Argument(metavar="[SOURCE|ID]", help="A source or a number; default: all faults.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """End faults."""
    import asyncio

    from simulator.faults.client import FaultClient

    with _short_errors() as console:
        number = int(what) if what is not None and what.isdecimal() else None
        source = what if number is None else None
        healed = asyncio.run(FaultClient(url).heal(source=source, fault_id=number))
        for each in healed:
            console.print(f"{each['fault']} at {each['source']} is off (felt {each['hits']} times)")
        if not healed:
            console.print("No fault was on.")


@contextmanager
def _short_errors() -> "Iterator[Console]":
    """Print an `InvalidSetting` as one line, without a traceback, and exit with 1."""
    from rich.console import Console

    console = Console()
    try:
        yield console
    except InvalidSetting as error:
        console.print(str(error), style="red", soft_wrap=True, markup=False)
        raise typer.Exit(1) from error


def _parameter(text: str) -> tuple[str, str | float]:
    name, found, value = text.partition("=")
    if not found:
        raise InvalidSetting("--set", text, "expected NAME=VALUE")
    try:
        return name, float(value)
    except ValueError:
        return name, value
