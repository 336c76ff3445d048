"""`ratewire watch`: rates in the terminal, live, through lost connections."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated, Any

import typer
from gql.transport.exceptions import TransportQueryError
from rich.console import Console
from rich.live import Live

from rates.clock import utc_now
from rates.source import Source
from ratewire.client.address import DEFAULT_URL, UrlOption, socket_url
from ratewire.client.quotes import Quotes
from ratewire.client.quotes_table import draw
from ratewire.client.resuming import resuming

FRAMES_PER_SECOND = 8
DOCUMENT = """
subscription Watch($symbols: [Symbol!], $sources: [Source!], $sampleIntervalMs: Int!, $after: String) {
  rates(symbols: $symbols, sources: $sources, sampleIntervalMs: $sampleIntervalMs, after: $after) {
    kind sentAt cursor recovered conflated
    items { id symbol source price changePercent24h observedAt ttlMs freshness simulated }
    unavailable { symbol source reason message }
  }
}
"""

Event = dict[str, Any]


def watch(
    symbols: Annotated[
        list[str] | None, typer.Argument(help="BTC/USDT ETH/USDT …; none: all that are tracked.")
    ] = None,
    source: Annotated[
        list[Source] | None,
        typer.Option(case_sensitive=False, help="Only of this source; may be repeated."),
    ] = None,
    sample_ms: Annotated[
        int, typer.Option(min=0, max=3_600_000, help="At most one update in so many milliseconds.")
    ] = 250,
    events: Annotated[
        int | None, typer.Option(min=1, help="End after so many events; else Ctrl-C does.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Watch rates: price, direction, change over 24 hours, and an age that counts up until the next one.

    Comes back by itself after a lost connection, from where it was. Not on a terminal, it prints one JSON line an event.
    """
    variables = {
        "symbols": symbols or None,
        "sources": [one.name for one in source] if source else None,
        "sampleIntervalMs": sample_ms,
    }
    console = Console()
    show = _show_table if console.is_terminal else _print_lines
    try:
        asyncio.run(show(console, url, variables, events))
    except TransportQueryError as exc:
        for error in exc.errors or [{"message": str(exc)}]:
            typer.echo(f"ratewire: {error.get('message', error)}", err=True)
        raise typer.Exit(1) from exc
    except KeyboardInterrupt:
        return


async def _print_lines(console: Console, url: str, variables: Event, events: int | None) -> None:
    def take(event: Event) -> None:
        console.file.write(f"{json.dumps(event, ensure_ascii=False)}\n")
        console.file.flush()

    def complain(error: Exception) -> None:
        typer.echo(f"ratewire: connection lost: {_say(error)}; coming back", err=True)

    await _follow(url, variables, events, take, complain)


async def _show_table(console: Console, url: str, variables: Event, events: int | None) -> None:
    quotes, link = Quotes(), f"connecting to {url}"

    def take(event: Event) -> None:
        nonlocal link
        quotes.apply(event, utc_now())
        if event["kind"] == "SNAPSHOT":
            link = f"{LINKS[event['recovered']]} · {url} · Ctrl-C ends it"

    def lose(error: Exception) -> None:
        nonlocal link
        link = f"connection lost: {_say(error)}; coming back"

    with Live(
        get_renderable=lambda: draw(quotes, link, utc_now()),
        console=console,
        refresh_per_second=FRAMES_PER_SECOND,
        screen=events is None,
    ):
        await _follow(url, variables, events, take, lose)


LINKS = {
    None: "live",
    True: "live again: nothing was missed",
    False: "live again: something may have been missed, everything was read anew",
}


async def _follow(
    url: str,
    variables: Event,
    events: int | None,
    take: Callable[[Event], None],
    on_lost: Callable[[Exception], None],
) -> None:
    seen = 0
    async with aclosing(resuming(socket_url(url), DOCUMENT, variables, on_lost=on_lost)) as stream:
        async for event in stream:
            take(event)
            seen += 1
            if seen == events:
                return


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__
