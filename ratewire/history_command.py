"""`ratewire history`: compare the stored history with itself, and export it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rates.source import Source
from ratewire.database_command import with_store

if TYPE_CHECKING:
    from history.interval import Interval
    from instruments.store import InstrumentStore

SHOWN_DIFFERENCES = 20

app = typer.Typer(name="history", help="Verify and export the stored history.", no_args_is_help=True)


@app.command()
def verify(
    source: Annotated[Source | None, typer.Option(case_sensitive=False, help="Only of this source.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 7,
) -> None:
    """Compare stored candles with their parts; exit with 1 if any differs."""

    async def run(database: "InstrumentStore") -> None:
        from datetime import timedelta

        from history.interval import TimeSpan
        from history.store import HistoryStore
        from history.verify import Verification
        from rates.clock import utc_now

        store, now, differences = HistoryStore(database, simulated=database.simulated), utc_now(), 0
        for one in Source if source is None else (source,):
            verification = Verification(store, one)
            found = 0
            async for symbol, candle, problem in verification.run(TimeSpan(now - timedelta(days=days), now)):
                found += 1
                if found <= SHOWN_DIFFERENCES:
                    at = candle.open_time.isoformat()
                    typer.echo(f"{one} {symbol} {candle.interval.value} {at}: {problem}")
            typer.echo(
                f"{one}: {verification.compared} comparisons of {verification.instruments} instruments, {found} differences"
            )
            differences += found
        if differences:
            raise typer.Exit(1)

    with_store(run)


@app.command("verify-export")
def verify_export(
    file: Annotated[Path, typer.Argument(help="A file of `ratewire history export`, CSV or Parquet.")],
    source: Annotated[Source, typer.Argument(case_sensitive=False, help="The source of its candles.")],
    symbol: Annotated[str, typer.Argument(help="BASE/QUOTE, such as BTC/USDT.")],
    *,
    interval: Annotated[str, typer.Option(help="That of the export.")] = "M1",
    time_zone: Annotated[str, typer.Option(help="That of the export.")] = "UTC",
) -> None:
    """Compare an exported file with the stored candles; exit with 1 if any row differs."""

    async def run(database: "InstrumentStore") -> None:
        from history.candle_reader import CandleReader
        from history.time_zone import parse_zone
        from history.verify_export import ExportVerification
        from rates.clock import utc_now
        from rates.symbol import parse_symbol
        from rates.ticker import TickerKey

        verification = ExportVerification(
            CandleReader(database, simulated=database.simulated),
            TickerKey(source, parse_symbol(symbol)),
            _parse_interval(interval),
            zone=parse_zone(time_zone),
        )
        found = 0
        async for at, problem in verification.run(file, now=utc_now()):
            found += 1
            if found <= SHOWN_DIFFERENCES:
                typer.echo(f"{source} {symbol} {interval} {at.isoformat()}: {problem}")
        typer.echo(
            f"{file}: {verification.compared} rows compared, {verification.outdated} of them with a newer revision by now, "
            f"{found} differences"
        )
        if found or not verification.compared:
            raise typer.Exit(1)

    with_store(run)


@app.command()
def export(
    source: Annotated[Source, typer.Argument(case_sensitive=False, help="The source that published it.")],
    symbol: Annotated[str, typer.Argument(help="BASE/QUOTE, such as BTC/USDT.")],
    *,
    interval: Annotated[str, typer.Option(help="S1 M1 M5 M15 M30 H1 H4 H12 D1 W1 or MN1.")] = "M1",
    start: Annotated[
        datetime | None, typer.Option("--from", help="First time, in UTC; a day ago by default.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="End, in UTC; now by default.")] = None,
    time_zone: Annotated[str, typer.Option(help="Whose hours, days, weeks and months.")] = "UTC",
    output: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
    form: Annotated[
        str, typer.Option("--format", help="csv or parquet, which needs ratewire[parquet] and an output.")
    ] = "csv",
) -> None:
    """Write closed candles as CSV or Parquet: prices, and what is known of each."""

    async def run(database: "InstrumentStore") -> None:
        import sys
        from contextlib import nullcontext
        from datetime import UTC, timedelta

        from history.candle_reader import CandleReader
        from history.export import read_candles, write_csv
        from history.interval import TimeSpan
        from history.parquet_export import write_parquet
        from history.time_zone import parse_zone
        from rates.clock import utc_now
        from rates.errors import InvalidArgument
        from rates.symbol import parse_symbol
        from rates.ticker import TickerKey

        now = utc_now()
        if form not in {"csv", "parquet"} or (form == "parquet" and output is None):
            raise InvalidArgument("format", form, "csv, or parquet with an output")
        window = TimeSpan(
            now - timedelta(days=1) if start is None else start.replace(tzinfo=UTC),
            now if end is None else end.replace(tzinfo=UTC),
        )
        candles = read_candles(
            CandleReader(database, simulated=database.simulated),
            TickerKey(source, parse_symbol(symbol)),
            _parse_interval(interval),
            window,
            zone=parse_zone(time_zone),
            now=now,
        )
        if form == "parquet" and output is not None:
            count = await write_parquet(candles, output)
        else:
            opened = (
                nullcontext(sys.stdout) if output is None else output.open("w", encoding="utf-8", newline="")
            )
            with opened as file:
                count = await write_csv(candles, file)
        typer.echo(f"{count} candles of {source} {symbol}", err=True)
        if not count:
            raise typer.Exit(1)

    with_store(run)


def _parse_interval(text: str) -> "Interval":
    from history.interval import Interval
    from rates.errors import InvalidArgument

    if text not in {one.value for one in Interval}:
        raise InvalidArgument("interval", text, f"one of {' '.join(one.value for one in Interval)}")
    return Interval(text)
