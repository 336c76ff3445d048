"""Binance's names of streams. Pure. Never splits a joined symbol: tasks name base and quote."""

from collections.abc import Iterable, Iterator

# trade: every trade; bookTicker: best bid and ask; ticker: 24 h statistics, once a second.
TRADES, BOOK, DAY = "trade", "bookTicker", "ticker"
STREAM_KINDS = (TRADES, BOOK, DAY)
# Limit per connection in Binance's documentation.
MAX_STREAMS = 1024
MAX_SYMBOLS = MAX_STREAMS // len(STREAM_KINDS)


def stream_names(source_symbols: Iterable[str]) -> Iterator[str]:
    """Yield the streams of the push feed.

    Lower case, because others are accepted and stay silent.
    """
    for source_symbol in source_symbols:
        for kind in STREAM_KINDS:
            yield stream_name(source_symbol, kind)


def stream_name(source_symbol: str, kind: str) -> str:
    """Return the name of one stream. Names are lower case: others are accepted and stay silent."""
    return f"{source_symbol.lower()}@{kind}"


def parse_stream_name(name: str) -> str:
    """Return the symbol in a stream's name, in lower case."""
    return name.partition("@")[0]
