"""Binance's names of streams. Pure. Never splits a joined symbol: tasks name base and quote."""

from collections.abc import Iterable, Iterator

# trade: every trade; bookTicker: best bid and ask; ticker: 24 h statistics, once a second.
STREAM_KINDS = ("trade", "bookTicker", "ticker")
# Limit per connection in Binance's documentation.
MAX_STREAMS = 1024
MAX_SYMBOLS = MAX_STREAMS // len(STREAM_KINDS)


def stream_names(source_symbols: Iterable[str]) -> Iterator[str]:
    """Yield the streams of the push feed.

    Lower case, because others are accepted and stay silent.
    """
    for source_symbol in source_symbols:
        for kind in STREAM_KINDS:
            yield f"{source_symbol.lower()}@{kind}"


def parse_stream_name(name: str) -> str:
    """Return the symbol in a stream's name, in lower case."""
    return name.partition("@")[0]
