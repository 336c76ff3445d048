"""`ratewire instruments`: list, find, add, remove and restore the tracked instruments."""

from typing import TYPE_CHECKING, Annotated

import typer

from rates.source import Source
from ratewire.database_command import with_store

if TYPE_CHECKING:
    from instruments.instrument import Halt, Instrument, Suspicion
    from instruments.listed import InstrumentListing
    from instruments.store import InstrumentStore

app = typer.Typer(
    name="instruments",
    help="List, find, add and remove tracked instruments.",
    no_args_is_help=True,
)

SourceArgument = Annotated[Source, typer.Argument(case_sensitive=False, help="The source that publishes it.")]
SymbolArgument = Annotated[str, typer.Argument(help="BASE/QUOTE, such as BTC/USDT.")]


@app.command("list")
def list_instruments(
    source: Annotated[Source | None, typer.Option(case_sensitive=False, help="Only of this source.")] = None,
) -> None:
    """Print the tracked instruments, with the status that each source gives them."""
    from rich.console import Console
    from rich.table import Table

    async def run(store: "InstrumentStore") -> None:
        instruments = await store.read(source)
        table = Table("source", "symbol", "source symbol", "name", "status", box=None)
        for instrument in instruments:
            table.add_row(
                instrument.source,
                str(instrument.symbol),
                instrument.source_symbol,
                instrument.name,
                _status(instrument.halt, instrument.suspicion),
            )
        Console().print(table)
        halted = sum(instrument.halt is not None for instrument in instruments)
        typer.echo(f"{len(instruments)} tracked, {halted} of them halted")

    with_store(run)


@app.command()
def discover(
    source: SourceArgument,
    quote: Annotated[
        str | None, typer.Option(help="Only instruments priced in this asset, e.g. USDT.")
    ] = None,
    search: Annotated[
        str, typer.Option(help="Only instruments with this text in their source symbol, base or name.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many.")] = 50,
) -> None:
    """Read a source's listing, and show the instruments that could be tracked."""
    from itertools import islice

    from rich.console import Console
    from rich.table import Table

    async def run(store: "InstrumentStore") -> None:
        from pipeline.listings.lookup import search as search_listing

        listed = (await _fetch_listing(source)).instruments
        found = list(search_listing(listed, text=search, quote=quote))
        tracked = {one.source_symbol for one in await store.read(source)}
        table = Table("source symbol", "base", "quote", "name", "status", "", box=None)
        for one in islice(found, limit):
            mark = "tracked" if one.source_symbol in tracked else ""
            table.add_row(one.source_symbol, one.base, one.quote or "any", one.name, one.word, mark)
        Console().print(table)
        more = f", the first {limit} of them shown" if len(found) > limit else ""
        typer.echo(f"{len(found)} of {len(listed)} that {source} lists{more}")

    with_store(run)


