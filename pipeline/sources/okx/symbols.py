"""OKX's spelling of instruments: `BTC-USDT`. Pure."""

from collections.abc import Iterable, Iterator

# Last price, best prices and 24 h statistics; the time of each trade.
TICKERS, TRADES = "tickers", "trades"
CHANNELS = (TICKERS, TRADES)


def topics(inst_ids: Iterable[str]) -> Iterator[str]:
    """Yield the topics of each instrument, side by side."""
    for inst_id in inst_ids:
        for channel in CHANNELS:
            yield topic(channel, inst_id)


def topic(channel: str, inst_id: str) -> str:
    """Return our name of a channel of an instrument."""
    return f"{channel}:{inst_id}"


def split_topic(name: str) -> tuple[str, str]:
    """Return channel and instrument of a topic."""
    channel, _, inst_id = name.partition(":")
    return channel, inst_id


def arguments(names: Iterable[str]) -> list[dict[str, str]]:
    """Return the arguments of a subscription to topics. Each takes 45 bytes."""
    return [{"channel": channel, "instId": inst_id} for channel, inst_id in map(split_topic, names)]
