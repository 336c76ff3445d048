"""Bybit's spellings of an instrument and of its topics. Pure. Never splits a joined symbol: the task says what is what."""

from collections.abc import Iterable, Iterator

# Everything about the day and every price; the best price of each side.
TICKERS, BOOK = "tickers.", "orderbook.1."


def topics(source_symbols: Iterable[str]) -> Iterator[str]:
    """What is subscribed for each symbol; both of one symbol side by side."""
    for source_symbol in source_symbols:
        yield f"{TICKERS}{source_symbol}"
        yield f"{BOOK}{source_symbol}"


def topic_symbol(topic: str) -> str:
    """Bybit's symbol that a topic is about."""
    return topic.rpartition(".")[2]
