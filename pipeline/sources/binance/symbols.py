"""Binance's spellings of an instrument and of its streams. Never splits a joined symbol: the task says what is what."""

from collections.abc import Iterable, Iterator

# trade: every price at once; bookTicker: best bid and ask; ticker: 24 h statistics, once a second.
STREAM_KINDS = ("trade", "bookTicker", "ticker")
# "Streams per connection" of Binance's documentation.
MAX_STREAMS = 1024
MAX_SYMBOLS = MAX_STREAMS // len(STREAM_KINDS)


def stream_names(source_symbols: Iterable[str]) -> Iterator[str]:
    """The streams that the push feed listens to. Names are lower case: others are accepted and stay silent."""
    for source_symbol in source_symbols:
        for kind in STREAM_KINDS:
            yield f"{source_symbol.lower()}@{kind}"


def parse_stream_name(name: str) -> str:
    """The symbol in the name of a stream, in lower case as it stands there."""
    return name.partition("@")[0]
