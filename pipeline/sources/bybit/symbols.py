"""Bybit's names of topics. Pure. Never splits a joined symbol: tasks name base and quote."""

from collections.abc import Iterable, Iterator

# 24 h statistics and every price; the best price of each side; the time of each trade.
TICKERS, BOOK, TRADES = "tickers", "orderbook.1", "publicTrade"
CHANNELS = (TICKERS, BOOK, TRADES)


def topics(source_symbols: Iterable[str]) -> Iterator[str]:
    """Yield the topics of each symbol, side by side."""
    for source_symbol in source_symbols:
        for channel in CHANNELS:
            yield topic(channel, source_symbol)


def topic(channel: str, source_symbol: str) -> str:
    """Return the topic of a channel and symbol."""
    return f"{channel}.{source_symbol}"


def split_topic(name: str) -> tuple[str, str]:
    """Return channel and symbol of a topic."""
    channel, _, source_symbol = name.rpartition(".")
    return channel, source_symbol