@app.command()
def add(
    source: SourceArgument,
    symbol: SymbolArgument,
    source_symbol: Annotated[
        str | None,
        typer.Argument(
            help="The source's own spelling (BTCUSDT, bitcoin); default: looked up in its listing."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The display name of the base asset; default: its symbol.")] = "",
) -> None:
    """Track an instrument; the producer picks it up at its next tick."""
    from instruments.instrument import Instrument
    from rates.symbol import parse_symbol

    async def run(store: "InstrumentStore") -> None:
        parsed = parse_symbol(symbol)
        if source_symbol is None:
            instrument = await _look_up(source, symbol, name)
        else:
            instrument = Instrument(source, parsed, source_symbol, name or parsed.base)
        is_new = await store.add([instrument])
        said = f", halted: {instrument.halt.word}" if instrument.halt else ""
        spelt = f" as {instrument.source_symbol}" if source_symbol is None else ""
        typer.echo(f"{'added' if is_new else 'updated'} {symbol} from {source}{spelt}{said}")

    with_store(run)


@app.command()
def remove(source: SourceArgument, symbol: SymbolArgument) -> None:
    """Stop tracking an instrument."""
    from rates.errors import UnknownSymbol
    from rates.symbol import parse_symbol

    async def run(store: "InstrumentStore") -> None:
        from ratewire.missing_instruments import accept_one

        parsed = parse_symbol(symbol)
        if not await store.remove(source, parsed) and not await accept_one(store, source, parsed):
            raise UnknownSymbol(f"{symbol} from {source}")
        typer.echo(f"removed {symbol} from {source}")

    with_store(run)


@app.command()
def restore() -> None:
    """Track again what is missing in the database, as the running system still knows it."""

    async def run(store: "InstrumentStore") -> None:
        from ratewire.missing_instruments import describe_count, restore_missing

        typer.echo(f"restored {describe_count(await restore_missing(store))}")

    with_store(run)


@app.command()
def accept() -> None:
    """Declare that what is missing in the database was removed on purpose."""

    async def run(store: "InstrumentStore") -> None:
        from ratewire.missing_instruments import accept_missing, describe_count

        typer.echo(f"given up {describe_count(await accept_missing(store))}")

    with_store(run)


@app.command()
def confirm(source: SourceArgument, symbol: SymbolArgument) -> None:
    """Confirm that a source means the same asset by a symbol as the others do."""
    from rates.symbol import parse_symbol

    async def run(store: "InstrumentStore") -> None:
        from instruments.identity.identity_records import IdentityRecords
        from rates.clock import utc_now

        await IdentityRecords(store).confirm(source, parse_symbol(symbol), now=utc_now())
        typer.echo(f"confirmed {symbol} from {source}: it is merged with equal symbols again")

    with_store(run)


@app.command()
def separate(
    source: SourceArgument,
    symbol: SymbolArgument,
    code: Annotated[
        str | None,
        typer.Argument(
            help="The asset's new code; default: the reviewed one, or the old one and the source's name."
        ),
    ] = None,
) -> None:
    """Give the asset that a source means by a symbol a code of its own."""
    from rates.symbol import parse_symbol

    async def run(store: "InstrumentStore") -> None:
        from instruments.identity.identity_records import IdentityRecords

        new = await IdentityRecords(store).separate(source, parse_symbol(symbol), code)
        typer.echo(f"{symbol} from {source} is {new} from now on")

    with_store(run)


@app.command()
def follow(
    source: SourceArgument,
    accept: Annotated[
        bool, typer.Option("--accept", help="Apply it even if it lacks many tracked instruments.")
    ] = False,
) -> None:
    """Read a source's listing and apply it to the tracked instruments now."""

    async def run(store: "InstrumentStore") -> None:
        from instruments.listings import ListingRecords
        from pipeline.listings.apply import apply_listing
        from rates.clock import utc_now

        listing = await _fetch_listing(source)
        changes = await apply_listing(
            source, listing, store, ListingRecords(store), now=utc_now(), accept=accept
        )
        for instrument, halt in changes.items():
            typer.echo(f"{instrument.symbol}: {_status(halt)}")
        typer.echo(f"{source} lists {listing.size}; {len(changes)} tracked instruments changed")

    with_store(run)


async def _fetch_listing(source: Source) -> "InstrumentListing":
    from pipeline.app import ask_listing

    return await ask_listing(source)


async def _look_up(source: Source, symbol: str, name: str) -> "Instrument":
    from instruments.identity.asset_table import reviewed_assets
    from instruments.instrument import Instrument
    from pipeline.listings.comparison import find_halt
    from pipeline.listings.lookup import find_listed
    from rates.clock import utc_now
    from rates.errors import AmbiguousSymbol, NotListed
    from rates.symbol import parse_symbol

    parsed = parse_symbol(symbol)
    try:
        one = find_listed(source, (await _fetch_listing(source)).instruments, parsed)
    except NotListed:
        candidates = reviewed_assets().candidates(parsed.base)
        if len(candidates) > 1:
            named = [f"{asset.code} ({asset.name}, id {asset.id})" for asset in candidates]
            raise AmbiguousSymbol(symbol, source, candidates=named) from None
        raise
    except AmbiguousSymbol:
        typer.echo(f"say which: ratewire instruments add {source} {symbol} SOURCE_SYMBOL", err=True)
        raise
    return Instrument(source, parsed, one.source_symbol, name or one.name, find_halt(one, utc_now()))


def _status(halt: "Halt | None", suspicion: "Suspicion | None" = None) -> str:
    if suspicion is not None and halt is None:
        return f"suspect: {suspicion.detail}"
    if halt is None:
        return "trading"
    return f"{halt.word} since {halt.since.isoformat(sep=' ', timespec='minutes')}"
