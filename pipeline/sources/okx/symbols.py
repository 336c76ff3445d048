"""OKX's spelling of instruments: `BTC-USDT`. Pure."""

from collections.abc import Iterable

CHANNEL = "tickers"


def arguments(inst_ids: Iterable[str]) -> list[dict[str, str]]:
    """Return the arguments of a subscription to tickers. Each takes 45 bytes."""
    return [{"channel": CHANNEL, "instId": inst_id} for inst_id in inst_ids]
