"""Bybit's names of topics. Pure. Never splits a joined symbol: tasks name base and quote."""

from collections.abc import Iterable, Iterator

# 24 h statistics and every price; the best price of each side.
TICKERS, BOOK = "tickers.", "orderbook.1."


def topics(source_symbols: Iterable[str]) -> Iterator[str]:
    """Yield the topics of each symbol, side by side."""
    for source_symbol in source_symbols:
        yield f"{TICKERS}{source_symbol}"
        yield f"{BOOK}{source_symbol}"


def topic_symbol(topic: str) -> str:
    """Return the symbol of a topic."""
    return topic.rpartition(".")[2]
