"""The table of `ratewire watch`. Colours only repeat what words and signs say."""

from datetime import datetime, timedelta

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ratewire.client.quotes import Quote, Quotes

# Long enough to notice, short enough to tell two price changes apart.
FLASH = timedelta(milliseconds=800)
FRESHNESS_STYLE = {"FRESH": "green", "STALE": "yellow", "EXPIRED": "red"}
SIGNS = {1: ("▲", "green"), -1: ("▼", "red"), 0: (" ", "")}


def draw(quotes: Quotes, status: str, now: datetime) -> RenderableType:
    """Draw the whole screen as of `now`; `status` is the state of the connection."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("symbol")
    table.add_column("source", style="dim")
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("24 h", justify="right")
    table.add_column("age", justify="right")
    table.add_column("")
    for quote in quotes:
        table.add_row(*_cells(quote, now, quotes.server_time(now)))
    lines: list[RenderableType] = [table]
    lines += [Text(f"{symbol}: {why}", style="yellow") for (symbol, _), why in quotes.unavailable.items()]
    if quotes.simulated:
        lines.append(Text("SIMULATED prices: no exchange published them", style="bold yellow"))
    lines.append(Text(status, style="dim"))
    return Group(*lines)


def _cells(quote: Quote, now: datetime, server_now: datetime) -> tuple[Text, ...]:
    sign, colour = SIGNS[quote.direction]
    has_just_moved = quote.moved_at is not None and now - quote.moved_at < FLASH
    freshness = quote.freshness_at(server_now)
    return (
        Text(quote.symbol, style="bold"),
        Text(quote.source),
        Text(f"{quote.price} {sign}", style=f"bold {colour}" if has_just_moved else ""),
        Text("" if quote.change_percent_24h is None else f"{float(quote.change_percent_24h):+.2f} %"),
        Text(format_age(server_now - quote.observed_at)),
        Text(freshness, style=FRESHNESS_STYLE[freshness]),
    )


def format_age(age: timedelta) -> str:
    """Format an age in tenths of a second, seconds, minutes or hours; a negative one as zero."""
    seconds = max(0.0, age.total_seconds())
    for limit, unit, divisor in ((10, "s", 1), (120, "s", 1), (7200, "min", 60)):
        if seconds < limit:
            return f"{seconds / divisor:.1f} {unit}" if limit == 10 else f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 3600:.0f} h"
