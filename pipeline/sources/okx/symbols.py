"""OKX's spelling of an instrument is `BTC-USDT`. Pure."""

from collections.abc import Iterable

CHANNEL = "tickers"


def arguments(inst_ids: Iterable[str]) -> list[dict[str, str]]:
    """What a subscription to these tickers names; 45 bytes each, of 64 kB that one request may have."""
    return [{"channel": CHANNEL, "instId": inst_id} for inst_id in inst_ids]
