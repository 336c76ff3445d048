"""`ratewire watch`: live rates in the terminal, across lost connections."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rates.source import Source
from ratewire.client.address import DEFAULT_URL, UrlOption, proxy_of, socket_url
from ratewire.client.key import KeyFileOption, ReadKey, explain_denial, open_key
from runtime.clock.steady_clock import SteadyClock

if TYPE_CHECKING:
    from ratewire.client.quotes import WatchedEvent

FRAMES_PER_SECOND = 8
DOCUMENT = """
subscription Watch($symbols: [Symbol!], $sources: [SourceId!], $sampleIntervalMs: Int!, $after: String) {
  rates(symbols: $symbols, sources: $sources, sampleIntervalMs: $sampleIntervalMs, after: $after) {
    kind sentAt cursor recovered conflatedCount
    items { id symbol source { code } price changePercent24h observedAt ttlMs freshness simulated }
    unavailable { symbol source { code } reason message }
  }
}
"""

Variables = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Watched:
    """A subscription, and the gateway and the key for it."""

    url: str
    variables: Variables
    events: int | None
    read_key: ReadKey


def watch(  # noqa: PLR0917 - typer passes them by name
    symbols: Annotated[
        list[str] | None, typer.Argument(help="BTC/USDT ETH/USDT …; default: all tracked symbols.")
    ] = None,
    source: Annotated[
        list[Source] | None,
        typer.Option(case_sensitive=False, help="Only of this source; may be repeated."),
    ] = None,
    sample_ms: Annotated[
        int, typer.Option(min=0, max=3_600_000, help="Shortest time between two updates, in milliseconds.")
    ] = 250,
    events: Annotated[
        int | None, typer.Option(min=1, help="End after this many events; default: at Ctrl-C.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
) -> None:
    """Watch rates: price, direction, change over 24 hours, and the age of each price.

    Reconnects after a lost connection and resumes at the last event. Into a file or a pipe it prints one line of JSON per event.

    Exits with 1 if the gateway refuses the subscription or the key, with 2 if an option is invalid.
    """
    import asyncio

    variables = {
        "symbols": symbols or None,
        "sources": [one.name for one in source] if source else None,
        "sampleIntervalMs": sample_ms,
    }
    watched = Watched(url, variables, events, open_key(key_file))
    show = _show_table if sys.stdout.isatty() else _print_lines
    try:
        asyncio.run(show(watched))
    except _Refused as exc:
        for message in exc.messages:
            typer.echo(f"ratewire: {message}", err=True)
        raise typer.Exit(1) from exc
    except KeyboardInterrupt:
        return


async def _print_lines(watched: Watched) -> None:
    def print_event(event: "WatchedEvent") -> None:
        typer.echo(json.dumps(event, ensure_ascii=False))

    def print_loss(error: Exception) -> None:
        typer.echo(f"ratewire: connection lost: {_describe(error)}; reconnecting", err=True)

    await _subscribe(watched, print_event, print_loss)


async def _show_table(watched: Watched) -> None:
    from threading import Lock

    from rich.console import RenderableType
    from rich.live import Live

    from ratewire.client.quotes import Quotes
    from ratewire.client.quotes_table import draw

    quotes, status = Quotes(), f"connecting to {watched.url}"
    # The server's time is known by its distance from this clock: a step between two events must not change it.
    clock = SteadyClock()
    # rich draws in a thread of its own.
    lock = Lock()

    def apply(event: "WatchedEvent") -> None:
        nonlocal status
        with lock:
            quotes.apply(event, clock())
        if event["kind"] == "SNAPSHOT":
            status = f"{STATUSES[event['recovered']]} · {watched.url} · Ctrl-C ends it"

    def show_loss(error: Exception) -> None:
        nonlocal status
        status = f"connection lost: {_describe(error)}; reconnecting"

    def draw_now() -> RenderableType:
        with lock:
            return draw(quotes, status, clock())

    with Live(
        get_renderable=draw_now,
        refresh_per_second=FRAMES_PER_SECOND,
        screen=watched.events is None,
    ):
        await _subscribe(watched, apply, show_loss)


STATUSES = {
    None: "live",
    True: "live again: nothing was missed",
    False: "live again: updates may have been missed, all rates were read anew",
}


async def _subscribe(
    watched: Watched,
    on_event: Callable[["WatchedEvent"], None],
    on_lost: Callable[[Exception], None],
) -> None:
    # Here, so that the table is on the screen before it is imported.
    from ratewire.client.resuming import SubscriptionRefused, resuming

    seen, url = 0, socket_url(watched.url)
    try:
        stream = resuming(
            url,
            DOCUMENT,
            watched.variables,
            on_lost=on_lost,
            proxy=proxy_of(url),
            read_key=watched.read_key,
        )
        async with aclosing(stream):
            async for event in stream:
                on_event(cast("WatchedEvent", event))
                seen += 1
                if seen == watched.events:
                    return
    except SubscriptionRefused as exc:
        has_key = watched.read_key() is not None
        raise _Refused([_explain(error, has_key=has_key) for error in exc.errors]) from exc


def _explain(error: Mapping[str, object], *, has_key: bool) -> str:
    return explain_denial(error, has_key=has_key) or str(error.get("message", error))


class _Refused(Exception):
    """The gateway rejects the subscription, for example for an unknown symbol."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages))


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
