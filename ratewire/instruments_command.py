"""`ratewire instruments`: which instruments are tracked from which source."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from instruments.instrument import Instrument
from instruments.store import InstrumentStore
from rates.errors import UnknownSymbol
from rates.source import Source
from rates.symbol import parse_symbol
from runtime.process import run_process
from runtime.settings import DatabaseSettings, load_settings

app = typer.Typer(name="instruments", help="List, add and remove tracked instruments.", no_args_is_help=True)

SourceArgument = Annotated[Source, typer.Argument(case_sensitive=False, help="The source that publishes it.")]
SymbolArgument = Annotated[str, typer.Argument(help="BASE/QUOTE, such as BTC/USDT.")]


@app.command("list")
def list_instruments(
    source: Annotated[Source | None, typer.Option(case_sensitive=False, help="Only of this source.")] = None,
) -> None:
    """Print the tracked instruments."""

    async def run(store: InstrumentStore) -> None:
        instruments = await store.read(source)
        table = Table("source", "symbol", "source symbol", "name", box=None)
        for instrument in instruments:
            table.add_row(
                instrument.source, str(instrument.symbol), instrument.source_symbol, instrument.name
            )
        Console().print(table)
        typer.echo(f"{len(instruments)} tracked")

    _with_store(run)


@app.command()
def add(
    source: SourceArgument,
    symbol: SymbolArgument,
    source_symbol: Annotated[str, typer.Argument(help="The source's own spelling: BTCUSDT, bitcoin.")],
    name: Annotated[str, typer.Option(help="The base asset's name, for people; default: its symbol.")] = "",
) -> None:
    """Track an instrument; the producer picks it up at its next tick."""

    async def run(store: InstrumentStore) -> None:
        parsed = parse_symbol(symbol)
        is_new = await store.add([Instrument(source, parsed, source_symbol, name or parsed.base)])
        typer.echo(f"{'added' if is_new else 'updated'} {symbol} from {source}")

    _with_store(run)


@app.command()
def remove(source: SourceArgument, symbol: SymbolArgument) -> None:
    """Stop tracking an instrument."""

    async def run(store: InstrumentStore) -> None:
        if not await store.remove(source, parse_symbol(symbol)):
            raise UnknownSymbol(f"{symbol} from {source}")
        typer.echo(f"removed {symbol} from {source}")

    _with_store(run)


def _with_store(run: Callable[[InstrumentStore], Awaitable[None]]) -> None:
    async def main(_stop: asyncio.Event) -> None:
        store = InstrumentStore(load_settings(DatabaseSettings).database_url)
        try:
            await run(store)
        finally:
            await store.close()

    run_process(main)
